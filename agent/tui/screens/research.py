"""A run of research: its plan to approve, then its progress. Left with its report.

Works through the run that it is given, and knows no model, no library and no web.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, get_args

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Static
from textual.worker import Worker, WorkerError

from agent.errors import AgentError
from agent.research.types import Report, Step
from agent.tui.tally import Tally
from agent.tui.widgets.plan_editor import PlanEditor
from agent.tui.widgets.plan_tree import PlanTree
from agent.tui.widgets.safe_text import one_line
from agent.tui.widgets.work_log import WorkLog
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from agent.research.journal import Used
    from agent.research.run import Approve
    from agent.research.types import Plan

Phase = Literal["planning", "approving", "working", "failed"]
_TICK = 0.5
"""Seconds between two states of the meter."""


class Run(Protocol):
    """What is researched, as far as this screen goes; `agent.tui.runs.Run` is one."""

    @property
    def id(self) -> str:
        """As `/research --resume` takes it."""

    @property
    def question(self) -> str:
        """What was asked."""

    @property
    def where(self) -> str:
        """Where it looks, as a sentence."""

    @property
    def used(self) -> Used:
        """Tokens and seconds so far."""

    @property
    def cost(self) -> float | None:
        """US dollars so far; None where the model's price is not known."""

    @property
    def pages(self) -> int:
        """Sources read so far."""

    def work(self, decide: Approve) -> AsyncGenerator[Step | Report, None]:
        """Steps, and the report last; no report where the plan is not approved."""

    def stop(self) -> None:
        """End the search, and have the report written of what there is."""


class ResearchScreen(Screen[Report | str]):
    """Left with the report, or with a line that says what became of the run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop and write up", key_display="esc"),
        Binding("escape", "leave", "Leave", key_display="esc"),
    ]
    DEFAULT_CSS = """
    ResearchScreen { layout: vertical; }
    ResearchScreen #question { height: auto; max-height: 3; padding: 0 1; background: $panel;
                               text-style: bold; }
    ResearchScreen #where { height: auto; max-height: 2; padding: 0 1; background: $panel;
                            color: $text-muted; }
    ResearchScreen #progress, ResearchScreen #done { height: 1fr; }
    ResearchScreen #done { padding: 0 1; border-top: solid $panel; }
    ResearchScreen.-linear #done { border-top: none; }
    ResearchScreen #meter { height: 1; padding: 0 1; text-style: bold; text-wrap: nowrap;
                            text-overflow: ellipsis; }
    ResearchScreen #note { height: auto; min-height: 1; max-height: 3; padding: 0 1;
                           color: $text-muted; background: $panel; }
    ResearchScreen.-failed #note { color: $text-error; }
    ResearchScreen PlanEditor { display: none; }
    ResearchScreen.-approving PlanEditor { display: block; }
    ResearchScreen.-approving #progress, ResearchScreen.-approving #done,
    ResearchScreen.-approving #meter, ResearchScreen.-approving #note { display: none; }
    """

    def __init__(self, run: Run) -> None:
        """Research; it begins once the screen stands.

        Args:
            run: That is open, and stays its opener's.
        """
        super().__init__()
        self.phase: Phase = "planning"
        self._run = run
        self._tally = Tally()
        self._stopped = False
        self._decided: asyncio.Future[Plan | None] | None = None
        self._working: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        """The question; the plan, or what is done for it; how far it is; a note, keys."""
        yield Static(one_line(self._run.question, 400), id="question", markup=False)
        yield Static(one_line(self._run.where, 400), id="where", markup=False)
        yield PlanEditor(id="editor")
        yield PlanTree(id="progress")
        yield WorkLog(id="done")
        yield Static(id="meter", markup=False)
        yield Static(id="note", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin."""
        plain = self.app.has_class("-plain")
        self.set_class(plain, "-linear")
        self.query_one(PlanEditor).linear(plain)
        self.query_one("#progress", PlanTree).linear(plain)
        self._enter("planning", "Planning …")
        self.set_interval(_TICK, self._meter)
        self._working = self.run_worker(self._work())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc stops first, and leaves the second time."""
        stops = self.phase == "working" and not self._stopped
        if action in ("stop", "leave"):
            return stops == (action == "stop")
        return True

    # the work

    async def _work(self) -> None:
        report: Report | None = None
        try:
            async with aclosing(self._run.work(self._decide)) as events:
                async for event in events:
                    if isinstance(event, Report):
                        report = event
                    else:
                        self._show_step(event)
        except (AgentError, KnowledgeError, OSError) as error:
            said = f"{error} {getattr(error, 'hint', '')}".rstrip()
            self._enter("failed", f"{said} {self._kept}".rstrip())
            return
        self.dismiss("Nothing was researched." if report is None else report)

    def _show_step(self, step: Step) -> None:
        self._tally.add(step, self._run.used.seconds)
        if step.part is not None and self.phase != "working":
            self._enter("working", "Esc ends the search, and writes up what there is.")
            self.query_one("#progress").focus()
        if self.phase == "working":
            tally = self._tally
            found = {n: tally.found(n) for n in tally.questions}
            self.query_one("#progress", PlanTree).show_progress(tally.questions, found)
        self.query_one(WorkLog).show_lines(self._tally.lines)
        self._meter()

    def _meter(self) -> None:
        if self.phase != "working":
            return
        used = self._run.used
        line = self._tally.line(
            pages=self._run.pages,
            tokens=used.tokens,
            cost=self._run.cost,
            seconds=used.seconds,
            bar=not self.app.has_class("-plain"),
        )
        self.query_one("#meter", Static).update(line)

    def _enter(self, phase: Phase, note: str) -> None:
        self.phase = phase
        for name in get_args(Phase):
            self.set_class(name == phase, f"-{name}")
        self._note(note)
        self.refresh_bindings()

    def _note(self, text: str) -> None:
        self.query_one("#note", Static).update(one_line(text, 500))

    # the plan

    async def _decide(self, plan: Plan) -> Plan | None:
        self._decided = asyncio.get_running_loop().create_future()
        self._enter("approving", "")
        self.query_one(PlanEditor).show(plan)
        approved = await self._decided
        self._enter("planning", "")
        return approved

    def on_plan_editor_decided(self, event: PlanEditor.Decided) -> None:
        """Go on, or leave."""
        event.stop()
        if self._decided is not None and not self._decided.done():
            self._decided.set_result(event.plan)

    # leaving

    @property
    def _kept(self) -> str:
        """How to go on, where there is something to go on with."""
        return f"Go on with it: /research --resume {self._run.id}" if self._tally.questions else ""

    def action_stop(self) -> None:
        """End the search."""
        self._stopped = True
        self._run.stop()
        self._note("Writing up what there is; Esc again leaves, and keeps what is done.")
        self.refresh_bindings()

    async def action_leave(self) -> None:
        """Leave at once; what is done is kept."""
        if self._working is not None:
            self._working.cancel()
            with suppress(WorkerError):
                await self._working.wait()
        question = one_line(self._run.question, 200)
        kept = f"Research {self._run.id} is not finished: {question}\n{self._kept}"
        self.dismiss(kept if self._kept else "Nothing was researched.")

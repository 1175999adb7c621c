"""One question answered in several modes, side by side. Asks through what it is given."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static
from textual.worker import Worker, WorkerError

from agent.tui.turn import Turn
from agent.tui.widgets.safe_text import one_line
from agent.tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from agent.events import Event
    from agent.tui.clipboard import Copies

Ask = Callable[[str], AsyncGenerator["Event", None]]
_WIDE = 100
"""Columns from which the answers stand side by side."""


class CompareScreen(Screen[None]):
    """A column for each mode, filled one after the other."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Stop and leave", key_display="esc")
    ]
    DEFAULT_CSS = """
    CompareScreen #question { height: auto; max-height: 4; padding: 0 1; background: $panel;
                              text-style: bold; }
    CompareScreen #columns { layout: vertical; height: 1fr; }
    CompareScreen.-wide #columns { layout: horizontal; }
    CompareScreen .column { width: 1fr; height: 1fr; border-left: solid $panel; }
    CompareScreen .mode { height: 1; padding: 0 1; color: $text-accent; text-style: bold; }
    """

    def __init__(self, question: str, modes: Sequence[str], ask: Ask) -> None:
        """Compare; it begins once the screen stands.

        Args:
            question: What is asked.
            modes: In this order.
            ask: Asks it in a mode.
        """
        super().__init__()
        self._question = question
        self._modes = tuple(modes)
        self._ask = ask
        self._asking: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        """The question, and a column for each mode."""
        yield Static(Content(one_line(self._question, 400)), id="question")
        with Container(id="columns"):
            for mode in self._modes:
                with Vertical(classes="column"):
                    yield Static(f"{mode}: waits", id=f"mode-{mode}", classes="mode", markup=False)
                    yield Transcript(id=f"answer-{mode}")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin."""
        for transcript in self.query(Transcript):
            transcript.in_words = self.app.has_class("-plain")
        self.query(Transcript).first().focus()
        self._asking = self.run_worker(self._ask_all())

    def on_resize(self) -> None:
        """Side by side, where there is room."""
        self.set_class(self.size.width >= _WIDE, "-wide")

    async def _ask_all(self) -> None:
        for mode in self._modes:
            head = self.query_one(f"#mode-{mode}", Static)
            turn = Turn(self.query_one(f"#answer-{mode}", Transcript).begin(self._question))
            try:
                async with aclosing(self._ask(mode)) as events:
                    async for event in events:
                        turn.show(event)
                        head.update(f"{mode}: {turn.standing.state}")
            finally:
                turn.leave()
            cited = len(turn.answer.citations)
            head.update(f"{mode}: {turn.standing.state}, {cited} cited")

    def on_transcript_selected(self, event: Transcript.Selected) -> None:
        """The sources beside the chat's own answers are not for these."""
        event.stop()

    def on_transcript_wanted(self, event: Transcript.Wanted) -> None:
        """An answer can be copied here; all else is done in the chat."""
        event.stop()
        if event.what == "copy":
            cast("Copies", self.app).copy(event.answer.text, "answer")
        else:
            self.notify("Esc leaves the comparison: its answers are in the chat.", markup=False)

    async def action_leave(self) -> None:
        """Back, once what is running has ended."""
        if self._asking is not None:
            self._asking.cancel()
            with suppress(WorkerError):
                await self._asking.wait()
        self.dismiss(None)

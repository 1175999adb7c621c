"""Research that is played: its steps and its report are given, and it waits where it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agent.errors import AgentError
from agent.events import Citation
from agent.research.journal import RunInfo, Used
from agent.research.render import form_of, rendered
from agent.research.run import Approve
from agent.research.types import Plan, Report, Step
from agent.tui.runs import Runs
from knowledge.types import Document
from tests.agent.research.material import PLAN, TEXTS, report
from tests.agent.tui.chat_host import FakeHost

STEPS = (
    Step("search", "“Fastnet first lit”: 3 found", 1, 100, 1000),
    Step("read", "Page s1", 1, 300, 1000),
    Step("note", "It was first lit in 1904, after seven years of work.", 1, 320, 1000),
    Step("warning", "Not read: https://gone.example/: HTTP 404", 1, 350, 1000),
    Step("read", "Page s3 \x1b]52;c;ZXZpbA==\x07 [red]x[/]", 2, 420, 1000),
)


class PlayedRun:
    """Shows the plan, makes its steps, waits to be let go or stopped, and reports."""

    id = "abc234"
    question = PLAN.question
    where = "Searches your library (3 sources) only."

    def __init__(self, *, waits: bool = True, fails: str = "", plan: Plan = PLAN) -> None:
        self.plan = plan
        self.approved: Plan | None = None
        self.stopped = False
        self.closed = False
        self.go_on = asyncio.Event()
        self.used = Used()
        self.pages = 2
        self._waits = waits
        self._fails = fails

    @property
    def cost(self) -> float | None:
        return self.used.cost

    async def work(self, decide: Approve) -> AsyncGenerator[Step | Report, None]:
        try:
            yield Step("plan", "Planning", None, 0, 1000)
            self.approved = await decide(self.plan)
            if self.approved is None:
                return
            for part in self.approved.parts:
                yield Step("plan", part.question, part.n, 20, 1000)
            self.used = Used(tokens=1840, cost=0.0021, steps=4, seconds=12.0)
            for step in STEPS:
                yield step
            if self._fails:
                raise AgentError(self._fails, hint="Look at the model.")
            if self._waits:
                await self.go_on.wait()
            yield Step("write", "Writing the report", None, 5000, 1000)
            yield report()
        finally:
            self.closed = True

    def stop(self) -> None:
        self.stopped = True

    async def document(self, report: Report, citation: Citation) -> Document:
        source = next(s for s in report.sources if s.final_url == citation.source)
        return Document(TEXTS[source.id], "text", source.title)

    async def citations(self, report: Report) -> list[Citation]:
        sources = {source.id: source for source in report.sources}
        return [
            Citation(
                note.n, sources[note.source].final_url, sources[note.source].title,
                f"{note.source}, characters {note.start} to {note.end}", note.quote, note.start,
                note.end, True, False,
                Document(TEXTS[note.source], "text", sources[note.source].title).id,
            )
            for note in report.notes
        ]  # fmt: skip

    def export(self, report: Report, file: Path) -> None:
        file.write_text(rendered(report, form_of(file)), encoding="utf-8")


class PlayedRuns:
    """Runs that are all one."""

    def __init__(self, run: PlayedRun) -> None:
        self.asked: list[Any] = []
        self._run = run

    def unfinished(self) -> list[RunInfo]:
        return [RunInfo("abc234", "When was it lit?", "embedded", "open", 1.7e9, 1.7e9)]

    @asynccontextmanager
    async def begun(self, question: str, *, web: bool = True) -> AsyncIterator[Any]:
        self.asked.append((question, web))
        yield self._run

    @asynccontextmanager
    async def resumed(self, name: str = "") -> AsyncIterator[Any]:
        self.asked.append(("--resume", name))
        yield self._run


class ResearchHost(FakeHost):
    """A host whose research is played."""

    def __init__(self, run: PlayedRun) -> None:
        super().__init__()
        self.runs = PlayedRuns(run)

    def research(self, library: Any) -> Runs:
        return self.runs  # type: ignore[return-value]

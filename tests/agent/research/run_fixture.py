"""A run of research over pages in memory: begun in a folder, gone through, with what it told."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from agent.messages import ModelUsage, Price
from agent.models.scripted import Scripted
from agent.research.base import Options
from agent.research.journal import Journal, Journals
from agent.research.run import Approve, Research
from agent.research.types import Hit, Part, Report, Step
from tests.agent.research.stage_fakes import Pages

PAGES = {
    f"https://{host}.org/{n}": f"The canal of {host} is {n} km long. It has a lock."
    for n, host in enumerate(("a", "b", "c", "d", "e", "f"), start=1)
}
QUESTION = "How long is the canal and when was it opened?"
PLAN = '{"parts": [{"question": "canal", "queries": ["canal length"]}]}'


class Counted(Scripted):
    """A scripted model whose tokens are its words, at a price."""

    price = Price(input=0.001, output=0.001)  # type: ignore[assignment]

    def count(self, text: str) -> int:
        return len(text.split())

    async def stream(self, *args, **kwargs):  # type: ignore[no-untyped-def, override]
        async with aclosing(super().stream(*args, **kwargs)) as deltas:
            async for delta in deltas:
                priced = isinstance(delta, ModelUsage)
                yield replace(delta, cost=None) if priced else delta


class Endless(Pages):
    """A web that has four new pages for every query."""

    def __init__(self) -> None:
        super().__init__({})

    async def search(self, part: Part, query: str) -> list[Hit]:
        made = len(self._pages)
        new = {f"https://h{n}.org/": f"Canal {n} is long." for n in range(made, made + 4)}
        self._pages |= new
        return [Hit(part.n, "web", url, url, text, "", 1.0, ()) for url, text in new.items()]


def begun(tmp_path: Path, options: Options | None = None) -> Journal:
    return Journals(tmp_path).create(QUESTION, options or Options(), "m")


async def finished(
    research: Research, decide: Approve | None = None
) -> tuple[list[Step], Report | None]:
    steps: list[Step] = []
    report = None
    async with aclosing(research.run(decide)) as events:
        async for event in events:
            if isinstance(event, Report):
                report = event
            else:
                steps.append(event)
    return steps, report

"""A run of research where one of two places cannot be searched: told, and tried again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.models.embedded import Embedded
from agent.research.gather import BothGather
from agent.research.run import NothingFound, Research
from agent.research.types import Hit, Part, Report, Source
from tests.agent.research.run_fixture import PAGES, begun, finished
from tests.agent.research.stage_fakes import Pages, free_stages

WHY = "The web could not be searched: No search engine is configured."


class Shelf(Pages):
    """Pages of a library."""

    async def search(self, part: Part, query: str) -> list[Hit]:
        return [replace(hit, origin="library") for hit in await super().search(part, query)]

    async def read(self, hit: Hit) -> tuple[Source, str]:
        source, text = await super().read(hit)
        return replace(source, origin="library"), text


def places() -> tuple[Pages, Shelf]:
    web = Pages(PAGES)
    web.down = True
    return web, Shelf({"canal.md": "The canal of the library is 9 km long."})


async def test_a_web_that_fails_beside_the_library_stands_in_the_report(tmp_path: Path) -> None:
    research = Research(Embedded(None), begun(tmp_path), BothGather(*places()), free_stages())
    steps, report = await finished(research)
    assert report is not None
    assert {source.url for source in report.sources} == {"canal.md"}
    assert report.method.partial_reason == f"Not every search could be made. {WHY}"
    warnings = [step.text for step in steps if step.kind == "warning"]
    assert [WHY in text for text in warnings] == [True]  # once, whatever the number of searches


async def test_a_resumed_run_searches_again_where_one_of_two_failed(tmp_path: Path) -> None:
    (web, shelf), journal = places(), begun(tmp_path)
    events = Research(Embedded(None), journal, BothGather(web, shelf), free_stages()).run()
    async for event in events:
        if not isinstance(event, Report) and event.kind == "note":
            break
    await events.aclose()
    web.down = False
    research = Research(Embedded(None), journal, BothGather(web, shelf), free_stages())
    _, report = await finished(research)
    assert report is not None
    assert {source.origin for source in report.sources} == {"web", "library"}
    assert report.method.partial_reason == ""
    assert shelf.reads == ["canal.md"]


async def test_a_library_that_holds_nothing_does_not_hide_that_the_web_failed(
    tmp_path: Path,
) -> None:
    (web, _), journal = places(), begun(tmp_path)
    research = Research(Embedded(None), journal, BothGather(web, Shelf({})), free_stages())
    with pytest.raises(NothingFound, match=f"Nothing was found. {WHY}") as told:
        await finished(research)
    assert told.value.hint == "agent config set …"

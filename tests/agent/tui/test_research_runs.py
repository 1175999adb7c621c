"""Runs of research as the chat opens them: begun, forgotten, gone on with, written to a file."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UsageError
from agent.paths import Paths
from agent.research.base import Options
from agent.research.journal import Journals
from agent.research.types import Plan, Report
from agent.tui.host import Host
from agent.tui.runs import Run, Runs
from tests.agent.tui.chat_host import parts
from tests.fakes import EchoModel, MemoryLibrary

TEXTS = {
    "fastnet.md": "The Fastnet lighthouse was first lit in 1904, after seven years of work.",
    "keepers.md": "Keepers lived on Fastnet Rock until 1989, when the lamp was made automatic.",
}
QUESTION = "When was the Fastnet lighthouse first lit?"


def runs(texts: Mapping[str, str] = TEXTS, **settings: str) -> Runs:
    library: Any = MemoryLibrary(texts)
    host = Host(lambda overrides, notify: parts({**settings, **overrides}, notify))
    return host.research(library)


async def yes(plan: Plan) -> Plan | None:
    return plan


async def no(plan: Plan) -> Plan | None:
    return None


async def report_of(run: Run) -> Report:
    found = [event async for event in run.work(yes) if isinstance(event, Report)]
    return found[-1]


async def test_a_run_over_the_library_ends_in_a_report_whose_citations_open() -> None:
    async with runs().begun(QUESTION) as run:
        assert run.where == "Searches your library (2 sources) only."
        report = await report_of(run)
        citations = await run.citations(report)
        assert citations
        for citation in citations:
            document = await run.document(report, citation)
            assert document.id == citation.document_id
            assert document.text[citation.start : citation.end] == citation.quote
            assert citation.verified
        assert run.pages >= 1
        assert run.cost == 0.0


async def test_a_plan_that_is_not_approved_leaves_no_run() -> None:
    kept = runs()
    async with kept.begun(QUESTION) as run:
        assert [event async for event in run.work(no) if isinstance(event, Report)] == []
    assert kept.unfinished() == []


async def test_a_run_that_was_left_is_gone_on_with_and_not_planned_again() -> None:
    kept = runs()
    async with kept.begun(QUESTION) as run:
        steps = run.work(yes)
        async for event in steps:
            if not isinstance(event, Report) and event.kind == "search":
                break
        await steps.aclose()
    (left,) = kept.unfinished()
    assert left.question == QUESTION
    async with kept.resumed() as run:
        assert run.id == left.id
        report = [event async for event in run.work(no) if isinstance(event, Report)]
    assert report
    assert kept.unfinished() == []


async def test_a_finished_run_shows_its_report_again() -> None:
    kept = runs()
    async with kept.begun(QUESTION) as run:
        first = await report_of(run)
    async with kept.resumed(first.id) as run:
        assert [event async for event in run.work(no) if isinstance(event, Report)] == [first]


async def test_an_empty_library_with_no_engine_is_told_what_to_do() -> None:
    with pytest.raises(UsageError, match="There is nothing to search") as told:
        async with runs({}).begun(QUESTION):
            pass
    assert "/add PATH" in told.value.hint


async def test_a_run_about_another_library_is_not_mixed_up_with_this_one() -> None:
    async with runs(library="work").begun(QUESTION) as run:
        await report_of(run)
        left = run.id
    journals = Journals(Paths.from_env().state / "research")
    options = journals.open(left).options
    left = journals.create(QUESTION, options, "embedded").id
    journals.close()
    with pytest.raises(UsageError, match="is about the library work") as told:
        async with runs().resumed(left):
            pass
    assert told.value.hint == f"agent research --resume {left}"


async def test_a_run_that_is_to_use_no_network_is_not_gone_on_with_here() -> None:
    journals = Journals(Paths.from_env().state / "research")
    left = journals.create(QUESTION, Options(offline=True), "embedded").id
    journals.close()
    with pytest.raises(UsageError, match="use no network") as told:
        async with runs().resumed(left):
            pass
    assert told.value.hint == f"agent research --resume {left}"


async def test_a_finished_report_is_shown_whatever_library_it_is_about() -> None:
    async with runs(library="work").begun(QUESTION) as run:
        first = await report_of(run)
    async with runs().resumed(first.id) as run:
        assert await report_of(run) == first


async def test_the_chats_model_stays_open_and_one_of_a_resumed_run_does_not() -> None:
    class Closing(EchoModel):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    mine, other = parts({}, print), parts({}, print)
    mine.model, other.model = chats, its = Closing(), Closing()
    library: Any = MemoryLibrary(TEXTS)
    kept = Runs(mine, lambda name: mine if name == "mine" else other, library)
    for name in ("mine", "other"):
        with mine.research.journals() as journals:
            left = journals.create(QUESTION, Options(web=False), name).id
        async with kept.resumed(left):
            pass
    async with kept.begun(QUESTION):
        pass
    assert (chats.closed, its.closed) == (0, 1)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
async def test_a_report_has_the_permissions_of_the_users_other_files(tmp_path: Path) -> None:
    async with runs().begun(QUESTION) as run:
        report = await report_of(run)
        before = os.umask(0o027)
        try:
            run.export(report, tmp_path / "report.md")
        finally:
            os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.md").stat().st_mode) == 0o640


async def test_a_report_is_written_whole_and_over_no_other_file(tmp_path: Path) -> None:
    async with runs().begun(QUESTION) as run:
        report = await report_of(run)
        folder = tmp_path / "reports"
        folder.mkdir()
        file = folder / "report.json"
        run.export(report, file)
        assert json.loads(file.read_text())["question"] == QUESTION
        with pytest.raises(UsageError, match="There is a file"):
            run.export(report, file)
        with pytest.raises(UsageError, match="cannot be written"):
            run.export(report, tmp_path / "missing" / "report.md")
        assert [each.name for each in folder.iterdir()] == ["report.json"]

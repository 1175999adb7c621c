"""A run of research: its report, its rounds, its plan, its progress, and what goes wrong."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agent.mcp_client import McpFailed
from agent.models.embedded import Embedded
from agent.research.base import Options
from agent.research.choose import Chooser
from agent.research.reading_list import SPARE
from agent.research.run import NothingFound, Research
from agent.research.types import Hit, Part, Plan
from tests.agent.research.run_fixture import PAGES, Counted, begun, finished
from tests.agent.research.stage_fakes import MoreIsMissing, Pages, asking_stages, free_stages


async def test_a_run_ends_with_a_report_that_stands_on_what_was_read(tmp_path: Path) -> None:
    pages, journal = Pages(PAGES, dead=("https://z.org/dead",)), begun(tmp_path)
    steps, report = await finished(Research(Embedded(None), journal, pages, free_stages()))
    assert report is not None
    assert report.id == journal.id
    assert {source.url for source in report.sources} <= set(PAGES)
    assert report.method.pages_read == len(report.sources) > 0
    assert report.method.rounds == 2
    assert report.method.searches == len(pages.queries)
    for note in report.notes:
        assert journal.text(note.source)[note.start : note.end] == note.quote
    assert [note.n for note in report.notes] == list(range(1, len(report.notes) + 1))
    assert {step.kind for step in steps} >= {"plan", "search", "read", "note", "write", "verify"}
    assert journal.report == report


async def test_a_page_that_cannot_be_read_is_named_with_its_reason(tmp_path: Path) -> None:
    pages = Pages({}, dead=("https://z.org/dead",))
    steps, report = await finished(Research(Embedded(None), begun(tmp_path), pages, free_stages()))
    assert report is not None
    assert report.method.pages_failed == (("https://z.org/dead", "404 Not Found"),)
    assert report.sources == ()
    assert any(step.kind == "warning" and "404" in step.text for step in steps)


async def test_progress_never_goes_back_and_never_passes_the_whole(tmp_path: Path) -> None:
    research = Research(Embedded(None), begun(tmp_path), Pages(PAGES), free_stages())
    steps, _ = await finished(research)
    shares = [step.share for step in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert max(shares[:-1]) < 1.0


async def test_searching_ends_when_nothing_is_open(tmp_path: Path) -> None:
    stages = free_stages(MoreIsMissing(content_with=1))
    research = Research(Embedded(None), begun(tmp_path, Options(depth=5)), Pages(PAGES), stages)
    _, report = await finished(research)
    assert report is not None
    assert report.method.rounds == 1
    assert report.method.partial_reason == ""


async def test_a_mirror_is_read_but_not_noted_twice(tmp_path: Path) -> None:
    same = {"https://a.org/": "The canal is long.", "https://b.org/": "The canal is long."}
    _, report = await finished(
        Research(Embedded(None), begun(tmp_path), Pages(same), free_stages())
    )
    assert report is not None
    assert len(report.sources) == 2
    assert {note.source for note in report.notes} == {"s1"}


async def test_a_person_may_change_the_plan_or_refuse_it(tmp_path: Path) -> None:
    async def change(plan: Plan) -> Plan:
        return replace(plan, parts=(replace(plan.parts[0], queries=("only this canal",)),))

    async def refuse(plan: Plan) -> None:
        return None

    pages, journal = Pages(PAGES), begun(tmp_path)
    _, none = await finished(Research(Embedded(None), journal, pages, free_stages()), refuse)
    assert none is None
    assert (pages.queries, journal.plan) == ([], None)
    _, report = await finished(Research(Embedded(None), journal, pages, free_stages()), change)
    assert report is not None
    assert len(report.plan.parts) == 1
    assert pages.queries[0] == "only this canal"


async def test_a_changed_plan_is_estimated_anew(tmp_path: Path) -> None:
    async def more(plan: Plan) -> Plan:
        part = plan.parts[0]
        return replace(plan, parts=tuple(replace(part, n=n) for n in range(1, 11)))

    _, report = await finished(
        Research(Embedded(None), begun(tmp_path), Pages(PAGES), free_stages()), more
    )
    assert report is not None
    assert report.plan.estimate.pages == 10 * Options().pages * Options().depth * SPARE


async def test_where_nothing_can_be_searched_the_user_is_told_what_to_do(tmp_path: Path) -> None:
    pages, journal = Pages(PAGES), begun(tmp_path)
    pages.down = True
    with pytest.raises(NothingFound, match="No search engine") as raised:
        await finished(Research(Embedded(None), journal, pages, free_stages()))
    assert raised.value.hint == "agent config set …"
    pages.down = False
    _, report = await finished(Research(Embedded(None), journal, pages, free_stages()))
    assert report is not None
    assert report.sources


async def test_a_search_that_failed_makes_the_report_partial_and_says_why(
    tmp_path: Path,
) -> None:
    class Flaky(Pages):
        async def search(self, part: Part, query: str) -> list[Hit]:
            self.down = len(self.queries) == 2
            if self.down:
                self.queries.append(query)
            return await super().search(part, query)

    _, report = await finished(
        Research(Embedded(None), begun(tmp_path), Flaky(PAGES), free_stages())
    )
    assert report is not None
    assert report.sources
    assert report.method.partial_reason.startswith("Not every search could be made. No search")


async def test_rounds_end_when_nothing_new_is_found(tmp_path: Path) -> None:
    journal = begun(tmp_path, Options(depth=50))
    _, report = await finished(Research(Embedded(None), journal, Pages(PAGES), free_stages()))
    assert report is not None
    assert report.method.rounds < 5


async def test_a_model_that_makes_no_plan_gets_one_by_rule(tmp_path: Path) -> None:
    model = Counted(["I would rather not."], loop=True)
    steps, report = await finished(Research(model, begun(tmp_path), Pages(PAGES), asking_stages()))
    assert report is not None
    assert len(report.plan.parts) == 2
    assert any("Planned by rule" in step.text for step in steps)


async def test_cancelling_leaves_no_reading_behind(tmp_path: Path) -> None:
    class Slow(Pages):
        running = 0

        async def read(self, hit):  # type: ignore[no-untyped-def, override]
            self.running += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.running -= 1

    pages = Slow(PAGES)
    research = Research(Embedded(None), begun(tmp_path), pages, free_stages())
    task = asyncio.create_task(finished(research))
    while not pages.running:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pages.running == 0


async def test_pages_that_say_nothing_of_their_own_use_up_no_place(tmp_path: Path) -> None:
    said = "The canal is 12 km long and was dug by hand. It has a lock."
    pages = {
        "https://a.org/wall": "Subscribe to continue reading about the canal and its two locks.",
        "https://b.org/": said,
        "https://c.org/copy": said,
        "https://d.org/stub": "The canal.",
        "https://e.org/": "The canal is 13 km long, as the ministry of transport says.",
    }
    dead = ("https://f.org/dead",)
    web = Pages(pages, dead=dead)
    options = Options(breadth=1, depth=1, pages=3)
    _, report = await finished(
        Research(Embedded(None), begun(tmp_path, options), web, free_stages())
    )
    assert report is not None
    noted = {note.source for note in report.notes}
    urls = {source.url for source in report.sources if source.id in noted}
    assert {"https://b.org/", "https://e.org/"} <= urls
    assert set(web.reads) == {*pages, *dead}


async def test_no_more_than_twice_the_pages_are_tried(tmp_path: Path) -> None:
    dead = [f"https://h{n}.org/dead" for n in range(20)]
    web = Pages({}, dead=dead)
    options = Options(breadth=1, depth=1, pages=3)
    _, report = await finished(
        Research(Embedded(None), begun(tmp_path, options), web, free_stages())
    )
    assert report is not None
    assert len(web.reads) == len(set(web.reads)) == 6
    assert len(report.method.pages_failed) == 6


async def test_where_all_pages_can_be_read_no_more_are_read_than_were_asked_for(
    tmp_path: Path,
) -> None:
    web = Pages(PAGES)
    options = Options(breadth=1, depth=1, pages=3)
    _, report = await finished(
        Research(Embedded(None), begun(tmp_path, options), web, free_stages())
    )
    assert report is not None
    assert len(web.reads) == 3


async def test_hosts_that_nothing_is_found_of_are_named_in_the_report(tmp_path: Path) -> None:
    stages = replace(free_stages(), choose=Chooser(("exmaple.org",)))
    options = Options(domains=("exmaple.org",), depth=1)
    _, report = await finished(
        Research(Embedded(None), begun(tmp_path, options), Pages(PAGES), stages)
    )
    assert report is not None
    assert report.sources == ()
    assert "No page of exmaple.org was found" in report.method.partial_reason
    _, report = await finished(
        Research(
            Embedded(None),
            begun(tmp_path, Options(domains=("a.org",), depth=1)),
            Pages(PAGES),
            replace(free_stages(), choose=Chooser(("a.org",))),
        )
    )
    assert report is not None
    assert report.method.partial_reason == ""


async def test_where_a_search_gives_no_advice_the_run_can_be_tried_again(tmp_path: Path) -> None:
    class Unreachable(Pages):
        async def search(self, part: Part, query: str) -> list[Hit]:
            raise McpFailed("No search engine answered.")

    journal = begun(tmp_path)
    with pytest.raises(NothingFound, match="No search engine answered") as raised:
        await finished(Research(Embedded(None), journal, Unreachable({}), free_stages()))
    assert raised.value.hint == f"agent research --resume {journal.id}"

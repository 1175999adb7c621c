"""A round of research by itself: what is kept of sources, copies and pages that are not wanted."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import UsageError
from agent.models.embedded import Embedded
from agent.research.base import Options, Stages
from agent.research.choose import Chooser
from agent.research.finding import Finding
from agent.research.journal import Journal, Journals
from agent.research.spending import Spending
from agent.research.types import Estimate, Hit, Part, Plan, Source
from tests.agent.research.run_fixture import begun
from tests.agent.research.stage_fakes import Pages, free_stages

PART = Part(1, "How long is the canal?", "a number", ("canal", "lock"))
PLAN = Plan("How long is the canal?", (PART,), Estimate(4, 0, 0.0, 10))
ORIGINAL, MIRROR = "https://a.org/", "https://mirror.org/"
TEXT = "The canal is 12 km long. It has a lock."


class Found(Pages):
    """A web whose every query finds the pages that it is told to, or fails."""

    def __init__(self, pages: Mapping[str, str], found: Mapping[str, Sequence[str]]) -> None:
        super().__init__(pages)
        self._found = found

    async def search(self, part: Part, query: str) -> list[Hit]:
        if query not in self._found:
            raise UsageError("The search engine cannot be reached.")
        found = self._found[query]
        return [Hit(part.n, "web", url, url, "canal", "", 1.0, ()) for url in found]


def finding(journal: Journal, gather: Pages, stages: Stages | None = None) -> Finding:
    spending = Spending(journal.options.limits, journal.used)
    return Finding(journal, gather, stages or free_stages(), spending, Embedded(None), PLAN)


async def gone_through(found: Finding) -> list[str]:
    """A round; what it warned of."""
    steps = [step async for step in found.round(1, [(PART, PART.queries)])]
    return [step.text for step in steps if step.kind == "warning"]


async def test_the_original_of_a_copy_is_a_source_though_a_resumed_run_meets_the_copy_alone(
    tmp_path: Path,
) -> None:
    pages = dict.fromkeys((ORIGINAL, MIRROR), TEXT)
    begins = begun(tmp_path, Options(pages=2))
    # The second query fails, so that what is to be read is chosen again when the run goes on.
    await gone_through(finding(begins, Found(pages, {"canal": (ORIGINAL, MIRROR)})))
    resumed = Journals(tmp_path).open(begins.id)
    again = finding(resumed, Found({}, {"lock": ()}), ranked_first(MIRROR))
    await gone_through(again)
    assert again.notes
    assert {note.source for note in again.notes} <= {source.id for source in again.sources}


async def test_texts_are_compared_beside_the_event_loop_and_one_of_two_mirrors_is_the_copy(
    tmp_path: Path,
) -> None:
    compared: list[threading.Thread] = []

    class Watched(Chooser):
        def copy_of(self, text: str, read: Sequence[tuple[Source, str]]) -> Source | None:
            compared.append(threading.current_thread())
            return super().copy_of(text, read)

    found: Mapping[str, Sequence[str]] = {"canal": (ORIGINAL, MIRROR), "lock": ()}
    gather = Found(dict.fromkeys((ORIGINAL, MIRROR), TEXT), found)
    journal = begun(tmp_path, Options(pages=2))
    # Both are read at the same time.
    await gone_through(finding(journal, gather, replace(free_stages(), choose=Watched())))
    assert threading.main_thread() not in compared
    assert len(compared) == 2
    assert len(journal.sources()) == 2
    assert [work["copy_of"] for work in journal.all_done("read:")] == ["", "s1"]


class Elsewhere(Found):
    """A web whose pages turn out to be somewhere else, or of another day."""

    def __init__(self, moved: str = "", date: str = "") -> None:
        super().__init__({ORIGINAL: TEXT}, {"canal": (ORIGINAL,), "lock": ()})
        self._moved, self._date = moved, date

    async def read(self, hit: Hit) -> tuple[Source, str]:
        source, text = await super().read(hit)
        return replace(source, final_url=self._moved or source.url, date=self._date), text


@pytest.mark.parametrize(
    ("gather", "why"),
    [
        (Elsewhere(moved="https://b.org/"), "it leads to b.org, which was not asked for"),
        (Elsewhere(date="2023-12-31"), "it is of 2023-12-31, before 2024-05-01"),
    ],
)
async def test_a_page_that_turns_out_to_be_of_another_host_or_too_old_is_not_read(
    tmp_path: Path, gather: Elsewhere, why: str
) -> None:
    journal = begun(tmp_path, Options(domains=("a.org",), since="2024-05-01"))
    found = finding(journal, gather)
    assert await gone_through(found) == [f"Not read: {ORIGINAL}: {why}"]
    assert (found.sources, found.notes) == ([], [])
    assert found.failed == {ORIGINAL: why}
    again = finding(journal, gather)
    await gone_through(again)
    assert again.failed == {ORIGINAL: why}
    assert gather.reads == [ORIGINAL]


async def test_a_page_that_leads_elsewhere_within_what_was_asked_for_is_read(
    tmp_path: Path,
) -> None:
    journal = begun(tmp_path, Options(domains=("a.org",), since="2024-05-01"))
    found = finding(journal, Elsewhere("https://www.news.a.org/1", "2024-05-01"))
    assert await gone_through(found) == []
    assert len(found.sources) == 1


async def test_what_was_read_before_a_search_failed_is_read_first_when_the_run_goes_on(
    tmp_path: Path,
) -> None:
    names = [f"https://{name}.org/" for name in "abcd"]
    pages = {url: f"The canal at {url} is long. It has a lock." for url in names}
    journal = begun(tmp_path, Options(pages=2))
    await gone_through(finding(journal, Found(pages, {"canal": names[:2]})))
    # Now the other query finds others, which the choice would have preferred.
    web = Found(pages, {"canal": names[:2], "lock": names[2:]})
    again = finding(journal, web, ranked_first(names[3]))
    await gone_through(again)
    assert [source.url for source in again.sources] == names[:2]
    assert {note.source for note in again.notes} == {"s1", "s2"}
    assert web.reads == []


async def test_why_nothing_is_noted_of_a_page_stands_beside_it(tmp_path: Path) -> None:
    web = Found({ORIGINAL: "Canal closed."}, {"canal": (ORIGINAL,), "lock": ()})
    found = finding(begun(tmp_path), web)
    await gone_through(found)
    assert found.sources[0].flags == ("nothing was noted: it says next to nothing",)


def ranked_first(url: str) -> Stages:
    """Stages that choose one page alone."""

    class Only(Chooser):
        def best(
            self, ranked: Sequence[Sequence[Hit]], seen: Collection[str], limit: int
        ) -> list[Hit]:
            return [hit for hits in ranked for hit in hits if hit.url == url][:1]

    return replace(free_stages(), choose=Only())

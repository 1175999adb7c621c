"""A run of research that was stopped or failed, and goes on: nothing is done or paid twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import ModelUnreachable
from agent.mcp_client import McpFailed
from agent.models.embedded import Embedded
from agent.research.base import Options
from agent.research.journal import Journals, RunBusy
from agent.research.run import Research
from agent.research.types import Hit, Plan, Report, Source, Step
from tests.agent.research.run_fixture import PAGES, PLAN, Counted, begun, finished
from tests.agent.research.stage_fakes import Pages, asking_stages, free_stages


async def test_nothing_is_fetched_or_asked_twice_wherever_a_run_is_stopped(
    tmp_path: Path,
) -> None:
    whole = Pages(PAGES)
    model = Counted([PLAN, "said"], loop=True)
    steps, expected = await finished(
        Research(model, begun(tmp_path / "whole"), whole, asking_stages())
    )
    assert expected is not None
    for stop in range(1, len(steps) + 1):
        pages, model = Pages(PAGES), Counted([PLAN, "said"], loop=True)
        options = Options(pages=4)
        journal = begun(tmp_path / str(stop), options)
        events = Research(model, journal, pages, asking_stages()).run()
        for _ in range(stop):
            await anext(events)
        await events.aclose()  # type: ignore[attr-defined]
        again = Journals(tmp_path / str(stop)).open(journal.id)
        _, report = await finished(Research(model, again, pages, asking_stages()))
        assert report is not None
        assert sorted({source.url for source in report.sources}) == sorted(
            {source.url for source in expected.sources}
        )
        # What was under way when it was stopped may be done again; what was finished never is.
        kept = [source.url for source in report.sources]
        assert len(kept) == len(set(kept))
        assert len(pages.reads) <= len(whole.reads) + 5
        assert len({note.n for note in report.notes}) == len(report.notes)
        finished_calls = [call[-1].content for call in model.calls]
        assert len(finished_calls) - len(set(finished_calls)) <= 6


async def test_a_run_stopped_between_two_steps_repeats_nothing_at_all(tmp_path: Path) -> None:
    one = {"https://a.org/1": PAGES["https://a.org/1"]}
    stop, done = 0, False
    while not done:
        stop += 1
        pages, model = Pages(one), Counted([PLAN, "said"], loop=True)
        journal = begun(tmp_path / str(stop), Options(depth=1))
        events = Research(model, journal, pages, asking_stages()).run()
        for _ in range(stop):
            done = isinstance(await anext(events), Report)
        await events.aclose()  # type: ignore[attr-defined]
        again = Journals(tmp_path / str(stop)).open(journal.id)
        _, report = await finished(Research(model, again, pages, asking_stages()))
        assert report is not None
        assert pages.reads == ["https://a.org/1"]
        asked = [call[-1].content for call in model.calls]
        assert len(asked) == len(set(asked))


async def test_a_resumed_run_does_not_ask_for_the_plan_again(tmp_path: Path) -> None:
    async def never(plan: Plan) -> Plan:
        raise AssertionError("asked again")

    journal = begun(tmp_path)
    events = Research(Embedded(None), journal, Pages(PAGES), free_stages()).run()
    while (await anext(events)).kind != "search":  # type: ignore[union-attr]
        pass
    await events.aclose()  # type: ignore[attr-defined]
    _, report = await finished(
        Research(Embedded(None), journal, Pages(PAGES), free_stages()), never
    )
    assert report is not None


async def test_a_page_is_tried_again_where_it_was_not_to_blame(tmp_path: Path) -> None:
    class Breaking(Pages):
        broken = True

        async def read(self, hit: Hit) -> tuple[Source, str]:
            if self.broken:
                raise McpFailed("The server has ended.")
            return await super().read(hit)

    pages, journal = Breaking(PAGES), begun(tmp_path)
    events = Research(Embedded(None), journal, pages, free_stages()).run()
    async for event in events:
        if isinstance(event, Step) and "The server has ended" in event.text:
            break
    await events.aclose()  # type: ignore[attr-defined]
    pages.broken = False
    _, report = await finished(Research(Embedded(None), journal, pages, free_stages()))
    assert report is not None
    assert report.sources
    assert report.method.pages_failed == ()


async def test_a_model_that_cannot_be_reached_ends_the_run_and_loses_nothing(
    tmp_path: Path,
) -> None:
    class Unreachable(Counted):
        async def stream(self, *args, **kwargs):  # type: ignore[no-untyped-def, override]
            raise ModelUnreachable("No connection.")
            yield

    pages, journal = Pages(PAGES), begun(tmp_path)
    with pytest.raises(ModelUnreachable):
        await finished(Research(Unreachable([]), journal, pages, asking_stages()))
    _, report = await finished(
        Research(Counted([PLAN, "said"], loop=True), journal, pages, asking_stages())
    )
    assert report is not None


async def test_two_processes_do_not_work_on_one_run(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    events = Research(Embedded(None), journal, Pages(PAGES), free_stages()).run()
    await anext(events)
    with pytest.raises(RunBusy):
        await finished(Research(Embedded(None), journal, Pages(PAGES), free_stages()))
    await events.aclose()  # type: ignore[attr-defined]


async def test_a_finished_run_gives_its_report_again(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    _, first = await finished(Research(Embedded(None), journal, Pages(PAGES), free_stages()))
    pages = Pages({})
    _, again = await finished(Research(Embedded(None), journal, pages, free_stages()))
    assert again == first
    assert pages.queries == []


async def test_a_stopped_run_replaces_the_same_dead_pages_and_copies_when_it_goes_on(
    tmp_path: Path,
) -> None:
    dead, options = ("https://x.org/", "https://y.org/"), Options(depth=1, pages=5)
    same = "The canal is 12 km long. It has a lock."
    pages = {**dict.fromkeys(dead, ""), **{f"https://m{n}.org/": same for n in range(3)}}
    pages |= {"https://stub.org/": "The canal.", **PAGES}

    def found(report: Report) -> tuple[set[str], set[str]]:
        return {s.url for s in report.sources}, {url for url, _ in report.method.pages_failed}

    async def run(folder: Path, stop: int) -> tuple[Report, int]:
        """One that is stopped after so many steps, and gone on with; and how many it had."""
        web, journal, made = Pages(pages, dead=dead), begun(folder, options), 0
        events = Research(Embedded(None), journal, web, free_stages()).run()
        async for _ in events:
            made += 1
            if made == stop:
                break
        await events.aclose()  # type: ignore[attr-defined]
        _, report = await finished(Research(Embedded(None), journal, web, free_stages()))
        assert report is not None
        return report, made

    whole, steps = await run(tmp_path / "whole", 0)
    # A mirror, four of the others, and what said nothing: two copies and a stub.
    assert len(found(whole)[0]) == 8
    assert found(whole)[1] == set(dead)
    for stop in range(1, steps):
        report, _ = await run(tmp_path / str(stop), stop)
        assert found(report) == found(whole)

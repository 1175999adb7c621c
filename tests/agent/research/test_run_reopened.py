"""A run of research that ended early, and goes on with more to spend: nothing is paid twice."""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from agent.budget import Limits
from agent.messages import ModelUsage
from agent.research.base import Options
from agent.research.journal import Journals
from agent.research.render import rendered
from agent.research.run import Research
from tests.agent.research.run_fixture import PAGES, PLAN, Counted, begun, finished
from tests.agent.research.stage_fakes import Pages, asking_stages


async def test_a_run_that_its_budget_ended_goes_on_with_a_larger_one(tmp_path: Path) -> None:
    pages, model = Pages(PAGES), Counted([PLAN, "said"], loop=True)
    journal = begun(tmp_path, Options(limits=Limits(tokens=180)))
    _, short = await finished(Research(model, journal, pages, asking_stages()))
    assert short is not None
    assert "The budget (180 tokens) ended the search" in short.method.partial_reason
    before = journal.used.tokens

    journal.limit(Limits(tokens=5000))
    assert Journals(tmp_path).open().id == journal.id  # unfinished again
    _, report = await finished(Research(model, journal, pages, asking_stages()))
    assert report is not None
    assert report.method.partial_reason == ""
    assert len(report.sources) > len(short.sources)
    assert before < journal.used.tokens <= 5000
    assert len(pages.reads) == len(set(pages.reads))
    assert len(pages.queries) == len(set(pages.queries))
    asked = [call[-1].content for call in model.calls]
    assert len(asked) == len(set(asked))


async def test_what_the_budget_left_unwritten_is_written_with_a_larger_one(tmp_path: Path) -> None:
    parts = [{"question": f"canal {n}", "queries": ["canal"]} for n in range(3)]
    pages = Pages({"https://a.org/1": PAGES["https://a.org/1"]})
    model = Counted([json.dumps({"parts": parts}), "said"], loop=True)
    journal = begun(tmp_path, Options(depth=1, limits=Limits(steps=5)))
    _, short = await finished(Research(model, journal, pages, asking_stages()))
    assert short is not None
    assert "was not written by" in short.method.partial_reason

    journal.limit(Limits(steps=50))
    _, report = await finished(Research(model, journal, pages, asking_stages()))
    assert report is not None
    assert report.method.partial_reason == ""
    assert any("Write on" in call[-1].content for call in model.calls)


async def test_larger_limits_are_kept_with_the_run(tmp_path: Path) -> None:
    journal = begun(tmp_path, Options(limits=Limits(tokens=100)))
    journal.limit(Limits(tokens=500))
    assert journal.options.limits == Limits(tokens=500)
    assert Journals(tmp_path).open(journal.id).options.limits == Limits(tokens=500)


async def test_what_was_noted_without_the_model_is_noted_by_it_with_a_larger_budget(
    tmp_path: Path,
) -> None:
    pages = Pages({url: PAGES[url] for url in list(PAGES)[:2]})
    model = Counted([PLAN, "said"], loop=True)
    journal = begun(tmp_path, Options(depth=1, limits=Limits(steps=6)))
    _, short = await finished(Research(model, journal, pages, asking_stages()))
    assert short is not None
    assert journal.all_done("spare notes:")
    _, same = await finished(Research(model, journal, pages, asking_stages()))
    assert same == short

    journal.limit(Limits(steps=60))
    _, report = await finished(Research(model, journal, pages, asking_stages()))
    assert report is not None
    asked = [call[-1].content for call in model.calls]
    assert sum("What does this say" in text for text in asked) == len(pages.reads)
    numbers = [note.n for note in report.notes]
    assert len(numbers) == len(set(numbers)) == len(report.sources)


async def test_who_answered_in_the_place_of_the_model_stands_in_the_report(tmp_path: Path) -> None:
    class Stood(Counted):
        async def stream(self, *args, **kwargs):  # type: ignore[no-untyped-def, override]
            async with aclosing(super().stream(*args, **kwargs)) as deltas:
                async for delta in deltas:
                    yield replace(delta, model="m2") if isinstance(delta, ModelUsage) else delta

    model, journal = Stood([PLAN, "said"], loop=True), begun(tmp_path, Options(depth=1))
    _, report = await finished(Research(model, journal, Pages(PAGES), asking_stages()))
    assert report is not None
    assert report.method.stand_ins == ("m2",)
    assert "Answered in its place: m2" in rendered(report, "markdown")

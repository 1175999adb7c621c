"""The budget of a run of research: it holds, pays for the writing, and a stop is an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.budget import Limits
from agent.models.embedded import Embedded
from agent.research.base import Options
from agent.research.run import Research
from agent.research.types import Hit, Plan, Report, Source, Step
from tests.agent.research.run_fixture import PAGES, PLAN, Counted, Endless, begun, finished
from tests.agent.research.stage_fakes import Pages, asking_stages, free_stages


@pytest.mark.parametrize(
    "limits",
    [Limits(tokens=400), Limits(cost=0.4), Limits(steps=12), Limits(tokens=60), Limits(steps=1)],
)
async def test_the_budget_holds_under_a_model_that_always_wants_more(
    tmp_path: Path, limits: Limits
) -> None:
    model = Counted([PLAN, "more " * 40], loop=True)
    journal = begun(tmp_path, Options(depth=50, limits=limits))
    _, report = await finished(Research(model, journal, Endless(), asking_stages()))
    assert report is not None
    used = journal.used
    assert limits.tokens is None or used.tokens <= limits.tokens
    assert limits.cost is None or used.cost <= limits.cost + 1e-9
    assert limits.steps is None or used.steps <= limits.steps
    assert report.method.partial_reason


async def test_the_budget_holds_over_all_the_times_a_run_is_resumed(tmp_path: Path) -> None:
    limits = Limits(tokens=400)
    journal = begun(tmp_path, Options(depth=50, limits=limits))
    pages, model = Pages(PAGES), Counted([PLAN, "more " * 40], loop=True)
    for _ in range(6):
        events = Research(model, journal, pages, asking_stages()).run()
        for _ in range(6):
            if isinstance(await anext(events), Report):
                break
        await events.aclose()  # type: ignore[attr-defined]
        assert journal.used.tokens <= 400
    _, report = await finished(Research(model, journal, pages, asking_stages()))
    assert report is not None
    assert journal.used.tokens <= 400


async def test_what_the_search_leaves_pays_for_the_writing(tmp_path: Path) -> None:
    model = Counted([PLAN, "said"], loop=True)
    journal = begun(tmp_path, Options(depth=50, limits=Limits(tokens=300)))
    _, report = await finished(Research(model, journal, Pages(PAGES), asking_stages()))
    assert report is not None
    assert report.notes
    assert any("Write on" in call[-1].content for call in model.calls)
    assert "30% of it is kept for writing" in report.method.partial_reason


async def test_a_limit_of_seconds_ends_the_search(tmp_path: Path) -> None:
    now = 0.0

    class Slow(Endless):
        async def read(self, hit: Hit) -> tuple[Source, str]:
            nonlocal now
            now += 10
            return await super().read(hit)

    journal = begun(tmp_path, Options(depth=50, limits=Limits(seconds=100)))
    research = Research(Embedded(None), journal, Slow(), free_stages(), clock=lambda: now)
    _, report = await finished(research)
    assert report is not None
    assert report.notes
    assert 70 <= report.method.seconds <= 130
    assert report.method.partial_reason


async def test_a_stopped_search_is_written_up_with_the_reason(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    research = Research(Embedded(None), journal, Pages(PAGES), free_stages())
    events, report = research.run(), None
    async for event in events:
        if isinstance(event, Step) and event.kind == "read":
            research.stop()
        if isinstance(event, Report):
            report = event
    assert report is not None
    assert report.method.partial_reason == "You stopped it."
    assert report.notes


async def test_the_seconds_in_which_a_person_reads_the_plan_are_not_counted(
    tmp_path: Path,
) -> None:
    now = 0.0

    async def slowly(plan: Plan) -> Plan:
        nonlocal now
        now += 1000
        return plan

    journal = begun(tmp_path, Options(limits=Limits(seconds=100)))
    research = Research(Embedded(None), journal, Pages(PAGES), free_stages(), clock=lambda: now)
    _, report = await finished(research, slowly)
    assert report is not None
    assert report.method.partial_reason == ""
    assert report.method.seconds == 0

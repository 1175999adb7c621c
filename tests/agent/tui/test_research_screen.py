"""`/research`: the plan is approved, progress is seen, the report's citations open."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Footer, Input, Static

from agent.research.types import Step
from agent.tui.app import Chat
from agent.tui.screens.document import DocumentScreen
from agent.tui.screens.report import ReportScreen
from agent.tui.screens.research import ResearchScreen
from agent.tui.widgets.plan_tree import PlanTree
from agent.tui.widgets.report import ReportBody
from agent.tui.widgets.work_log import WorkLog
from tests.agent.research.material import NOTES, PLAN
from tests.agent.tui.chat_host import opened, rows, said, send, until
from tests.agent.tui.research_host import PlayedRun, ResearchHost

QUESTION = PLAN.question


async def asked(app: Chat, pilot: Pilot[None], line: str = f"/research {QUESTION}") -> None:
    """Type the command, and wait for the plan."""
    await opened(app, pilot)
    await send(app, pilot, line)
    await until(pilot, lambda: isinstance(app.screen, ResearchScreen), "the screen stands")
    await until(pilot, lambda: screen(app).phase == "approving", "the plan is shown")
    await pilot.pause()


async def working(app: Chat, pilot: Pilot[None]) -> None:
    """Approve the plan, and wait for the work."""
    await pilot.press("y")
    await until(pilot, lambda: "2 pages" in static(app, "meter"), "the work is seen")


async def reported(app: Chat, pilot: Pilot[None]) -> ReportScreen:
    """Wait for the report."""
    await until(pilot, lambda: isinstance(app.screen, ReportScreen), "the report stands")
    await until(pilot, lambda: "Fastnet" in shown(app), "the report is drawn")
    assert isinstance(app.screen, ReportScreen)
    return app.screen


def screen(app: Chat) -> ResearchScreen:
    assert isinstance(app.screen, ResearchScreen)
    return app.screen


def static(app: Chat, name: str) -> str:
    return str(app.screen.query_one(f"#{name}", Static).content)


def tree(app: Chat, name: str = "plan") -> list[str]:
    """The rows of a tree."""
    found = []
    for node in app.screen.query_one(f"#{name}", PlanTree).root.children:
        found.append(str(node.label))
        found += [f"  {leaf.label}" for leaf in node.children]
    return found


def shown(app: Chat) -> str:
    return rows(app.screen.query_one(ReportBody).transcript)


def keys(app: Chat) -> dict[str, str]:
    """What the footer offers, by key."""
    return {
        active.binding.key: active.binding.description
        for active in app.screen.active_bindings.values()
        if active.enabled and active.binding.show
    }


async def typed(app: Chat, pilot: Pilot[None], key: str, text: str) -> None:
    """Press a key that asks for a line, and type it."""
    await pilot.press(key)
    app.screen.query_one("#line", Input).value = text
    await pilot.press("enter")
    await pilot.pause()


async def test_the_plan_is_shown_with_its_estimate_and_nothing_is_done_before_approval() -> None:
    run = PlayedRun()
    app = Chat(ResearchHost(run))
    async with app.run_test(size=(100, 40)) as pilot:
        await asked(app, pilot)
        assert tree(app)[0] == "1. When was Fastnet lighthouse first lit?  (a date)"
        assert tree(app)[1] == "  Fastnet first lit"
        assert static(app, "estimate") == "At most 12 pages, free, about 30 s."
        assert run.approved is None
        assert keys(app)["escape"] == "Leave"
        await working(app, pilot)
        assert run.approved == PLAN


async def test_a_part_is_changed_taken_out_and_added_before_the_work() -> None:
    run = PlayedRun()
    app = Chat(ResearchHost(run))
    async with app.run_test(size=(100, 40)) as pilot:
        await asked(app, pilot)
        await typed(app, pilot, "enter", "When was the rock's lamp lit?")
        await typed(app, pilot, "a", "Who paid for it? (a name)")
        await pilot.press("k", "k", "d")
        await pilot.pause()
        await working(app, pilot)
        assert run.approved is not None
        assert [part.question for part in run.approved.parts] == [
            "When was the rock's lamp lit?",
            "Who kept Fastnet lighthouse?",
            "Who paid for it?",
        ]
        assert [part.n for part in run.approved.parts] == [1, 2, 3]
        assert run.approved.parts[2].answered_by == "a name"


async def test_a_query_is_added_and_undone() -> None:
    app = Chat(ResearchHost(PlayedRun()))
    async with app.run_test(size=(100, 40)) as pilot:
        await asked(app, pilot)
        await typed(app, pilot, "s", "lamp history")
        assert tree(app)[2] == "  lamp history"
        await pilot.press("u")
        assert "  lamp history" not in tree(app)


async def test_what_cannot_be_taken_says_why_and_loses_nothing() -> None:
    app = Chat(ResearchHost(PlayedRun(plan=replace(PLAN, parts=PLAN.parts[:1]))))
    async with app.run_test(size=(100, 40)) as pilot:
        await asked(app, pilot)
        await pilot.press("d")
        assert static(app, "hint").startswith("This is the last sub-question")
        await typed(app, pilot, "e", "   ")
        assert static(app, "hint").startswith("Nothing was typed")
        assert keys(app)["escape"] == "Discard"
        await pilot.press("escape")
        await pilot.pause()
        assert len(tree(app)) == 2
        assert screen(app).phase == "approving"


async def test_esc_at_the_plan_researches_nothing() -> None:
    run = PlayedRun()
    app = Chat(ResearchHost(run))
    async with app.run_test(size=(100, 40)) as pilot:
        await asked(app, pilot)
        await pilot.press("escape")
        await until(pilot, said(app, "Nothing was researched."))
        assert run.closed
        assert len(app.screen_stack) == 1


async def test_progress_shows_the_tree_and_what_was_used_and_never_more_than_the_whole() -> None:
    run = PlayedRun()
    app = Chat(ResearchHost(run))
    async with app.run_test(size=(120, 40)) as pilot:
        await asked(app, pilot)
        await working(app, pilot)
        assert tree(app, "progress")[:2] == [
            "1. When was Fastnet lighthouse first lit?",
            "  1 read, 1 noted",
        ]
        assert tree(app, "progress")[5] == "  nothing yet"
        assert static(app, "meter").startswith("42 % ━━━━━─")
        assert "2 pages · 1,840 tokens · $0.0021 · 12 s" in static(app, "meter")
        done = str(app.screen.query_one(WorkLog).content)
        assert "Not read: https://gone.example/: HTTP 404" in done
        assert "\x1b" not in done
        assert "[red]x[/]" in done
        screen(app)._tally.add(Step("write", "Writing", None, 5000, 1000), 20.0)
        screen(app)._meter()
        assert static(app, "meter").startswith("100 %")


async def test_esc_stops_and_writes_up_and_esc_again_leaves_and_keeps_what_is_done() -> None:
    run = PlayedRun()
    app = Chat(ResearchHost(run))
    async with app.run_test(size=(100, 40)) as pilot:
        await asked(app, pilot)
        await working(app, pilot)
        assert keys(app)["escape"] == "Stop and write up"
        await pilot.press("escape")
        assert run.stopped
        assert not run.closed
        assert keys(app)["escape"] == "Leave"
        await pilot.press("escape")
        await until(pilot, said(app, "/research --resume abc234"))
        assert run.closed


async def test_stopped_once_it_ends_with_its_report() -> None:
    run = PlayedRun()
    app = Chat(ResearchHost(run))
    async with app.run_test(size=(100, 40)) as pilot:
        await asked(app, pilot)
        await working(app, pilot)
        await pilot.press("escape")
        run.go_on.set()
        await reported(app, pilot)


async def test_a_failure_is_shown_with_what_to_do_and_how_to_go_on() -> None:
    app = Chat(ResearchHost(PlayedRun(fails="The model is not there.")))
    async with app.run_test(size=(100, 40)) as pilot:
        await asked(app, pilot)
        await pilot.press("y")
        await until(pilot, lambda: screen(app).phase == "failed")
        assert static(app, "note") == (
            "The model is not there. Look at the model. Go on with it: /research --resume abc234"
        )
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_a_number_of_the_report_opens_the_stored_words_it_stands_on() -> None:
    app = Chat(ResearchHost(PlayedRun(waits=False)))
    async with app.run_test(size=(120, 40)) as pilot:
        await asked(app, pilot)
        await pilot.press("y")
        await reported(app, pilot)
        assert "Sources: 3" in str(app.screen.query_one("#sources").border_title)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, DocumentScreen))
        await pilot.pause()
        assert "[2] Page s2" in static(app, "title")
        assert "✓ quote verified" in static(app, "place")
        assert NOTES[1].quote in str(_document(app))
        await pilot.press("n")
        await until(pilot, lambda: "[3] Page s3" in static(app, "title"), "the next quote")
        await pilot.press("escape", "escape")
        await until(pilot, said(app, "The report is kept: /research --resume abc234"))


def _document(app: Chat) -> str:
    assert isinstance(app.screen, DocumentScreen)
    return app.screen._document.text


async def test_a_marker_can_be_clicked() -> None:
    app = Chat(ResearchHost(PlayedRun(waits=False)))
    async with app.run_test(size=(120, 40)) as pilot:
        await asked(app, pilot)
        await pilot.press("y")
        await reported(app, pilot)
        text = app.screen.query_one(ReportBody).transcript
        y, x = next(
            (y, line.index("[1]"))
            for y in range(text.size.height)
            if "[1]" in (line := text.render_line(y).text)
        )
        await pilot.click(text, offset=(x + 1, y))
        await until(pilot, lambda: isinstance(app.screen, DocumentScreen))
        assert "[1] Page s1" in static(app, "title")


async def test_the_report_and_the_address_of_a_page_can_be_copied() -> None:
    app = Chat(ResearchHost(PlayedRun(waits=False)))
    async with app.run_test(size=(120, 40)) as pilot:
        await asked(app, pilot)
        await pilot.press("y")
        await reported(app, pilot)
        await pilot.press("y")
        await pilot.pause()
        assert app.clipboard.startswith("# When was Fastnet lighthouse lit")
        await pilot.press("enter", "o")
        await until(pilot, lambda: app.clipboard == "https://s1.example/page")


@pytest.mark.parametrize("form", ["md", "html", "json"])
async def test_the_report_is_written_to_a_file(form: str, tmp_path: Path) -> None:
    app = Chat(ResearchHost(PlayedRun(waits=False)))
    async with app.run_test(size=(100, 40)) as pilot:
        await asked(app, pilot)
        await pilot.press("y")
        await reported(app, pilot)
        await pilot.press("x")
        line = app.screen.query_one("#file", Input)
        assert line.value == "research-abc234.md"
        line.value = str(tmp_path / "report.txt")
        await pilot.press("enter")
        assert "Name the file .md, .html or .json" in static(app, "note")
        line.value = str(tmp_path / f"report.{form}")
        await pilot.press("enter")
        await until(pilot, lambda: "The report is in" in static(app, "note"))
        text = (tmp_path / f"report.{form}").read_text()
        assert NOTES[0].quote in (json.loads(text)["notes"][0]["quote"] if form == "json" else text)


async def test_the_report_offers_no_key_that_is_for_answers() -> None:
    app = Chat(ResearchHost(PlayedRun(waits=False)))
    async with app.run_test(size=(100, 40)) as pilot:
        await asked(app, pilot)
        await pilot.press("y")
        await reported(app, pilot)
        offered = set(keys(app).values())
        assert {"Export", "Citations", "Back", "Copy"} <= offered
        assert not {"Edit", "Retry", "Steps", "Answers"} & offered
        assert app.screen.query(Footer)


@pytest.mark.parametrize(
    ("line", "asked_for"),
    [
        ("/research Who kept it?", ("Who kept it?", True)),
        ("/research --no-web Who kept it?", ("Who kept it?", False)),
        ("/research --resume", ("--resume", "")),
        ("/research --resume abc", ("--resume", "abc")),
    ],
)
async def test_what_is_typed_is_understood(line: str, asked_for: object) -> None:
    host = ResearchHost(PlayedRun())
    app = Chat(host)
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(app, pilot)
        app.action_line(line)
        await until(pilot, lambda: isinstance(app.screen, ResearchScreen), "the screen stands")
        assert host.runs.asked == [asked_for]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("/research", "There is no question."),
        ("/research --no-web", "There is no question."),
        ("/research --depth 3 Who?", "/research does not know --depth."),
    ],
)
async def test_what_is_not_understood_begins_nothing(line: str, why: str) -> None:
    host = ResearchHost(PlayedRun())
    app = Chat(host)
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(app, pilot)
        app.action_line(line)
        await until(pilot, said(app, why))
        assert host.runs.asked == []


async def test_unfinished_runs_are_offered_to_go_on_with() -> None:
    app = Chat(ResearchHost(PlayedRun()))
    async with app.run_test() as pilot:
        await opened(app, pilot)
        offered = [each.text for each in app.commands.completions("/research --r")]
        assert offered == ["--resume"]
        offered = [each.text for each in app.commands.completions("/research --resume")]
        assert offered == ["--resume", "--resume abc234"]
        assert app.commands.completions("/research Who") == []

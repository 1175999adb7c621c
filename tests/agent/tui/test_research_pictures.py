"""Pictures of `/research`: the plan, progress and the report, at two sizes and in two themes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from agent.tui.app import Chat
from tests.agent.tui.research_host import PlayedRun, ResearchHost
from tests.agent.tui.test_research_screen import asked, reported, working

Snap = Callable[..., bool]
THEMES = ["textual-dark", "textual-light"]
SIZES = [(80, 24), (120, 40)]


def _chat(theme: str, run: PlayedRun, *, plain: bool = False) -> Chat:
    app = Chat(ResearchHost(run), plain=plain)
    app.looks = replace(app.looks, theme=theme)
    return app


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("what", ["plan", "progress", "report"])
def test_pictures(snap_compare: Snap, what: str, size: tuple[int, int], theme: str) -> None:
    app = _chat(theme, PlayedRun(waits=what not in ("report", "export")))
    assert snap_compare(app, terminal_size=size, run_before=_until_shown(app, what))


@pytest.mark.parametrize("what", ["editing", "export"])
def test_pictures_of_a_line_being_typed(snap_compare: Snap, what: str) -> None:
    app = _chat("textual-dark", PlayedRun(waits=what == "editing"))
    assert snap_compare(app, terminal_size=(80, 24), run_before=_until_shown(app, what))


@pytest.mark.parametrize("what", ["plan", "progress"])
def test_pictures_in_plain(snap_compare: Snap, what: str) -> None:
    app = _chat("textual-dark", PlayedRun(), plain=True)
    run = _until_shown(app, what)
    assert snap_compare(app, terminal_size=(80, 24), run_before=run)


def _until_shown(app: Chat, what: str) -> Callable[[Pilot[None]], object]:
    async def run(pilot: Pilot[None]) -> None:
        await asked(app, pilot)
        if what == "progress":
            await working(app, pilot)
        if what == "editing":
            await pilot.press("e")
            app.screen.query_one("#line", Input).cursor_blink = False
        if what in ("report", "export"):
            await pilot.press("y")
            await reported(app, pilot)
        if what == "export":
            app.screen.query_one("#file", Input).cursor_blink = False
            await pilot.press("x")
        await pilot.pause(0.2)

    return run

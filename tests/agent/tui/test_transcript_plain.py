"""The transcript read by ear, and under the mouse."""

from __future__ import annotations

from textual.events import MouseScrollDown, MouseScrollUp

from agent.events import Failed, Status, Token
from agent.tui.turn import Standing
from agent.tui.widgets.status import status_text
from agent.tui.widgets.transcript import Transcript
from tests.agent.tui.shown import Shown, rich_events, settle

SIGNS = set("❯▸▾✓✗⋯▌│─━╸╺•→·~↓")


async def test_in_words_nothing_drawn_is_left() -> None:
    app = Shown(panel=True)
    async with app.run_test(size=(130, 80)) as pilot:
        app.transcript.in_words = app.sources.in_words = True
        answer = app.play("When?", *rich_events())
        answer.toggle_steps()
        answer.toggle_steps()
        app.play("And then?", Status("Searching"), Failed("No key.", "export KEY=x"))
        await settle(pilot)
        drawn = app.drawn
        assert "You asked: When?" in drawn
        assert "Answer:" in drawn
        assert "Failed: No key." in drawn
        assert "Try: export KEY=x" in drawn
        assert not SIGNS & set(drawn)
        app.transcript.select(answer)
        await settle(pilot)
        panel = "\n".join(str(option.prompt) for option in app.sources.options)
        assert "verified" in panel
        assert not SIGNS & set(panel)
        app.transcript.in_words = False
        await settle(pilot)
        assert "❯ When?" in app.drawn


def test_the_status_line_can_be_told_in_words() -> None:
    standing = Standing("ready", mode="naive", route="It is short.", model="m")
    assert status_text(standing, 80, 0.0, words=True) == "ready, auto chose naive, It is short., m"


async def test_the_mouse_selects_words_across_rows() -> None:
    app = Shown()
    async with app.run_test(size=(60, 20)) as pilot:
        app.play("q", Token("First words here.\n\nSecond words there."))
        await settle(pilot)
        rows = app.drawn.splitlines()
        first = next(y for y, row in enumerate(rows) if "First" in row)
        last = next(y for y, row in enumerate(rows) if "Second" in row)
        left = rows[first].index("First")
        await pilot.mouse_down(Transcript, offset=(left + 6, first))
        await pilot.hover(Transcript, offset=(left + 11, last))
        await pilot.mouse_up(Transcript, offset=(left + 11, last))
        await pilot.pause()
        assert (app.screen.get_selected_text() or "").startswith("words here.\n\nSecond word")


async def test_the_wheel_scrolls_and_the_end_is_followed_no_more() -> None:
    app = Shown()
    async with app.run_test(size=(60, 12)) as pilot:
        app.play("q", Token("\n\n".join(f"Paragraph {n}." for n in range(40))))
        await settle(pilot)
        end = app.transcript.scroll_offset.y
        for wheel in (MouseScrollUp, MouseScrollDown):
            app.transcript.post_message(wheel(app.transcript, 5, 5, 0, 0, 0, False, False, False))
            await pilot.pause(0.4)
            if wheel is MouseScrollUp:
                assert app.transcript.scroll_offset.y < end
                assert not app.transcript.following
        assert app.transcript.scroll_offset.y == end
        assert app.transcript.following

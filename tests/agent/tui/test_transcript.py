"""The transcript: what is drawn, what follows, the cursor, its keys, and what is drawn of it."""

from __future__ import annotations

from typing import Any

import pytest

from agent.events import Status, Token
from agent.tui.turn import Turn
from agent.tui.widgets.answer import Answer
from agent.tui.widgets.transcript import Transcript
from tests.agent.tui.screen_samples import HOSTILE
from tests.agent.tui.shown import (
    Shown,
    cited,
    done,
    failed,
    restyled,
    rich_events,
    settle,
    stored,
)

LONG = "\n\n".join(f"Paragraph {n} of many." for n in range(60))


async def test_question_text_and_end_stand_below_each_other() -> None:
    app = Shown()
    async with app.run_test(size=(80, 40)) as pilot:
        app.play(
            "Why?", Status("Searching"), Token("So it is [1]."), cited(1), done("So it is [1].")
        )
        await settle(pilot)
        rows = [row.strip("▌ ") for row in app.drawn.splitlines()]
        assert rows[:6] == [
            "❯ Why?", "▸ 1 step", "", "So it is [1].", "",
            "grounded · naive · claude-sonnet-5 · 3.2 s · free",
        ]  # fmt: skip


async def test_steps_are_one_line_then_cards_then_with_all_that_is_in_them() -> None:
    app = Shown()
    async with app.run_test(size=(100, 60)) as pilot:
        answer = app.play("q", *rich_events())
        await settle(pilot)
        assert "▸ 5 steps, 2 tool calls, 1 failed" in app.drawn
        assert "Searching the library" not in app.drawn
        await pilot.press("t")
        await settle(pilot)
        assert "✓ Searching the library" in app.drawn
        assert '▸ ✓ search {"query": "impeller hours"} → [1] Pump manual' in app.drawn
        assert '▸ ✗ failed: mail.send {"to": "ada@example.org"} → the user said no' in app.drawn
        await pilot.press("t")
        await settle(pilot)
        assert 'arguments: {"query": "impeller hours"}' in app.drawn
        assert "│ Replace the impeller after 4,000 hours" in app.drawn
        assert "│ Hours are meant, not days." in app.drawn
        await pilot.press("t")
        await settle(pilot)
        assert "Searching the library" not in app.drawn
        assert not answer.steps.opened


async def test_while_it_runs_the_last_step_is_told() -> None:
    app = Shown()
    async with app.run_test(size=(80, 20)) as pilot:
        app.play("q", Status("Searching"), Status("Reading 3 passages"))
        await settle(pilot)
        assert "⋯ Reading 3 passages" in app.drawn


async def test_a_click_opens_a_card_and_a_marker() -> None:
    app = Shown()
    async with app.run_test(size=(100, 60)) as pilot:
        answer = app.play("q", *rich_events())
        await settle(pilot)
        await pilot.click(Transcript, offset=(6, 1))
        await settle(pilot)
        rows = app.drawn.splitlines()
        await pilot.click(Transcript, offset=(8, _row(rows, "✓ search")))
        await settle(pilot)
        assert "│ arguments" in app.drawn
        rows = app.drawn.splitlines()
        y = _row(rows, "4,000 hours of operation [1]")
        app.heard.clear()
        await pilot.click(Transcript, offset=(rows[y].index("[1]") + 1, y))
        await pilot.pause()
        (clicked,) = [m for m in app.heard if isinstance(m, Answer.MarkerClicked)]
        assert (clicked.answer, clicked.n) == (answer, 1)


async def test_a_figure_opens_the_citation_of_that_number() -> None:
    app = Shown()
    async with app.run_test(size=(100, 60)) as pilot:
        app.play("q", *rich_events())
        await settle(pilot)
        await pilot.press("2", "7")
        await pilot.pause()
        assert [m.n for m in app.heard if isinstance(m, Answer.MarkerClicked)] == [2]


async def test_the_plain_answer_is_shown_with_a_key() -> None:
    app = Shown()
    async with app.run_test(size=(80, 30)) as pilot:
        app.play("q", *restyled())
        await settle(pilot)
        assert "Arr, drain yer" in app.drawn
        assert "Drain the housing" not in app.drawn
        await pilot.press("p")
        await settle(pilot)
        assert "plain, before the persona" in app.drawn
        assert "Drain the housing before frost [1]." in app.drawn


async def test_a_failure_is_told_in_words_with_what_to_do() -> None:
    app = Shown()
    async with app.run_test(size=(80, 30)) as pilot:
        app.play("q", *failed())
        await settle(pilot)
        assert "It is" in app.drawn
        assert "✗ Failed: There is no key for this provider." in app.drawn
        assert "→ export ANTHROPIC_API_KEY=…" in app.drawn


async def test_the_end_is_followed_until_the_user_scrolls_up_and_again_at_the_end() -> None:
    app = Shown()
    async with app.run_test(size=(60, 12)) as pilot:
        answer = app.play("q", Token(LONG))
        await settle(pilot)
        assert "Paragraph 59 of many." in app.drawn
        await pilot.press("k", "k")
        await settle(pilot)
        before = app.drawn
        assert "↓ more below · G" in before
        Turn(answer).show(Token("\n\nAnd more.\n\nAnd still more."))
        await settle(pilot)
        assert app.drawn == before
        await pilot.press("G")
        await settle(pilot)
        assert "And still more." in app.drawn
        assert "more below" not in app.drawn
        assert app.transcript.following
        await pilot.press("k")
        assert not app.transcript.following
        await pilot.press("j")
        assert app.transcript.following


async def test_a_new_question_comes_into_sight_wherever_one_was() -> None:
    app = Shown()
    async with app.run_test(size=(60, 12)) as pilot:
        app.play("q", Token(LONG))
        await settle(pilot)
        await pilot.press("g")
        await settle(pilot)
        assert app.transcript.scroll_offset.y == 0
        app.play("next?")
        await settle(pilot)
        assert "❯ next?" in app.drawn


async def test_of_a_thousand_answers_only_those_near_the_viewport_are_laid_out() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        app.transcript.load(stored(1000))
        await settle(pilot)
        assert "Answer 1000. It is so [1]." in app.drawn
        assert app.transcript.laid_out <= 60
        assert app.transcript.selected is not None
        assert app.transcript.selected.n == 1000
        await pilot.press("g")
        await settle(pilot)
        assert app.drawn.splitlines()[0] == "▌ ❯ Question 1?"
        for _ in range(40):
            await pilot.press("ctrl+d")
        await settle(pilot)
        assert app.transcript.laid_out <= 60
        seen = [row for row in app.drawn.splitlines() if "❯" in row]
        assert seen
        numbers = [int(row.partition("Question ")[2].partition("?")[0]) for row in seen]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_what_is_in_sight_stays_where_it_is_when_answers_above_are_laid_out() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        app.transcript.load(stored(200, LONG))
        await settle(pilot)
        await pilot.press("k")
        await settle(pilot)
        rows = app.drawn.splitlines()
        for _ in range(30):
            await pilot.press("k")
            await settle(pilot)
            above = app.drawn.splitlines()
            assert [row[2:] for row in above[1:22]] == [row[2:] for row in rows[:21]]
            rows = above


async def test_brackets_go_from_answer_to_answer() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        app.transcript.load(stored(9))
        await settle(pilot)
        await pilot.press("left_square_bracket", "left_square_bracket")
        await settle(pilot)
        assert app.transcript.selected is not None
        assert app.transcript.selected.n == 7
        await pilot.press("right_square_bracket")
        assert app.transcript.selected.n == 8
        await pilot.press("g")
        await settle(pilot)
        await pilot.press("left_square_bracket")
        assert app.transcript.selected.n == 1


async def test_back_at_the_last_answer_its_end_is_followed_again() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        app.transcript.load(stored(2))
        await settle(pilot)
        await pilot.press("left_square_bracket")
        assert not app.transcript.following
        await pilot.press("right_square_bracket")
        assert app.transcript.following
        await pilot.press("left_square_bracket", "j")
        assert app.transcript.following


async def test_the_words_in_sight_stay_in_sight_when_the_terminal_is_made_narrow() -> None:
    app = Shown()
    long = "\n\n".join(f"Paragraph {n}. " + "word " * 30 for n in range(60))
    async with app.run_test(size=(120, 24)) as pilot:
        app.play("q", Token(long), done(long))
        await settle(pilot)
        for _ in range(4):
            await pilot.press("ctrl+u")
        await settle(pilot)
        before = {row for row in app.drawn.splitlines() if "Paragraph" in row}
        await pilot.resize_terminal(60, 24)
        await settle(pilot)
        after = app.drawn
        assert any(row.split("word")[0].strip("▌ ") in after for row in before)
        assert "more below" in after


async def test_another_answer_under_the_cursor_is_told_and_so_is_its_end() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        answer = app.play("q", Token("So"))
        await settle(pilot)
        assert [m.answer for m in app.heard if isinstance(m, Transcript.Selected)] == [answer]
        turn = Turn(answer)
        turn.show(cited(1))
        turn.show(done("So"))
        await settle(pilot)
        last = app.heard[-1]
        assert isinstance(last, Transcript.Selected)
        assert last.answer is answer
        assert last.answer.citations == (cited(1),)
        app.transcript.clear()
        await settle(pilot)
        assert app.transcript.selected is None


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("y", "copy"), ("c", "code"), ("q", "quote"), ("e", "edit"), ("r", "retry"),
        ("f", "fork"), ("w", "rewind"), ("o", "open"), ("enter", "open"),
    ],
)  # fmt: skip
async def test_a_key_wants_something_of_the_answer_under_the_cursor(key: str, what: str) -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        app.transcript.load(stored(3))
        await settle(pilot)
        await pilot.press("left_square_bracket", key)
        await pilot.pause()
        (wanted,) = [m for m in app.heard if isinstance(m, Transcript.Wanted)]
        assert (wanted.answer.n, wanted.what) == (2, what)


async def test_notices_stand_between_answers_and_are_not_selected() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        app.transcript.notice("There is no command /dance.\n/help lists them.")
        await settle(pilot)
        assert "There is no command /dance." in app.drawn
        assert app.transcript.selected is None
        answer = app.play("q", Token("So"))
        app.transcript.notice("Copied.")
        await settle(pilot)
        assert app.transcript.selected is answer
        assert "Copied." in app.drawn


async def test_words_selected_with_the_mouse_can_be_copied() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        app.play("q", Token("First line.\n\nSecond line."), done("First line.\n\nSecond line."))
        await settle(pilot)
        rows = app.drawn.splitlines()
        first, second = _row(rows, "First"), _row(rows, "Second")
        await pilot.mouse_down(Transcript, offset=(8, first))
        await pilot.hover(Transcript, offset=(7, second))
        await pilot.mouse_up(Transcript, offset=(7, second))
        await pilot.pause()
        assert app.screen.get_selected_text() == "line.\n\nSecond"


async def test_a_narrower_terminal_and_another_theme_lay_it_out_anew() -> None:
    app = Shown()
    async with app.run_test(size=(100, 30)) as pilot:
        app.play("q", Token("word " * 40), done("word " * 40))
        await settle(pilot)
        wide = app.drawn.count("word word")
        await pilot.resize_terminal(40, 30)
        await settle(pilot)
        rows = app.drawn.splitlines()
        assert all(len(row) <= 40 for row in rows)
        assert app.drawn.count("word") == 40
        assert wide
        app.theme = "textual-light"
        await settle(pilot)
        assert app.drawn.count("word") == 40


async def test_hostile_text_is_drawn_in_its_cells_and_runs_nothing() -> None:
    app = Shown()
    hostile = HOSTILE + " [@click=app.quit]go[/] [1](x) \u202e"
    async with app.run_test(size=(80, 40)) as pilot:
        answer = app.play(
            hostile, Status(hostile), Token(hostile), cited(1),
            done(hostile, note=hostile, model=hostile, persona=hostile),
        )  # fmt: skip
        app.transcript.notice(hostile)
        answer.toggle_steps()
        await settle(pilot)
        for y in range(app.transcript.size.height):
            strip = app.transcript.render_line(y)
            assert strip.cell_length == app.transcript.scrollable_content_region.width
            assert not set(strip.text) & set("\x1b\x9b\u202e\u200b\udce4")
            for segment in strip:
                action = segment.style.meta.get("@click", "") if segment.style else ""
                assert action.partition("(")[0] in ("", "toggle_steps", "toggle_step")
        assert "[@click=app.quit]go[/]" in app.drawn
        app.export_screenshot().encode()


async def test_a_question_of_a_megabyte_takes_a_few_rows() -> None:
    app = Shown()
    async with app.run_test(size=(80, 40)) as pilot:
        app.play("x" * 1_000_000, Token("So"), done("So"))
        await settle(pilot)
        assert "… (there is more)" in app.drawn
        assert "So" in app.drawn


class Rich(Shown):
    """A conversation with all that there is to see."""

    def __init__(self, theme_name: str) -> None:
        super().__init__(panel=True)
        self.theme_name = theme_name

    def on_mount(self) -> None:
        super().on_mount()
        self.theme = self.theme_name
        self.animation_level = "none"
        self.play("And in winter?", *restyled())
        self.play("What does it cost?", *failed())
        answer = self.play("When must the impeller be replaced?", *rich_events())
        answer.toggle_steps()
        self.call_after_refresh(self.transcript.select, answer)


@pytest.mark.parametrize(
    "size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"]
)
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_snapshot(snap_compare: Any, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(Rich(theme), terminal_size=size)


def test_snapshot_of_a_long_answer_scrolled_up(snap_compare: Any) -> None:
    class Long(Shown):
        def on_mount(self) -> None:
            super().on_mount()
            self.animation_level = "none"
            self.play("Tell me all of it.", Status("Searching"), Token(LONG), done(LONG))

    assert snap_compare(Long(), terminal_size=(80, 24), press=["k", "k", "k"])


def _row(rows: list[str], words: str) -> int:
    return next(y for y, row in enumerate(rows) if words in row)

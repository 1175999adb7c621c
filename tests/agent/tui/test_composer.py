"""Typing: commands and their completion, earlier texts, the editor, the order of what is sent."""

from __future__ import annotations

import asyncio
import shlex
import sys
from pathlib import Path

import pytest
from textual.events import Key

from agent.tui.commands import Completion
from agent.tui.widgets.completion import CompletionList
from agent.tui.widgets.field import Field
from tests.agent.tui.composer_app import Typing, folder, keys, sent, settle

__all__ = ["folder"]


async def test_enter_sends_and_a_line_can_be_broken(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "<enter>", "a", "<ctrl+j>", "b", "<enter>")
        assert [each.text for each in app.sent] == ["a\nb"]
        assert app.composer.text == ""


async def test_a_command_is_completed_and_its_argument_after_it(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "/mo")
        assert app.offered == ["/mode", "/model"]
        await keys(app, pilot, "<tab>")
        assert app.composer.text == "/mode "
        assert app.offered == ["auto", "naive"]
        await keys(app, pilot, "<down>", "<enter>")
        assert app.composer.text == "/mode naive"
        assert app.sent == []
        await keys(app, pilot, "<enter>")
        assert [each.text for each in app.sent] == ["/mode naive"]


async def test_enter_on_a_command_that_takes_nothing_runs_it(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "/he", "<enter>")
        assert [each.text for each in app.sent] == ["/help"]


async def test_a_whole_command_is_sent_though_others_begin_with_it(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "/mode", "<enter>")
        assert [each.text for each in app.sent] == ["/mode"]


async def test_escape_closes_the_list_and_only_then_reaches_the_app(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "/mo", "<escape>")
        assert app.offered == []
        assert (app.composer.text, app.stopped) == ("/mo", 0)
        await keys(app, pilot, "d")
        assert app.offered == []
        await keys(app, pilot, "<escape>")
        assert app.stopped == 1
        await keys(app, pilot, *["<backspace>"] * 4, "/h")
        assert app.offered == ["/help"]


async def test_a_click_takes_a_completion_and_the_field_keeps_the_focus(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "/mo")
        await pilot.click(CompletionList, offset=(3, 1))
        await settle(app, pilot)
        assert app.composer.text == "/model "
        assert isinstance(app.focused, Field)


async def test_what_was_sent_comes_back_over_sessions(folder: Path, tmp_path: Path) -> None:
    history = tmp_path / "state" / "history"
    first = Typing(folder, history)
    async with first.run_test() as pilot:
        await keys(first, pilot, "one", "<enter>", "two", "<ctrl+j>", "lines", "<enter>")
        await keys(first, pilot, " secret", "<enter>")
    app = Typing(folder, history)
    async with app.run_test() as pilot:
        await keys(app, pilot, "draft", "<up>")
        assert app.composer.text == "two\nlines"
        await keys(app, pilot, "<up>")
        assert app.composer.text == "one"
        await keys(app, pilot, "<up>", "<down>")
        assert app.composer.text == "two\nlines"
        await keys(app, pilot, "<down>")
        assert app.composer.text == "draft"


async def test_a_recalled_command_offers_nothing_until_it_is_changed(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "first", "<enter>", "/mo", "<escape>", "<enter>", "<up>")
        assert (app.composer.text, app.offered) == ("/mo", [])
        await keys(app, pilot, "<up>")
        assert app.composer.text == "first"


async def test_earlier_texts_are_searched_as_one_types(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "why is the sea salty", "<enter>", "the moon", "<enter>", "draft")
        await keys(app, pilot, "<ctrl+a>", "<ctrl+k>", "<ctrl+r>", "sea")
        assert app.offered == ["why is the sea salty"]
        assert "Earlier texts" in app.note
        await keys(app, pilot, "<enter>")
        assert (app.composer.text, app.note) == ("why is the sea salty", "")
        await keys(app, pilot, "<ctrl+r>", "xyz", "<escape>")
        assert app.composer.text == "why is the sea salty"
        assert len(app.sent) == 2


async def test_a_history_that_cannot_be_written_is_told_once(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    app = Typing(folder, tmp_path / "file" / "history")
    async with app.run_test() as pilot:
        await keys(app, pilot, "one", "<enter>", "two", "<enter>")
        assert len(app.sent) == 2
        assert app.told.count("What you type is not kept") == 1


async def test_the_last_waiting_question_is_taken_back_by_up(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "one", "<enter>")
        app.composer.show_waiting(["second", "third"])
        await keys(app, pilot, "x", "<up>")
        assert app.taken_back == 0
        await keys(app, pilot, "<down>", "<backspace>", "<up>")
        assert app.taken_back == 1


async def test_the_users_editor_changes_the_text(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "import sys; f = open(sys.argv[1], 'r+'); t = f.read(); f.write(' and more\\n')"
    monkeypatch.setenv("VISUAL", f"{shlex.quote(sys.executable)} -c {shlex.quote(script)}")
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "some", "<ctrl+g>")
        assert app.suspended
        assert app.composer.text == "some and more"


@pytest.mark.parametrize(
    ("editor", "told"),
    [
        ("", "No editor is named."),
        ("false", "ended with code 1"),
        ("no-such", "cannot be run"),
        ("rm", "rm left no text"),
        ("'", "cannot be understood"),
    ],
)
async def test_an_editor_that_fails_leaves_the_text(
    folder: Path, monkeypatch: pytest.MonkeyPatch, editor: str, told: str
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "some", "<ctrl+g>")
        assert app.composer.text == "some"
        assert told in app.told


async def test_questions_are_sent_in_the_order_in_which_they_were_typed(folder: Path) -> None:
    gate = asyncio.Event()

    async def slow(typed: str) -> list[Completion]:
        if typed == "slow":
            await gate.wait()
        return []

    app = Typing(folder)
    async with app.run_test() as pilot:
        app.composer.query_one(CompletionList)._sources = slow  # type: ignore[attr-defined]
        app.composer._sources = slow
        for text in ("@slow one", "two"):
            app.composer.text = text
            await pilot.press("enter")
        await pilot.pause()
        assert app.sent == []
        assert "Reading" in app.note
        gate.set()
        assert await sent(app, pilot, 2) == ["@slow one", "two"]


@pytest.mark.parametrize("line", ["/model", "/mode naive", "see @notes.md"])
async def test_what_is_typed_faster_than_it_is_completed_is_sent_as_typed(
    folder: Path, line: str
) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, line[:5])
        field = app.query_one(Field)
        for character in line[5:]:
            field.post_message(Key(character, character))
        field.post_message(Key("enter", None))
        assert await sent(app, pilot, 1) == [line]

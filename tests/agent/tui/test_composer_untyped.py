"""A text that was not typed here does not decide which files are handed in, wherever it is from."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.tui.question import Question, named, told_of_words, words_of
from agent.tui.widgets.history import HistoryFile
from tests.agent.tui.composer_app import Typing, folder, keys, paste, settle

__all__ = ["folder"]

TEXT = "[file notes.md]\nThe tide is high."


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A history in which a run before this one has left a question."""
    file = tmp_path / "history"
    HistoryFile(file).add("read @notes.md aloud")
    return file


@pytest.mark.parametrize("way", [["<up>"], ["<ctrl+r>", "aloud", "<enter>"]], ids=["up", "search"])
async def test_a_name_of_an_earlier_run_stays_a_word_until_it_is_chosen(
    way: list[str], folder: Path, history: Path
) -> None:
    app = Typing(folder, history)
    async with app.run_test() as pilot:
        await keys(app, pilot, *way, "<enter>")
        assert [(each.text, each.context) for each in app.sent] == [("read @notes.md aloud", "")]
        assert "@notes.md was not typed here and stays a word" in app.told
        assert "choose it from the list" in app.told
        await keys(app, pilot, "@no", "<tab>", "<enter>")
        assert app.sent[1].context == TEXT
        await keys(app, pilot, "<up>", "<up>", "<enter>")
        assert app.sent[2].text == "read @notes.md aloud"
        assert app.sent[2].context == TEXT


async def test_a_question_that_is_edited_again_reads_no_file_that_was_not_typed(
    folder: Path,
) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        app.composer.put("read @notes.md aloud")
        await settle(app, pilot)
        await keys(app, pilot, " please", "<enter>")
        assert app.sent[0].context == ""
        assert "@notes.md was not typed here" in app.told


async def test_what_went_with_a_question_goes_with_it_again_and_nothing_is_warned_of(
    folder: Path,
) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        app.composer.put("read @notes.md aloud", TEXT)
        await settle(app, pilot)
        await keys(app, pilot, "<enter>")
        assert app.sent[0].context == TEXT
        assert app.told == ""


async def test_what_was_typed_in_this_run_is_read_again_however_it_comes_back(
    folder: Path,
) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "see @notes.md.", "<enter>", "<up>", "<enter>")
        app.composer.put("see @notes.md.")
        await settle(app, pilot)
        await keys(app, pilot, "<enter>")
        assert [each.context for each in app.sent] == [TEXT] * 3
        await keys(app, pilot, "and @notes.md", "<space>", "<ctrl+r>", "<escape>", "<enter>")
        assert app.sent[3].context == TEXT
        assert app.told == ""


async def test_words_that_are_searched_for_are_not_chosen_by_it(
    folder: Path, history: Path
) -> None:
    app = Typing(folder, history)
    async with app.run_test() as pilot:
        await keys(app, pilot, "<ctrl+r>", "@notes.md", "<enter>", "<enter>")
        assert app.sent[0].text == "read @notes.md aloud"
        assert app.sent[0].context == ""


async def test_a_mark_behind_a_pasted_name_does_not_make_it_a_typed_one(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await paste(app, pilot, "please read @notes.md")
        await keys(app, pilot, "?", "<enter>")
        assert app.sent[0].text == "please read @notes.md?"
        assert app.sent[0].context == ""


def test_names_are_words_by_any_of_their_spellings() -> None:
    assert named("@a.md, and @b") == {"a.md,", "a.md", "b"}
    assert words_of("@a.md? @c", named("see @a.md")) == {"a.md?"}
    assert words_of("@a.md @c", named("see @a.md!")) == {"a.md"}


def test_all_words_are_told_but_for_those_that_go_along() -> None:
    assert told_of_words(set(), Question("")) == ""
    assert told_of_words({"a", "b"}, Question("")).startswith("@a, @b were not typed here")
    assert told_of_words({"notes.md?"}, Question("", TEXT)) == ""

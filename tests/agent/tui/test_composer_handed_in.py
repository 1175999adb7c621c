"""What goes along with a question: files, sources, pasted texts, what went with it before."""

from __future__ import annotations

from pathlib import Path

from textual.events import Key

from agent.tui.widgets.field import Field
from tests.agent.tui.composer_app import CHIP, LONG, Typing, folder, keys, paste, sent, settle

__all__ = ["folder"]


async def test_a_file_goes_along_and_a_source_limits_the_answer(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "@no")
        assert app.offered == ["notes.md"]
        await keys(app, pilot, "<tab>", "and @hand", "<enter>", "agree?", "<enter>")
        assert await sent(app, pilot, 1) == ["@notes.md and @handbook.pdf agree?"]
        assert app.sent[0].context == "[file notes.md]\nThe tide is high."
        assert app.sent[0].sources == ("handbook.pdf",)


async def test_folders_are_walked_into_and_names_with_spaces_are_quoted(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "see @do", "<tab>")
        assert app.composer.text == "see @docs/"
        assert app.offered == ["docs/a b.md"]
        await keys(app, pilot, "<tab>", "<enter>")
        assert app.sent[0].text == 'see @"docs/a b.md"'
        assert app.sent[0].context == "[file docs/a b.md]\nSpaces."


async def test_what_cannot_be_read_is_told_and_the_question_comes_back(folder: Path) -> None:
    (folder / "empty.txt").write_bytes(b"")
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "@empty.txt?", "<enter>")
        assert app.sent == []
        assert "empty.txt cannot go with the question" in app.told
        assert app.composer.text == "@empty.txt?"


async def test_a_large_paste_is_folded_and_goes_along_whole(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "sum up ")
        await paste(app, pilot, LONG.replace("\n", "\r\n"))
        assert app.composer.text == f"sum up {CHIP}"
        await keys(app, pilot, "<enter>")
        assert app.sent[0].text == f"sum up {CHIP}"
        assert app.sent[0].context == f"{CHIP}\n{LONG}"


async def test_one_backspace_takes_a_folded_text_out(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "ab ")
        await paste(app, pilot, LONG)
        await keys(app, pilot, "<backspace>")
        assert app.composer.text == "ab "
        await keys(app, pilot, "<backspace>")
        assert app.composer.text == "ab"


async def test_a_pasted_path_can_be_added_or_put_in_the_question(folder: Path) -> None:
    path = str(folder / "docs" / "a b.md")
    app = Typing(folder)
    async with app.run_test() as pilot:
        await paste(app, pilot, path.replace(" ", "\\ "))
        assert app.offered == ["Add to the library", "Put in the question"]
        await keys(app, pilot, "<enter>")
        assert [each.text for each in app.sent] == [f"/add {path}"]
        assert app.composer.text == ""
        await keys(app, pilot, "what is ")
        await paste(app, pilot, path)
        assert app.offered == ["Put in the question", "Add to the library"]
        await keys(app, pilot, "<enter>", "<enter>")
        assert app.sent[1].context == f"[file {path}]\nSpaces."
        for leave in (["<escape>"], []):
            await paste(app, pilot, path)
            await keys(app, pilot, *leave, " is it", "<enter>")
            assert app.sent[-1].text.split() == f"{path} is it".split()
            assert app.sent[-1].context == ""


async def test_a_pasted_text_does_not_decide_which_files_are_handed_in(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await paste(app, pilot, "please read @notes.md aloud")
        await keys(app, pilot, "<enter>")
        assert app.sent[0].context == ""
        assert "@notes.md was not typed here and stays a word" in app.told
        await keys(app, pilot, "@no", "<tab>", "<enter>")
        assert app.sent[1].context == "[file notes.md]\nThe tide is high."


async def test_a_pasted_text_cannot_command_the_terminal(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await paste(app, pilot, "a\x1b]0;title\x07\x9b2J\u202eb\rc")
        assert app.composer.text == "a␛]0;title␇\ufffd2J\ufffdb\nc"


async def test_a_question_is_put_back_with_what_went_with_it(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        await keys(app, pilot, "draft")
        await paste(app, pilot, LONG)
        await keys(app, pilot, "<enter>", "unsent")
        first = app.sent[0]
        app.composer.put(first.text, first.context, ("handbook.pdf",))
        await settle(app, pilot)
        assert "characters handed in before · only from handbook.pdf" in app.note
        await keys(app, pilot, "!", "<enter>")
        assert app.sent[1].text == first.text + "!"
        assert app.sent[1].context == first.context
        assert app.sent[1].sources == ("handbook.pdf",)
        await keys(app, pilot, "<up>", "<up>")
        assert app.composer.text == "unsent"
        await keys(app, pilot, "<enter>")
        assert app.sent[2].context == ""


async def test_what_went_with_a_question_does_not_go_with_one_typed_at_once(folder: Path) -> None:
    app = Typing(folder)
    async with app.run_test() as pilot:
        app.composer.put("again", "handed in", ("handbook.pdf",))
        for key in ("enter", "x", "enter"):
            app.query_one(Field).post_message(Key(key, key if key == "x" else None))
        await sent(app, pilot, 2)
        first, second = app.sent
        assert (first.context, first.sources) == ("handed in", ("handbook.pdf",))
        assert (second.text, second.context, second.sources) == ("x", "", ())

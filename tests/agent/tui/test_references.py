from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import AgentError, UsageError
from agent.tui.commands import Completion
from agent.tui.question import Question, assemble, offered
from agent.tui.references import (
    LIMIT,
    begun,
    files,
    pasted_path,
    read,
    referable,
    references,
    written,
)
from agent.tui.widgets.pastes import Pastes, chips
from knowledge.errors import ReadError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "my notes").mkdir()
    (tmp_path / "notes.md").write_text("# Notes\n\nThe tide is high.\n")
    (tmp_path / "docs" / "readme.md").write_text("Read me.\n")
    (tmp_path / "docs" / "deep" / "tides.txt").write_text("Tides.\n")
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "my notes" / "a b.txt").write_text("Spaces.\n")
    return tmp_path


def texts(found: list[Completion]) -> list[str]:
    return [each.text for each in found]


async def assembled(
    text: str,
    folder: Path,
    *known: str,
    pastes: Pastes | None = None,
    carried: Question | None = None,
    picked: dict[str, str] | None = None,
) -> Question:
    async def sources(typed: str) -> list[Completion]:
        return [Completion(name) for name in known if typed in name]

    return await assemble(
        text,
        pastes=pastes or Pastes(),
        picked=picked or {},
        sources=sources,
        folder=folder,
        carried=carried or Question(""),
    )


def test_an_at_sign_within_a_word_begins_no_reference() -> None:
    assert [r.name for r in references('me@home @a.md (@b) @"c d.md" @')] == ["a.md", "c d.md"]
    assert begun("write to me@ho") is None
    assert begun("see @do") is not None
    assert begun("see @do ") is None
    typed = begun('see @"my no')
    assert typed is not None
    assert (typed.name, typed.start) == ("my no", 4)


@given(st.text(max_size=60))
def test_what_is_written_is_found_again(name: str) -> None:
    if name and referable(name):
        assert [r.name for r in references(f"see {written(name)} now")] == [name]


def test_paths_are_completed_as_they_are_typed(folder: Path) -> None:
    assert texts(files(folder, "")) == ["docs/", "my notes/", "notes.md"]
    assert texts(files(folder, "docs/")) == ["docs/deep/", "docs/readme.md"]
    assert texts(files(folder, ".h")) == [".hidden"]
    assert texts(files(folder, str(folder) + "/no")) == [f"{folder}/notes.md"]
    assert files(folder, "nowhere/x") == []
    assert files(folder, "x\0y/") == []


def test_a_lone_name_is_found_in_folders_below(folder: Path) -> None:
    assert texts(files(folder, "tides")) == ["docs/deep/tides.txt"]
    assert texts(files(folder, "no")) == ["notes.md"]


def test_a_name_that_a_terminal_would_obey_is_not_offered(folder: Path) -> None:
    (folder / "no\x1b[31m.md").write_text("x")
    (folder / 'no"quote.md').write_text("x")
    assert texts(files(folder, "no")) == ["notes.md"]


def test_a_dropped_file_is_recognised_however_the_terminal_writes_it(folder: Path) -> None:
    path = folder / "my notes" / "a b.txt"
    plain = str(path)
    spaced, url = plain.replace(" ", "\\ "), "file://" + plain.replace(" ", "%20")
    for text in (plain, f"'{plain}'", f'"{plain}" ', spaced, url, f"{plain}\n"):
        assert pasted_path(text) == path
    for text in ("notes.md", "/", "", plain + "x", f"{plain}\n{plain}", "file://host/etc", "/\0"):
        assert pasted_path(text) is None


def test_a_name_with_an_unusual_space_is_one_name(tmp_path: Path) -> None:
    path = tmp_path / "Screenshot 10.30\u202fAM.txt"
    path.write_text("x")
    assert pasted_path(str(path)) == path
    assert [r.name for r in references(written(str(path)))] == [str(path)]


def test_a_long_file_goes_along_with_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("word " * LIMIT)
    text = read(tmp_path / "long.txt")
    assert LIMIT < len(text) < LIMIT + 60
    assert text.endswith("characters more were left out]")


def test_only_large_pastes_are_folded() -> None:
    pastes = Pastes()
    assert pastes.fold("short") == "short"
    assert pastes.fold("line\n" * 239 + "end") == "[pasted text 1: 240 lines]"
    assert pastes.fold("x" * 1_000_000) == "[pasted text 2: 1,000,000 characters]"
    text = "see [pasted text 1: 240 lines]"
    assert chips(f"{text} and {text}") == ["[pasted text 1: 240 lines]"]
    assert pastes.ending(text) == "[pasted text 1: 240 lines]"
    assert pastes.ending(text + ".") == ""
    assert Pastes().ending(text) == ""


async def test_a_named_file_goes_along_and_an_unknown_name_stays_a_word(folder: Path) -> None:
    question = await assembled("What does @notes.md, say to @alice?", folder)
    assert question.text == "What does @notes.md, say to @alice?"
    assert question.context == "[file notes.md]\n# Notes\n\nThe tide is high.\n"
    assert question.sources == ()


async def test_a_source_of_the_library_and_a_folder_limit_where_the_answer_is_from(
    folder: Path,
) -> None:
    source = str(folder / "notes.md")
    question = await assembled("@notes.md and @docs/ and @handbook.pdf?", folder, "handbook.pdf")
    assert question.sources == (str(folder / "docs"), "handbook.pdf")
    question = await assembled(f"@{source}: when?", folder, source)
    assert (question.context, question.sources) == ("", (source,))
    question = await assembled("@picked by hand", folder, picked={"picked": "/a/picked"})
    assert question.sources == ("/a/picked",)


async def test_a_path_to_a_source_means_the_source_though_the_library_shows_its_name(
    folder: Path,
) -> None:
    source = str(folder / "docs" / "readme.md")

    async def sources(typed: str) -> list[Completion]:
        return [Completion("readme.md", source, names=source)] if typed in source else []

    known, others = await offered("docs/", sources, folder)
    assert (texts(known), texts(others)) == (["readme.md"], ["docs/deep/"])
    for name in ("docs/readme.md", "docs/../docs/readme.md", "readme.md", source):
        question = await assemble(
            f"@{name}?",
            pastes=Pastes(),
            picked={},
            sources=sources,
            folder=folder,
            carried=Question(""),
        )
        assert (question.context, question.sources) == ("", (source,))


async def test_a_folded_text_goes_along_under_its_chip(folder: Path) -> None:
    pastes = Pastes()
    chip = pastes.fold("a\n" * 50)
    question = await assembled(f"Sum up {chip}", folder, pastes=pastes)
    assert question.context == f"{chip}\n" + "a\n" * 50
    with pytest.raises(UsageError, match="no longer kept"):
        await assembled(f"Sum up {chip}", folder)


async def test_what_was_handed_in_before_is_not_handed_in_twice(folder: Path) -> None:
    pastes = Pastes()
    chip = pastes.fold("a\n" * 50)
    first = await assembled(f"{chip} @notes.md", folder, "src", pastes=pastes)
    again = await assembled(f"{chip} @notes.md now", folder, carried=first)
    assert again.context == first.context


async def test_a_file_that_cannot_be_read_is_named_with_its_reason(folder: Path) -> None:
    (folder / "empty.txt").write_bytes(b"")
    with pytest.raises(UsageError, match=r"empty\.txt cannot go with the question: .*empty"):
        await assembled("@empty.txt", folder)
    with pytest.raises(ReadError):
        read(folder / "docs")


async def test_sources_come_before_files_and_a_file_that_is_one_comes_once(folder: Path) -> None:
    async def sources(typed: str) -> list[Completion]:
        return [Completion(str(folder / "notes.md"), "in the library"), Completion('b"ad')]

    known, others = await offered("", sources, folder)
    assert texts(known) == [str(folder / "notes.md")]
    assert texts(others) == ["docs/", "my notes/"]


async def test_a_library_that_cannot_be_asked_leaves_the_files(folder: Path) -> None:
    async def sources(typed: str) -> list[Completion]:
        raise AgentError("It is not open yet.")

    known, others = await offered("not", sources, folder)
    assert (known, texts(others)) == ([], ["notes.md"])

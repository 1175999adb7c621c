"""Which library `--library` means, and that only `add` and `library init` make one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.agent.cli.conftest import Agent

READERS = (
    ["ask", "lamp"],
    ["search", "lamp"],
    ["sources"],
    ["sync"],
    ["remove", "x"],
    ["library", "tag", "x"],
    ["library", "rollback", "x"],
)


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project" / "sub"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    file = folder.parent / "lamp.md"
    file.write_text("# Lamp\n\nThe lamp was lit in 1902.\n")
    return file


@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_a_misspelt_library_is_named_with_the_nearest_and_not_made(
    agent: Agent, home: Path, note: Path, words: list[str]
) -> None:
    agent("add", note, "--library", "name")
    ran = agent(*words, "--library", "nmae")
    assert ran.code == 2
    assert "There is no library 'nmae'; did you mean 'name'?" in ran.err
    assert "hint: agent library list" in ran.err
    assert not (home / "data" / "libraries" / "nmae").exists()


@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_the_default_library_is_empty_until_something_is_added(
    agent: Agent, home: Path, words: list[str]
) -> None:
    ran = agent(*words)
    assert "empty" in ran.err or "holds no source" in ran.err or "no tag" in ran.err
    assert ran.code == {"ask": 3, "search": 3, "sources": 0, "sync": 0}.get(words[0], 1)
    assert not (home / "data" / "libraries").exists()


@pytest.mark.parametrize("place", ["..", "../", "./.."])
def test_a_path_means_the_folder_library_in_it(agent: Agent, note: Path, place: str) -> None:
    before = sorted(note.parent.rglob("*"))
    for words in (*READERS, ["add", str(note)]):
        ran = agent(*words, "--library", place)
        assert ran.code == 2
        assert f"hint: agent library init {note.parent}" in ran.err
    assert sorted(note.parent.rglob("*")) == before
    agent("library", "init", place)
    assert agent("add", note, "--library", place).code == 0
    assert agent("search", "lamp", "--library", f"{place}/.understudy").code == 0
    assert sorted(p.name for p in note.parent.iterdir()) == [".understudy", "lamp.md", "sub"]


def test_what_a_user_calls_snapshots_is_safe_beside_a_folder_library(
    agent: Agent, note: Path
) -> None:
    own = note.parent / "snapshots" / "holiday.txt"
    own.parent.mkdir()
    own.write_text("A picture of the sea.\n")
    agent("library", "init", note.parent)
    agent("add", note, "--library", note.parent)
    agent("sync", "--library", note.parent)
    assert own.exists()


def test_a_folder_library_that_was_only_made_is_empty(agent: Agent, note: Path) -> None:
    agent("library", "init", note.parent)
    assert agent("sources").err.endswith("hint: agent add PATH\n")
    assert agent("ask", "lamp").code == 3
    assert "already" in agent("library", "init", note.parent / ".understudy").err


@pytest.mark.parametrize("name", ["", " ", "a\nb", "~nobody-at-all/x"])
def test_what_can_be_no_library_is_wrong_usage(agent: Agent, name: str) -> None:
    ran = agent("sources", "--library", name)
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 2


def test_libraries_are_listed_for_machines(agent: Agent, note: Path) -> None:
    assert json.loads(agent("library", "list", "--json").out) == []
    agent("add", note)
    agent("library", "tag", "before")
    agent("add", note, "--library", "second")
    first, second = json.loads(agent("library", "list", "--json").out)
    assert (first["name"], first["in_use"], first["sources"], first["error"]) == (
        "default", True, 1, "",
    )  # fmt: skip
    assert [tag["name"] for tag in first["tags"]] == ["before"]
    assert (second["name"], second["in_use"]) == ("second", False)


def test_a_damaged_library_is_listed_and_hides_no_other(
    agent: Agent, home: Path, note: Path
) -> None:
    agent("add", note)
    damaged = home / "data" / "libraries" / "broken"
    damaged.mkdir()
    (damaged / "catalog.sqlite").write_bytes(b"no database" * 100)
    ran = agent("library", "list")
    assert ran.code == 1
    assert "1 source" in ran.out
    assert "broken" in ran.err
    listed = {found["name"]: found for found in json.loads(agent("library", "list", "--json").out)}
    assert listed["broken"]["error"]
    assert listed["default"]["error"] == ""

"""What somebody types who has never used the program, and what is said to help."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.agent.cli.conftest import Agent

NOISE = bytes(range(256)) * 40
LAMP = "# Lighthouse\n\nThe lamp of the lighthouse was lit in 1902.\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "my notes"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def hint(err: str) -> str:
    """The last hint."""
    return [line for line in err.splitlines() if line.startswith("hint: ")][-1][6:]


@pytest.mark.parametrize(
    "page", ["example.com", "www.example.org:8080", "docs.example.de/a/b.html"]
)
def test_a_page_without_its_scheme_is_told_how_to_add_it(
    agent: Agent, here: Path, page: str
) -> None:
    ran = agent("add", page)
    assert ran.code == 1
    assert f"error: {page}: No such file or folder.\n" in ran.err
    assert hint(ran.err) == f"If it is a web page: agent add https://{page}"


@pytest.mark.parametrize("name", ["report.docx", "photo.heic", "sub/a.md", "v1.2", ".", ".."])
def test_a_file_is_not_taken_for_a_page(agent: Agent, here: Path, name: str) -> None:
    assert "https" not in agent("add", name).err


def test_a_url_of_another_scheme_is_told_what_can_be_added(agent: Agent, here: Path) -> None:
    assert hint(agent("add", "file:///etc/my%20hosts").err) == "agent add '/etc/my hosts'"
    ran = agent("add", "ftp://example.com/a")
    assert ran.code == 1
    assert "only http and https" in ran.err


@pytest.mark.parametrize("url", ["http://", "https://:443", "http://a b.com/", "http://x@y.com/"])
def test_a_url_that_can_never_be_fetched_is_refused_and_not_kept(
    agent: Agent, here: Path, url: str
) -> None:
    ran = agent("add", url)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"error: {url}: ")
    assert "hint: " in ran.err
    assert agent("sources").out == ""


def test_an_empty_path_is_shown_as_one(agent: Agent, here: Path) -> None:
    assert agent("add", "").err.startswith("error: '': No such file or folder.\n")


def test_an_empty_folder_is_said_to_hold_nothing(agent: Agent, here: Path) -> None:
    ran = agent("add", ".")
    assert ran.code == 0
    assert "There is no file in it to read.\n" in ran.err


def test_files_that_cannot_be_read_are_not_called_an_empty_library(
    agent: Agent, here: Path
) -> None:
    (here / "noise.md").write_bytes(NOISE)
    agent("add", ".")
    ran = agent("search", "lamp")
    assert ran.code == 3
    assert ran.err == "Nothing in the library could be read.\nhint: agent sources\n"


@pytest.mark.parametrize("command", [("ask", "What is it?"), ("search", "lamp"), ("sync",)])
def test_quietly_too_an_empty_library_is_said_to_be_empty(
    agent: Agent, here: Path, command: tuple[str, ...]
) -> None:
    ran = agent(*command, "-q")
    assert "The library is empty." in ran.err
    assert "agent add PATH" in ran.err


def test_a_search_for_nothing_is_wrong_usage(agent: Agent, here: Path) -> None:
    (here / "lamp.md").write_text(LAMP)
    agent("add", ".")
    for query in ("", "  "):
        ran = agent("search", query)
        assert (ran.code, ran.out) == (2, "")
        assert hint(ran.err) == 'agent search "your words"'


def test_a_source_that_the_library_lacks_is_named_where_nothing_is_found(
    agent: Agent, here: Path
) -> None:
    (here / "lamp.md").write_text(LAMP)
    agent("add", ".")
    ran = agent("search", "lamp", "--source", "lump.md")
    assert ran.code == 3
    assert "holds no source lump.md" in ran.err
    assert agent("search", "-q", "bread", "--source", "lamp.md").err == ""


def test_an_empty_date_is_no_date(agent: Agent, here: Path) -> None:
    ran = agent("search", "lamp", "--since", "")
    assert ran.code == 2
    assert "not a date: ''" in ran.err


@pytest.mark.parametrize("typed", ["house", "light house.txt", "Light House"])
def test_half_a_name_is_told_the_whole_one_to_remove(agent: Agent, here: Path, typed: str) -> None:
    file = here / "light house.md"
    file.write_text(LAMP)
    agent("add", ".")
    ran = agent("remove", typed)
    assert ran.code == 1
    assert "holds no source" in ran.err
    assert shlex.split(hint(ran.err)) == ["agent", "remove", str(file)]
    assert agent(*shlex.split(hint(ran.err))[1:]).code == 0


def test_half_a_name_of_several_is_no_advice(agent: Agent, here: Path) -> None:
    for name in ("lamp one.md", "lamp two.md"):
        (here / name).write_text(LAMP + name)
    agent("add", ".")
    assert hint(agent("remove", "lamp").err) == "agent sources lists them."


def test_what_is_to_be_typed_next_can_be_copied(agent: Agent, here: Path) -> None:
    (here / "lamp.md").write_text(LAMP)
    agent("add", ".")
    tagged = agent("library", "tag", "first draft").err.strip()
    typed = shlex.split(tagged.partition(": ")[2])
    assert typed == ["agent", "library", "rollback", "first draft"]
    assert agent(*typed[1:]).code == 0
    made = agent("library", "init", here).err.strip()
    assert shlex.split(made.partition("Next: ")[2]) == ["agent", "add", str(here)]

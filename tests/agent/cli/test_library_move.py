"""`agent library move`, and a shared library as two machines' users see it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from knowledge.library import Library
from tests.agent.cli.conftest import Agent
from tests.knowledge.shared.server import CHROMA, Served


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not CHROMA.exists():
        pytest.skip("the chroma command is not installed")
    served = Served(tmp_path_factory.mktemp("chroma"))
    served.start()
    yield served.url
    served.stop()


@pytest.fixture
def note(tmp_path: Path) -> Path:
    file = tmp_path / "lamp.md"
    file.write_text("# Lamp\n\nThe lamp was lit in 1902.\n")
    return file


def test_a_library_is_moved_and_another_home_asks_it(
    agent: Agent, note: Path, chroma: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"team-{uuid.uuid4().hex[:8]}"
    assert agent("add", note).code == 0
    moved = agent("library", "move", "--to", chroma, "--collection", name)
    assert moved.code == 0
    assert "Copied and compared: 1 source, 1 passage" in moved.err
    assert f"agent config set chroma_collection {name}" in moved.err
    again = agent("library", "move", "--to", chroma, "--collection", name, "--set")
    assert "It is there already" in again.err
    assert f"shared as {name}" in agent("library", "list").out

    monkeypatch.setenv("AGENT_HOME", str(tmp_path / "second"))
    agent("config", "set", "chroma_url", chroma)
    agent("config", "set", "chroma_collection", name)
    assert "1902" in agent("ask", "When was the lamp lit?").out
    other = tmp_path / "bell.md"
    other.write_text("# Bell\n\nThe bell rang in 1911.\n")
    assert agent("add", other).code == 0

    monkeypatch.setenv("AGENT_HOME", str(tmp_path / "home"))
    assert "1911" in agent("ask", "When did the bell ring?").out
    assert agent("library", "move", "--to", "embedded", "--set").code == 1
    assert agent("library", "move", "--to", "embedded", "--replace", "--set").code == 0
    assert "shared" not in agent("library", "list").out
    assert "1911" in agent("ask", "When did the bell ring?").out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "ftp://host"], "must be an address"),
        (["--to", "embedded", "--collection", "team"], "has no collection"),
        (["--to", "http://127.0.0.1:9"], "cannot be used"),
        (["--to", "http://127.0.0.1:9", "--collection", "no name"], "cannot be the name"),
    ],
)
def test_a_move_that_cannot_be_says_why_and_changes_nothing(
    agent: Agent, note: Path, options: list[str], message: str
) -> None:
    agent("add", note)
    ran = agent("library", "move", *options)
    assert ran.code in (1, 2)
    assert message in ran.err
    assert "hint:" in ran.err
    assert "1902" in agent("ask", "When was the lamp lit?").out
    assert agent("sync").code == 0


def test_a_shared_library_without_a_server_says_what_to_set(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_CHROMA_COLLECTION", "team")
    ran = agent("search", "lamp")
    assert ran.code in (1, 2)
    assert "chroma_url" in ran.err


def test_libraries_of_one_machine_never_meet_on_the_server(
    agent: Agent, note: Path, chroma: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_CHROMA_URL", chroma)
    monkeypatch.setenv("AGENT_CHROMA_COLLECTION", f"team-{uuid.uuid4().hex[:8]}")
    assert agent("add", note, "--library", "bücher").code == 0
    assert "lamp.md" in agent("sources", "--library", "bücher").out
    assert "empty" in agent("sources").err
    assert agent("search", "lamp", "--library", "bucher").code == 2


def test_a_list_of_libraries_shows_ones_own_as_its_own(
    agent: Agent, note: Path, chroma: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"team-{uuid.uuid4().hex[:8]}"
    assert agent("add", note, "--library", "diary").code == 0
    monkeypatch.setenv("AGENT_CHROMA_URL", chroma)
    monkeypatch.setenv("AGENT_CHROMA_COLLECTION", name)
    assert agent("add", note, "--library", "work").code == 0
    listed = {line.split()[0]: line for line in agent("library", "list").out.splitlines()}
    assert "1 source" in listed["diary"]
    assert "shared" not in listed["diary"]
    assert f"(shared as {name}-work)" in listed["work"]


def test_settings_that_hold_for_other_libraries_too_are_not_set_in_passing(
    agent: Agent, note: Path, chroma: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"team-{uuid.uuid4().hex[:8]}"
    to = ["--to", chroma, "--collection", name]
    assert agent("add", note).code == 0
    assert agent("add", note, "--library", "my work").code == 0
    for library in ("default", "my work"):
        refused = agent("--library", library, "library", "move", *to, "--set")
        assert refused.code == 2
        assert "every library" in refused.err
    assert "1902" in agent("ask", "When was the lamp lit?").out
    moved = agent("--library", "my work", "library", "move", *to)
    assert moved.code == 0
    assert f"agent --library default library move --to {chroma} --collection {name}" in moved.err
    assert "--set" not in moved.err
    moved = agent("library", "move", *to)
    assert f"agent --library 'my work' library move --to {chroma}" in moved.err
    agent("config", "set", "chroma_url", chroma)
    agent("config", "set", "chroma_collection", name)
    for library in ("default", "my work"):
        assert "lamp.md" in agent("sources", "--library", library).out
    # Where they are so already, there is nothing to refuse.
    assert agent("library", "move", *to, "--set").code == 0


def test_the_only_library_is_not_set_in_passing_where_it_is_not_the_default_one(
    agent: Agent, note: Path, chroma: str
) -> None:
    assert agent("add", note, "--library", "work").code == 0
    refused = agent("--library", "work", "library", "move", "--to", chroma, "--set")
    assert (refused.code, "every library" in refused.err) == (2, True)
    moved = agent("--library", "work", "library", "move", "--to", chroma)
    assert "hold for every library" in moved.err
    assert "Move the others" not in moved.err


def test_a_library_with_dots_in_its_name_is_shared_under_another(
    agent: Agent, note: Path, chroma: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_CHROMA_URL", chroma)
    monkeypatch.setenv("AGENT_CHROMA_COLLECTION", f"team-{uuid.uuid4().hex[:8]}")
    for name in ("a..b", "a.-b"):
        assert agent("sources", "--library", name).code == 2
        assert agent("add", note, "--library", name).code == 0
    agent("remove", note, "--library", "a.-b")
    assert "lamp.md" in agent("sources", "--library", "a..b").out
    assert "shared as team-" in agent("library", "list").out


def test_settings_are_not_changed_to_a_copy_that_the_server_could_not_be_asked_for(
    agent: Agent, note: Path, tmp_path: Path
) -> None:
    if not CHROMA.exists():
        pytest.skip("the chroma command is not installed")
    served = Served(tmp_path / "served")
    served.start()
    try:
        agent("config", "set", "chroma_url", served.url)
        agent("config", "set", "chroma_collection", "team")
        assert agent("add", note).code == 0
    finally:
        served.stop()
    moved = agent("library", "move", "--to", "embedded", "--set")
    assert moved.code == 0
    assert "from this machine's cache" in moved.err
    assert "The settings are as they were" in moved.err
    assert "agent config unset chroma_collection" in moved.err
    assert "--set does it" not in moved.err
    assert "chroma_collection = " not in moved.err
    assert "shared as team" in agent("library", "list").out


@pytest.mark.parametrize("command", [["search", "lamp"], ["sources"], ["sources", "--json"]])
def test_what_was_asked_for_is_printed_before_a_library_is_let_go_of(
    agent: Agent, note: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    assert agent("add", note).code == 0
    close = Library.close

    def closed(library: Library) -> None:
        click.echo("closed")
        close(library)

    monkeypatch.setattr(Library, "close", closed)
    found, _, after = agent(*command).out.partition("closed")
    assert ("lamp.md" in found, after.strip()) == (True, "")

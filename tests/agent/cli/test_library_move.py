"""`agent library move`, and a shared library as two machines' users see it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

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

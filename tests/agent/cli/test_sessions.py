from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.events import Citation, Done, Token
from agent.transcripts import Transcripts
from tests.agent.cli.conftest import Agent


@pytest.fixture
def stored(home: Path) -> str:
    """A stored session with one answered question."""
    transcripts = Transcripts(home / "data" / "transcripts.db")
    session = transcripts.create()
    turn = transcripts.begin(session, "When was the lamp lit?", "a page handed in")
    transcripts.append(
        session,
        turn,
        [
            Token("In 1902 [1]\x1b[2J."),
            Citation(1, "/x/lamp.md", "Lamp", "Lamp", "lit in 1902", 0, 11, True, False),
            Done("In 1902 [1]\x1b[2J.", "grounded", "naive", "embedded"),
        ],
        state="done",
    )
    transcripts.close()
    return session


def test_sessions_are_listed_with_their_first_question(agent: Agent, stored: str) -> None:
    for arguments in ([], ["list"]):
        ran = agent("sessions", *arguments)
        assert ran.code == 0
        assert ran.out.startswith(stored)
        assert ran.out.endswith("1 question  When was the lamp lit?\n")
    [info] = json.loads(agent("sessions", "list", "--json").out)
    assert (info["id"], info["turns"]) == (stored, 1)


def test_none_yet_says_what_to_type(agent: Agent) -> None:
    ran = agent("sessions")
    assert (ran.code, ran.out) == (0, "")
    assert "hint: agent ask" in ran.err


def test_a_session_is_shown_by_the_beginning_of_its_name(agent: Agent, stored: str) -> None:
    ran = agent("sessions", "show", stored[:4])
    assert ran.out == (
        "> When was the lamp lit?\n"
        "  (with 16 characters handed in)\n"
        "\n"
        "In 1902 [1]␛[2J.\n"
        "\n"
        "[1] Lamp — Lamp (/x/lamp.md)\n"
        "    “lit in 1902”\n"
    )


def test_past_answers_are_found_by_their_words(agent: Agent, stored: str) -> None:
    ran = agent("sessions", "search", "1902")
    assert ran.code == 0
    assert ran.out.startswith(stored)
    assert json.loads(agent("sessions", "search", "lamp", "--json").out)[0]["session"] == stored
    assert agent("sessions", "search", "nonsense").code == 3


def test_a_session_is_exported_to_stdout_and_to_a_file(
    agent: Agent, stored: str, tmp_path: Path
) -> None:
    shown = agent("sessions", "export", stored)
    assert shown.out.startswith("# When was the lamp lit?\n")
    assert "\x1b" not in shown.out
    data = json.loads(agent("sessions", "export", stored, "--format", "json").out)
    assert data["turns"][0]["answer"] == "In 1902 [1]\x1b[2J."
    file = tmp_path / "session.json"
    ran = agent("sessions", "export", stored, "--format", "json", "-o", file)
    assert (ran.code, ran.out) == (0, "")
    assert json.loads(file.read_text()) == data
    assert agent("sessions", "export", stored, "-o", tmp_path / "no" / "x.md").code == 1


def test_deleting_names_all_or_deletes_none(agent: Agent, stored: str) -> None:
    assert agent("sessions", "delete", stored, "nonsense").code == 1
    assert agent("sessions").out.startswith(stored)
    assert agent("sessions", "delete", stored).out == "Deleted 1 session.\n"
    assert agent("sessions").out == ""


def test_a_session_is_renamed(agent: Agent, stored: str) -> None:
    assert agent("sessions", "rename", stored, "Lamps").code == 0
    assert agent("sessions").out.endswith("Lamps\n")


def test_an_unknown_session_is_named_with_what_to_type(agent: Agent, home: Path) -> None:
    for words in (["show", "x"], ["export", "x"], ["delete", "x"], ["rename", "x", "y"]):
        ran = agent("sessions", *words)
        assert ran.code == 1
        assert "'x'" in ran.err
        assert "agent sessions list" in ran.err

"""`agent ask` over a real library, with the embedded reader or a script as the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.events import from_json
from tests.agent.cli.conftest import Agent

LAMP = "# Lighthouse\n\nThe lamp of the lighthouse was lit in 1902 by Ada Brown.\n"
QUESTION = "When was the lamp of the lighthouse lit?"


@pytest.fixture
def note(agent: Agent, tmp_path: Path) -> Path:
    """A library with one note in it."""
    note = tmp_path / "lamp.md"
    note.write_text(LAMP)
    assert agent("add", note).code == 0
    return note


def script(tmp_path: Path, *replies: dict[str, Any]) -> str:
    """A model that plays these replies."""
    file = tmp_path / "script.json"
    file.write_text(json.dumps({"replies": replies}))
    return f"scripted:{file}"


def test_the_answer_is_on_stdout_with_its_source_and_the_rest_on_stderr(
    agent: Agent, note: Path
) -> None:
    ran = agent("ask", QUESTION)
    assert ran.code == 0
    answer, _, sources = ran.out.partition("\n\n")
    assert "1902" in answer
    assert "[1]" in answer
    assert sources.startswith("[1] Lighthouse — Lighthouse (")
    assert "“The lamp of the lighthouse was lit in 1902 by Ada Brown.”" in sources
    assert ran.err.splitlines()[-1].startswith("grounded · auto → naive · embedded · ")


def test_words_of_a_question_need_no_quotation_marks(agent: Agent, note: Path) -> None:
    ran = agent("ask", *QUESTION.split())
    assert ran.code == 0
    assert "1902" in ran.out


def test_json_holds_verified_quotes_that_stand_in_the_document(agent: Agent, note: Path) -> None:
    ran = agent("ask", "--json", QUESTION)
    assert ran.code == 0
    data = json.loads(ran.out)
    assert (data["outcome"], data["mode"], data["model"]) == ("grounded", "naive", "embedded")
    assert data["persona"] is None
    assert data["session"]
    assert data["citations"]
    for citation in data["citations"]:
        assert citation["verified"] is True
        assert citation["stale"] is False
        assert citation["source"] == str(note)
        assert LAMP[citation["start"] : citation["end"]] == citation["quote"]


def test_a_question_about_something_else_ends_with_3(agent: Agent, note: Path) -> None:
    ran = agent("ask", "How many moons does Jupiter have?")
    assert ran.code == 3
    assert "The sources do not say" in ran.out
    data = json.loads(agent("ask", "--json", "How many moons does Jupiter have?").out)
    assert (data["outcome"], data["citations"]) == ("unanswerable", [])


def test_an_empty_library_says_so_and_what_to_type(agent: Agent) -> None:
    ran = agent("ask", QUESTION)
    assert ran.code == 3
    assert "agent add PATH" in ran.err


def test_json_lines_end_with_exactly_one_done(agent: Agent, note: Path) -> None:
    ran = agent("ask", "--jsonl", QUESTION)
    assert ran.code == 0
    kinds = [from_json(json.loads(line)).kind for line in ran.out.splitlines()]
    assert kinds[-1] == "done"
    assert sum(kind in ("done", "failed") for kind in kinds) == 1
    assert "citation" in kinds


def test_standard_input_is_the_question_where_none_is_typed(agent: Agent, note: Path) -> None:
    assert "1902" in agent("ask", stdin=QUESTION + "\n").out
    assert "1902" in agent("ask", "-", stdin=QUESTION + "\n").out


def test_standard_input_beside_a_question_is_handed_to_the_model(
    agent: Agent, note: Path, tmp_path: Path
) -> None:
    model = script(tmp_path, {"expect": "handed in by hand", "text": "Yes."})
    assert agent("ask", "--model", model, QUESTION, stdin="handed in by hand").code != 1
    ran = agent("ask", "--model", model, "--no-input", QUESTION, stdin="handed in by hand")
    assert ran.code == 1
    assert "expects to be asked about 'handed in by hand'" in ran.err


def test_no_question_at_all_is_wrong_usage(agent: Agent) -> None:
    for ran in (agent("ask"), agent("ask", ""), agent("ask", stdin=" \n")):
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.endswith('hint: agent ask "your question"\n')


def test_a_model_that_fails_is_exit_1_with_its_hint(
    agent: Agent, note: Path, tmp_path: Path
) -> None:
    error = {"kind": "MissingKey", "message": "No key.", "hint": "export KEY=…"}
    model = script(tmp_path, {"error": error})
    ran = agent("ask", "--model", model, QUESTION)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith("error: No key.\nhint: export KEY=…\n")
    ran = agent("ask", "--model", model, "--json", QUESTION)
    assert ran.code == 1
    assert json.loads(ran.out) == {
        "error": {"message": "No key.", "hint": "export KEY=…", "kind": "MissingKey"}
    }
    lines = agent("ask", "--model", model, "--jsonl", QUESTION).out.splitlines()
    assert json.loads(lines[-1])["kind"] == "failed"


def test_an_answer_that_breaks_off_is_kept_and_the_failure_told(
    agent: Agent, note: Path, tmp_path: Path
) -> None:
    model = script(tmp_path, {"text": "The lamp was", "cut": True})
    ran = agent("ask", "--model", model, QUESTION)
    assert ran.code == 1
    assert ran.out == "The lamp was\n"
    assert "broke off" in ran.err


def test_wrong_usage_is_told_in_json_too(agent: Agent) -> None:
    for arguments in (["--since", "never", "Why?"], ["-c", "--session", "x", "Why?"]):
        ran = agent("ask", "--json", *arguments)
        assert ran.code == 2
        assert json.loads(ran.out)["error"]["kind"] == "UsageError"
    assert agent("ask", "--mode", "nonsense", "Why?").code == 2
    assert agent("ask", "--json", "--jsonl", "Why?").code == 2


def test_what_a_model_says_cannot_command_the_terminal(
    agent: Agent, note: Path, tmp_path: Path
) -> None:
    model = script(tmp_path, {"text": "\x1b]0;owned\x07 {passage:1} [1]"})
    for options in ([], ["--json"], ["--jsonl"], ["-v"]):
        ran = agent("ask", "--model", model, *options, QUESTION)
        assert "\x1b" not in ran.out + ran.err
        assert "\x07" not in ran.out + ran.err


def test_a_changed_source_is_marked_stale(agent: Agent, note: Path) -> None:
    note.write_text(LAMP.replace("1902", "1999") + "More.\n")
    ran = agent("ask", QUESTION)
    assert "(stale)" in ran.out
    assert "hint: agent sync" in ran.err
    data = json.loads(agent("ask", "--json", QUESTION).out)
    assert data["citations"][0]["stale"] is True


def test_an_ask_can_be_narrowed_to_sources(agent: Agent, note: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("The lamp of the kitchen was lit in 1844.\n")
    agent("add", other)
    ran = agent("ask", "--json", "--source", other, "When was the lamp lit?")
    assert {c["source"] for c in json.loads(ran.out)["citations"]} == {str(other)}


def test_a_session_is_continued_with_what_was_said(
    agent: Agent, note: Path, tmp_path: Path
) -> None:
    model = script(tmp_path, {"text": "{passage:1} [1]"})
    first = json.loads(agent("ask", "--model", model, "--json", QUESTION).out)
    again = json.loads(agent("ask", "--model", model, "--json", "-c", "And by whom?").out)
    other = json.loads(agent("ask", "--model", model, "--json", QUESTION).out)
    assert again["session"] == first["session"] != other["session"]
    named = agent("ask", "--model", model, "--json", "--session", first["session"], "Who?")
    assert json.loads(named.out)["session"] == first["session"]
    shown = agent("sessions", "show", first["session"]).out
    assert QUESTION in shown
    assert "And by whom?" in shown


def test_an_unknown_session_is_named(agent: Agent, note: Path) -> None:
    ran = agent("ask", "--session", "nonsense", QUESTION)
    assert ran.code == 1
    assert "nonsense" in ran.err
    assert "hint: " in ran.err

"""`--json` and `--jsonl`: a failure is on stdout too, wherever it happens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.events import Failed, from_json
from tests.agent.cli.conftest import Agent


@pytest.mark.parametrize(
    "words",
    [
        ["ask", "--json", "--mode", "nonsense", "why"],
        ["ask", "--json", "--jsonl", "why"],
        ["ask", "--json"],
        ["sessions", "list", "--json", "--limit", "x"],
        ["nonsense", "--json"],
        ["sources", "--json", "--library", "nonsense/"],
    ],
)
def test_wrong_usage_is_an_error_object(agent: Agent, words: list[str]) -> None:
    ran = agent(*words)
    assert ran.code == 2
    error = json.loads(ran.out)["error"]
    assert set(error) == {"message", "hint", "kind"}
    assert f"error: {error['message']}" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ["sources", "--json"],
        ["search", "--json", "x"],
        ["sessions", "list", "--json"],
        ["sessions", "search", "--json", "x"],
        ["config", "show", "--json"],
        ["library", "list", "--json"],
        ["ask", "--json", "x"],
    ],
)
def test_a_wrong_setting_is_an_error_object_of_every_command(
    agent: Agent, home: Path, words: list[str]
) -> None:
    home.mkdir()
    (home / "config.toml").write_text("modle = 'x'\n")
    ran = agent(*words)
    assert ran.code == 2
    assert json.loads(ran.out)["error"]["kind"] == "ConfigError"
    assert "modle" in ran.err


def test_json_lines_end_with_failed_where_the_ask_never_began(agent: Agent) -> None:
    ran = agent("ask", "--jsonl", "--mode", "nonsense", "why")
    assert ran.code == 2
    assert isinstance(from_json(json.loads(ran.out)), Failed)


def test_a_word_of_a_question_is_no_option(agent: Agent) -> None:
    ran = agent("ask", "--mode", "nonsense", "--", "--json")
    assert (ran.code, ran.out) == (2, "")


def test_json_says_on_stderr_that_the_search_was_by_words_only(
    agent: Agent, tmp_path: Path
) -> None:
    (tmp_path / "lamp.md").write_text("# Lamp\n\nThe lamp was lit in 1902 by Ada Brown.\n")
    agent("add", tmp_path / "lamp.md")
    ran = agent("ask", "--json", "When was the lamp lit?")
    assert json.loads(ran.out)["outcome"] == "grounded"
    assert "by words only" in ran.err

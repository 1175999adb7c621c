"""`agent ask --max-…`: one question may use so much and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.cli.conftest import Agent, Ran
from tests.loopback import Loopback, Reply

LAMP = "# Lighthouse\n\nThe lamp of the lighthouse was lit in 1902 by Ada Brown.\n"
QUESTION = "When was the lamp of the lighthouse lit?"


@pytest.fixture
def note(agent: Agent, tmp_path: Path) -> Path:
    note = tmp_path / "lamp.md"
    note.write_text(LAMP)
    assert agent("add", note).code == 0
    return note


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A provider, of whose model nothing is known, or whose name is a known one's."""
    reply = Reply("The lamp of the lighthouse was lit in 1902 [1]." + " And so on." * 40)
    with Loopback(reply=reply) as server:
        monkeypatch.setenv("AGENT_API_BASE", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        yield server


def ask(agent: Agent, *options: object, model: str = "openai/test") -> tuple[Ran, dict[str, Any]]:
    ran = agent("ask", "--json", "--mode", "naive", "--model", model, *options, QUESTION)
    return ran, json.loads(ran.out)


def test_the_embedded_model_answers_under_any_limit_of_tokens_and_money(
    agent: Agent, note: Path
) -> None:
    ran, data = ask(agent, "--max-tokens", 1, "--max-cost", 0, "--max-steps", 1, model="embedded")
    assert (ran.code, data["outcome"]) == (0, "grounded")


def test_a_limit_of_tokens_that_leaves_no_room_quotes_and_never_asks_the_model(
    agent: Agent, note: Path, server: Loopback
) -> None:
    ran, data = ask(agent, "--max-tokens", 50)
    assert server.requests == []
    assert (ran.code, data["outcome"]) == (0, "partial")
    assert "1902" in data["answer"]
    assert data["note"].startswith("The limit of 50 tokens leaves no room for another call")
    assert "These are quotations" in data["note"]
    assert all(citation["verified"] for citation in data["citations"])


def test_what_is_left_of_the_tokens_is_the_longest_answer_that_the_provider_is_asked_for(
    agent: Agent, note: Path, server: Loopback
) -> None:
    ran, data = ask(agent, "--max-tokens", 5000)
    assert ran.code == 0
    assert 4000 < server.requests[0]["max_tokens"] < 5000
    assert "limit" not in data.get("note", "")
    ask(agent)
    assert "max_tokens" not in server.requests[1]


def test_a_model_that_does_not_stop_is_cut_and_what_it_said_is_partial(
    agent: Agent, note: Path, server: Loopback
) -> None:
    used = ask(agent)[1]["usage"]
    server.reply = Reply("The lamp of the lighthouse was lit in 1902 [1]." + " And so on." * 4000)
    # The server counts a prompt of 20; the program's own count is what the limit is held against.
    assert used["input_tokens"] == 20
    _, data = ask(agent, "--max-tokens", 1000)
    asked = server.requests[-1]["max_tokens"]
    assert data["note"].startswith("The limit of 1000 tokens is reached.")
    assert data["usage"]["output_tokens"] <= 2 * asked + 16
    assert server.left.wait(10)


def test_a_limit_of_cost_needs_a_model_of_known_price(
    agent: Agent, note: Path, server: Loopback
) -> None:
    ran, data = ask(agent, "--max-cost", 0.5)
    assert ran.code == 2
    assert "price of this model is not known" in data["error"]["message"]
    assert "--max-tokens" in data["error"]["hint"]
    assert server.requests == []


def test_a_limit_of_cost_limits_the_answer_of_a_model_with_a_price(
    agent: Agent, note: Path, server: Loopback
) -> None:
    # $0.15 and $0.60 for a million tokens: a cent pays for some 16,000 tokens of answer.
    ran, data = ask(agent, "--max-cost", 0.01, model="openai/gpt-4o-mini")
    assert ran.code == 0
    assert 10_000 < server.requests[0]["max_tokens"] < 16_700
    assert 0 < data["cost"] < 0.01
    ran, data = ask(agent, "--max-cost", 0.00001, model="openai/gpt-4o-mini")
    assert (ran.code, data["outcome"], data["cost"]) == (0, "partial", 0)
    assert data["note"].startswith("The limit of $0.00001 leaves no room")
    assert len(server.requests) == 1


def test_a_provider_that_hangs_is_left_when_the_time_is_up(
    agent: Agent, note: Path, server: Loopback
) -> None:
    ask(agent)  # what is slow to load is loaded
    server.fail("hang")
    ran, data = ask(agent, "--max-seconds", 2)
    assert (ran.code, data["outcome"]) == (0, "partial")
    assert data["note"].startswith("The limit of 2 s is reached.")
    assert "1902" in data["answer"]
    assert server.left.wait(10)


def test_the_reason_stands_on_stderr_beside_a_partial_answer(
    agent: Agent, note: Path, server: Loopback
) -> None:
    ran = agent("ask", "--mode", "naive", "--model", "openai/test", "--max-tokens", 50, QUESTION)
    assert ran.code == 0
    assert "The limit of 50 tokens" in ran.err
    assert "The limit" not in ran.out


def test_steps_are_calls(agent: Agent, note: Path, server: Loopback) -> None:
    ran, data = ask(agent, "--max-steps", 1)
    assert ran.code == 0
    assert len(server.requests) == 1
    assert "limit" not in data.get("note", "")


def test_the_settings_of_the_same_names_hold_where_nothing_is_typed(
    agent: Agent, note: Path, server: Loopback
) -> None:
    assert agent("config", "set", "max_tokens", 50).code == 0
    assert ask(agent)[1]["note"].startswith("The limit of 50 tokens")
    ran, _ = ask(agent, "--max-tokens", 5000)
    assert ran.code == 0
    assert len(server.requests) == 1
    assert agent("config", "unset", "max_tokens").code == 0
    assert agent("config", "set", "answer_tokens", 77).code == 0
    ask(agent)
    assert server.requests[-1]["max_tokens"] == 77


@pytest.mark.parametrize(
    "option",
    [
        ("--max-cost", "-1"), ("--max-cost", "nan"), ("--max-cost", "a lot"),
        ("--max-tokens", "0"), ("--max-tokens", "1.5"), ("--max-steps", "0"),
        ("--max-seconds", "0"), ("--max-seconds", "nan"), ("--max-seconds", "inf"),
    ],
)  # fmt: skip
def test_a_limit_that_is_none_is_wrong_usage(agent: Agent, option: tuple[str, str]) -> None:
    ran = agent("ask", *option, "Why?")
    assert ran.code == 2
    assert option[0].removeprefix("--").replace("-", "_") in ran.err.replace("-", "_")
    for name in ("max_cost", "max_seconds"):
        assert agent("config", "set", name, "nan").code == 2


def test_the_options_are_explained(agent: Agent) -> None:
    text = agent("ask", "--help").out
    for option in ("--max-cost", "--max-tokens", "--max-steps", "--max-seconds"):
        assert option in text

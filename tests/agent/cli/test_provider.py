"""`agent ask` with a provider's model, against a server on loopback that streams and fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agent.cli.conftest import Agent, Ran
from tests.loopback import FaultKind, Loopback, Reply

Ask = Callable[..., Ran]

QUESTION = "When was the lamp of the lighthouse lit?"


@pytest.fixture
def server() -> Iterator[Loopback]:
    answer = "The lamp of the lighthouse was lit in 1902 by Ada Brown [1]."
    with Loopback(Reply(text=answer)) as server:
        yield server


@pytest.fixture
def ask(agent: Agent, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask the question of the model behind the server."""
    note = tmp_path / "lamp.md"
    note.write_text("# Lighthouse\n\nThe lamp of the lighthouse was lit in 1902 by Ada Brown.\n")
    assert agent("add", note).code == 0
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback")
    monkeypatch.setenv("AGENT_API_BASE", server.base_url)
    monkeypatch.setenv("AGENT_RETRIES", "0")

    def run(*options: str) -> Ran:
        return agent("ask", "--model", "openai/gpt-4o-mini", *options, QUESTION)

    return run


def test_a_streamed_answer_is_cited_and_its_usage_and_cost_are_told(ask: Ask) -> None:
    data = json.loads(ask("--json").out)
    assert data["outcome"] == "grounded"
    assert data["model"] == "openai/gpt-4o-mini"
    assert [citation["verified"] for citation in data["citations"]] == [True]
    assert data["usage"]["input_tokens"] > 0
    assert data["usage"]["output_tokens"] > 0
    assert data["cost"] > 0
    ran = ask()
    assert (ran.code, ran.out.split("\n")[0][:3]) == (0, "The")
    assert "tokens" in ran.err.splitlines()[-1]
    assert "$" in ran.err.splitlines()[-1]


@pytest.mark.parametrize("fault", ["401", "404", "429", "500", "cut", "quiet_cut", "garbage"])
def test_each_failure_is_exit_1_with_what_to_do_and_shows_no_key(
    ask: Ask, server: Loopback, fault: FaultKind
) -> None:
    server.fail(fault)
    ran = ask("--json")
    assert ran.code == 1
    error = json.loads(ran.out)["error"]
    assert error["message"]
    assert error["hint"]
    ran = ask()
    assert ran.code == 1
    assert ran.err.splitlines()[-2].startswith("error: ")
    assert ran.err.splitlines()[-1].startswith("hint: ")
    assert "sk-loopback" not in ran.out + ran.err


def test_a_lasting_failure_is_the_last_json_line(ask: Ask, server: Loopback) -> None:
    server.fail("500")
    kinds = [json.loads(line)["kind"] for line in ask("--jsonl").out.splitlines()]
    assert kinds[-1] == "failed"
    assert "done" not in kinds


def test_the_doctor_says_whether_the_server_answers(
    agent: Agent, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_MODEL", "openai/gpt-4o-mini")
    monkeypatch.setenv("AGENT_API_BASE", server.base_url.replace("//", "//me:hunter2@"))
    ran = agent("doctor")
    assert f"openai/gpt-4o-mini, {server.base_url} answers" in ran.out
    assert "hunter2" not in ran.out + ran.err


def test_the_doctor_names_the_variable_of_a_missing_key(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_MODEL", "openai/gpt-4o-mini")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    ran = agent("doctor")
    assert ran.code == 1
    assert "-> export OPENAI_API_KEY=…" in ran.out
    monkeypatch.setenv("OPENAI_API_KEY", "sk-present")
    ran = agent("doctor")
    assert ran.code == 0
    assert "sk-present" not in ran.out


def test_the_doctor_knows_a_model_without_a_provider(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_MODEL", "nonsense")
    ran = agent("doctor", "--json")
    assert ran.code == 1
    [check] = [c for c in json.loads(ran.out)["checks"] if c["name"] == "model"]
    assert (check["state"], "nonsense" in check["detail"]) == ("fail", True)

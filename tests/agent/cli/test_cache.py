"""`agent cache`: what local weights keep of a library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.models.prefix_store import FOLDER, Manifest, PrefixStore
from tests.agent.cli.conftest import Agent
from tests.agent.models import tiny


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    # Room for the rules of the mode, which tokens of a letter or two make long.
    folder = tmp_path_factory.mktemp("tiny") / "weights"
    return f"local:{tiny.folder(folder, max_position_embeddings=8192)}"


@pytest.fixture
def lamp(agent: Agent, tmp_path: Path) -> Path:
    file = tmp_path / "texts" / "lamp.md"
    file.parent.mkdir()
    file.write_text("# Lamp\n\nThe lamp was lit in 1902 by Ada of Mill Road.\n")
    assert agent("add", file.parent).code == 0
    return file


def keep(home: Path, n: int, model: str = "local:x") -> None:
    manifest = Manifest(model, "key", f"text {n}", "Lamp\x1b[2J, Ada", 1234)
    store = PrefixStore(home / "cache" / FOLDER)
    store.save(manifest, [n] * 1234, ".bin", lambda file: file.write_bytes(bytes(99_000)) and None)


def test_none_yet_says_what_to_type(agent: Agent) -> None:
    ran = agent("cache")
    assert (ran.code, ran.out) == (0, "")
    assert "agent cache build" in ran.err
    assert json.loads(agent("cache", "list", "--json").out) == []


def test_caches_are_listed_with_model_corpus_and_size(agent: Agent, home: Path) -> None:
    keep(home, 1, "local:~/models/x")
    ran = agent("cache", "list")
    assert ran.code == 0
    first, second = ran.out.splitlines()
    assert "1,234 tokens" in first
    assert "104 KB" in first
    assert first.endswith("local:~/models/x")
    assert second == "    Lamp␛[2J, Ada"
    [row] = json.loads(agent("cache", "list", "--json").out)
    assert (row["model"], row["tokens"]) == ("local:~/models/x", 1234)
    assert row["bytes"] > 99_000
    assert row["used"] > 0


def test_clear_asks_where_somebody_can_answer_and_else_wants_a_yes(
    agent: Agent, home: Path
) -> None:
    keep(home, 1)
    keep(home, 2)
    ran = agent("cache", "clear")
    assert ran.code == 2
    assert "2 caches" in ran.err
    assert "agent cache clear --yes" in ran.err
    assert json.loads(agent("cache", "clear", "--yes", "--json").out)["removed"] == 2
    assert agent("cache").out == ""
    assert agent("cache", "clear").out == "Removed 0 caches, 0 B.\n"


def test_a_library_is_read_ahead_and_then_the_question_finds_it(
    agent: Agent, lamp: Path, weights: str
) -> None:
    ran = agent("cache", "build", "--model", weights)
    assert (ran.code, ran.out) == (0, f"Ready: {weights} has read the library.\n")
    [row] = json.loads(agent("cache", "list", "--json").out)
    assert row["corpus"] == "Lamp"
    assert agent("cache", "build", "--model", weights).code == 0
    assert len(json.loads(agent("cache", "list", "--json").out)) == 1
    ran = agent("ask", "--mode", "cag", "--model", weights, "--json", "When was the lamp lit?")
    usage = json.loads(ran.out)["usage"]
    assert usage["cached_tokens"] == row["tokens"]
    lamp.write_text("# Lamp\n\nThe lamp was never lit.\n")
    agent("sync")
    agent("cache", "build", "--model", weights)
    assert len(json.loads(agent("cache", "list", "--json").out)) == 2


def test_part_of_a_library_is_read_where_that_is_asked_for(
    agent: Agent, lamp: Path, weights: str
) -> None:
    other = lamp.with_name("other.md")
    other.write_text("# Other\n\nA mill stands on the road.\n")
    agent("add", other)
    ran = agent("cache", "build", "--model", weights, "--source", other, "--json")
    assert json.loads(ran.out)["model"] == weights
    [row] = json.loads(agent("cache", "list", "--json").out)
    assert row["corpus"] == "Other"


def test_an_empty_library_is_nothing_to_read(agent: Agent, weights: str) -> None:
    ran = agent("cache", "build", "--model", weights)
    assert ran.code == 2
    assert "agent add PATH" in ran.err


def test_a_model_that_keeps_nothing_here_is_told_apart(agent: Agent, lamp: Path) -> None:
    ran = agent("cache", "build", "--model", "scripted:none.toml")
    assert ran.code == 2
    ran = agent("cache", "build", "--model", "openai/gpt-4o-mini")
    assert ran.code == 2
    assert "local:PATH" in ran.err


def test_a_library_is_read_ahead_also_where_another_model_stands_in(
    agent: Agent, lamp: Path, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_FALLBACKS", "embedded")
    ran = agent("cache", "build", "--model", weights)
    assert (ran.code, ran.out) == (0, f"Ready: {weights} has read the library.\n")
    assert len(json.loads(agent("cache", "list", "--json").out)) == 1
    ran = agent("cache", "build", "--model", f"{weights}-gone")
    assert ran.code != 0
    assert "Ready" not in ran.out

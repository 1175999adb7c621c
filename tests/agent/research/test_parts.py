"""What the settings mean for a run of research."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.budget import Limits
from agent.cli.mcp_research import HeldResearch
from agent.wiring import Parts


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with settings for one question."""
    monkeypatch.setenv("AGENT_HOME", str(tmp_path))
    monkeypatch.setenv("AGENT_SEARXNG_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("AGENT_MAX_STEPS", "7")
    monkeypatch.setenv("AGENT_MAX_TOKENS", "9000")
    return tmp_path


def made(**typed: object) -> Parts:
    return Parts.from_env(typed, notify=lambda line: None)


def test_steps_limit_a_run_only_where_they_were_typed_for_it(home: Path) -> None:
    assert made().limits == Limits(tokens=9000, steps=7)
    assert made().research.limits == Limits(tokens=9000)
    assert made(max_steps=50).research.limits == Limits(tokens=9000, steps=50)


def test_a_run_of_the_research_server_has_the_same_limits(home: Path) -> None:
    from agent.models.embedded import NAME

    runs = HeldResearch(made, NAME).runs
    assert runs.services.options("").limits == Limits(tokens=9000)

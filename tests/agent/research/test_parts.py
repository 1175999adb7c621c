"""What the settings mean for a run of research."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.budget import Limits
from agent.cli.mcp_research import HeldResearch
from agent.research.base import Options
from agent.wiring import Parts
from tests.fakes import EchoModel, MemoryLibrary


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


def test_a_run_of_the_research_server_has_the_same_limits_and_knows_its_library(home: Path) -> None:
    from agent.models.embedded import NAME

    parts = made(library="work")
    parts.library_root.mkdir(parents=True)
    runs = HeldResearch(lambda: parts, NAME).runs
    assert runs.services.options("").named == "work"
    assert runs.services.options("").limits == Limits(tokens=9000)


class Closing(EchoModel):
    """Counts how often it was closed."""

    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


async def test_a_run_leaves_the_model_that_it_shares_open(home: Path) -> None:
    parts, model = made(), Closing()
    parts.model = model
    library: Any = MemoryLibrary({"a.md": "The canal is long."})
    with parts.research.journals() as journals:
        journal = journals.create("How long?", Options(web=False), model.name)
        async with parts.research.opened(journal, library):
            pass
    assert model.closed == 0


async def test_a_run_of_the_research_server_closes_its_model(home: Path) -> None:
    parts, model = made(), Closing()
    parts.model = model
    services = HeldResearch(lambda: parts, model.name).runs.services
    with parts.research.journals() as journals:
        journal = journals.create("How long?", Options(web=False), model.name)
        async with services.open(journal):
            assert model.closed == 0
    assert model.closed == 1

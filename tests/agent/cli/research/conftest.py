"""A library and a small web for the tests of `agent research`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.cli.conftest import Agent
from tests.agent.research.web_fixture import SmallWeb, lighthouse

QUESTION = "How tall is the Skarholm lighthouse and when was it built?"
STORY = (
    "# Skarholm\n\nThe lighthouse of Skarholm was built in 1887 by the engineer Anna Holm. "
    "Its tower is 34 metres high.\n"
)


@pytest.fixture
def library(agent: Agent, tmp_path: Path) -> Path:
    """A library with one document."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "skarholm.md").write_text(STORY)
    assert agent("add", folder).code == 0
    return folder


@pytest.fixture
def web(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallWeb]:
    """A small web that is configured."""
    with SmallWeb(lighthouse()) as web:
        monkeypatch.setenv("AGENT_SEARXNG_URL", web.engine_url)
        monkeypatch.setenv("AGENT_ALLOW_HOSTS", ",".join(web.authorities))
        yield web

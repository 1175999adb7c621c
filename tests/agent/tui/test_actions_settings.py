"""What `/mcp` tells of servers, and `/add` of paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.mcp_client import Definition, ServerState
from agent.mcp_config import Loaded
from agent.mcp_entry import Entry
from agent.tui.actions.library import paths
from agent.tui.actions.settings import servers


def test_servers_are_told_with_how_they_run() -> None:
    names = ("a", "b", "c", "d", "e")
    entries = [Entry(name, "user", command=f"run-{name}") for name in names]
    entries[4] = Entry("e", "user", command="run-e", enabled=False)
    states = [
        ServerState("a", "ready", "user", "run-a", tools=(Definition("a", "x"),)),
        ServerState("b", "failed", "user", "run-b", error="It died.\nTwice.", hint="Look."),
        ServerState("c", "refused", "user", "run-c", error="Not let start."),
    ]
    told = servers(lambda: Loaded(tuple(entries)), states)
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert lines == [
        "runs, 1 tool a (user): run-a",
        "FAILED b (user): run-b",
        "It died. Twice. Look.",
        "not allowed c (user): run-c",
        "Not let start.",
        "not needed yet d (user): run-d",
        "off e (user): run-e",
        "To try them: agent mcp list",
    ]


def test_a_path_that_is_whole_comes_first_so_that_enter_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("A.")
    monkeypatch.chdir(tmp_path)
    assert [each.text for each in paths("do")] == ["docs/"]
    assert [each.text for each in paths("docs")] == ["docs", "docs/"]
    assert [each.text for each in paths("docs/")] == ["docs/", "docs/a.md"]
    assert paths("") == []
    assert paths("x" * 5000) == []

"""`agent mcp list` and `agent mcp test`, over a real server process."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.agent.cli.conftest import Agent

ROOT = Path(__file__).parents[3]
FIXTURE = {"command": sys.executable, "args": ["-m", "tests.mcp_fixture"], "cwd": str(ROOT)}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(file: Path, **servers: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"mcpServers": servers}))
    return file


def test_the_list_shows_state_tools_time_and_errors(
    agent: Agent, home: Path, project: Path
) -> None:
    write(home / "mcp.json", fix=FIXTURE, gone={"command": "no-such-program"})
    ran = agent("mcp", "list", "--json")
    servers = {s["name"]: s for s in json.loads(ran.out)["servers"]}
    assert ran.code == 1
    assert servers["web"]["state"] == "off"
    assert servers["fix"]["state"] == "ready"
    assert servers["fix"]["seconds"] > 0
    assert {"echo", "send"} <= {tool["name"] for tool in servers["fix"]["tools"]}
    assert servers["gone"]["state"] == "failed"
    assert "no program 'no-such-program'" in servers["gone"]["error"]
    assert "no program" in servers["gone"]["last_error"]


def test_without_servers_it_says_where_to_put_them(agent: Agent, home: Path, project: Path) -> None:
    write(home / "mcp.json", web={"enabled": False})
    ran = agent("mcp")
    assert ran.code == 0
    assert "disabled" in ran.out


def test_a_wrong_file_is_told_with_file_server_and_key(
    agent: Agent, home: Path, project: Path
) -> None:
    file = write(home / "mcp.json", a={"command": 3})
    ran = agent("mcp", "list")
    assert ran.code == 1
    assert f"{file}: server 'a': 'command' must be text, not int." in ran.err


def test_a_projects_command_is_shown_and_not_run_where_nobody_can_answer(
    agent: Agent, project: Path
) -> None:
    mark = project / "ran"
    write(project / ".mcp.json", p={"command": "touch", "args": [str(mark)]})
    for command in (("mcp", "list"), ("mcp", "test", "p")):
        ran = agent(*command)
        assert ran.code == 1
        assert f"touch {mark}" in ran.err
        assert not mark.exists()


def test_a_server_of_a_given_file_is_tried_and_its_tools_told(
    agent: Agent, tmp_path: Path, project: Path
) -> None:
    file = write(tmp_path / "given.json", fix={**FIXTURE, "disabled": True})
    ran = agent("mcp", "test", "fix", "--mcp-config", file)
    assert ran.code == 0
    assert "echo (reads): Give the text back." in ran.out
    assert "send (may destroy, reaches out)" in ran.out


def test_an_unknown_server_is_named_with_those_there_are(agent: Agent, project: Path) -> None:
    ran = agent("mcp", "test", "nobody")
    assert ran.code == 2
    assert "no MCP server 'nobody'; configured: web" in ran.err


def test_a_server_that_cannot_start_fails_with_what_to_do(
    agent: Agent, home: Path, project: Path
) -> None:
    write(home / "mcp.json", gone={"command": "no-such-program"})
    ran = agent("mcp", "test", "gone")
    assert ran.code == 1
    assert "command -v no-such-program" in ran.err

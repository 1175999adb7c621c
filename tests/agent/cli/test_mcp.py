"""`agent mcp list` and `agent mcp test`, over a real server process."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
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


class Refuses(BaseHTTPRequestHandler):
    """Wants to know who asks, whatever is asked."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_DELETE = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def refusing() -> Iterator[str]:
    """The address of such a server."""
    with HTTPServer(("127.0.0.1", 0), Refuses) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/mcp"
        finally:
            server.shutdown()
            thread.join()


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


def test_a_server_that_ends_at_once_is_told_with_its_last_words_and_how_to_see_more(
    agent: Agent, home: Path, project: Path
) -> None:
    script = project / "server.py"
    script.write_text("import sys\nprint('No module named x', file=sys.stderr)\nsys.exit(3)\n")
    write(home / "mcp.json", ends={"command": sys.executable, "args": [str(script)]})
    for command in (("mcp", "list"), ("mcp", "test", "ends")):
        ran = agent(*command)
        assert ran.code == 1
        assert "it ended with exit code 3" in ran.err
        assert "No module named x" in ran.err
        assert f"ends.log, or run it by hand: {sys.executable} {script}" in ran.err


def test_an_address_where_nothing_answers_says_how_to_look(
    agent: Agent, home: Path, project: Path
) -> None:
    write(home / "mcp.json", far={"url": "http://127.0.0.1:9/mcp"})
    ran = agent("mcp", "list")
    assert ran.code == 1
    assert "nothing answers at its address" in ran.err
    assert "hint: See whether it is there: curl -i http://127.0.0.1:9/mcp" in ran.err


@pytest.mark.parametrize(
    ("headers", "hint"),
    [
        ({}, 'Logging in (OAuth) is not built in. Make a token at that service, export TOKEN=…'),
        ({"Authorization": "Bearer old"}, "It does not take what 'headers' gives it"),
    ],
)  # fmt: skip
def test_a_server_that_wants_a_login_says_how_to_give_it_a_token(
    agent: Agent, home: Path, project: Path, headers: dict[str, str], hint: str
) -> None:
    with refusing() as url:
        write(home / "mcp.json", closed={"url": url, "headers": headers})
        ran = agent("mcp", "list")
    assert ran.code == 1
    assert "HTTP 401" in ran.err
    assert hint in ran.err
    assert "Bearer old" not in ran.out + ran.err


def test_a_file_that_is_no_json_is_told_with_line_and_column_and_stays_as_it_is(
    agent: Agent, home: Path, project: Path
) -> None:
    file = home / "mcp.json"
    file.parent.mkdir(parents=True)
    file.write_text(text := '{"mcpServers": {\n  "a": {"command": "x",}\n}}')
    for command in (("mcp", "list"), ("mcp", "test", "a")):
        ran = agent(*command)
        assert ran.code != 0
        assert f"{file} is not valid JSON" in ran.err
        assert "line 2 column 24" in ran.err
        assert file.read_text() == text


def test_a_variable_that_is_not_set_is_named_with_what_to_type(
    agent: Agent, home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRACKER_TOKEN", raising=False)
    headers = {"Authorization": "Bearer ${TRACKER_TOKEN}"}
    write(home / "mcp.json", t={"url": "https://tracker.example/mcp", "headers": headers})
    ran = agent("mcp", "test", "t")
    assert ran.code == 1
    assert "needs the variable TRACKER_TOKEN, which is not set" in ran.err
    assert "hint: export TRACKER_TOKEN=…" in ran.err

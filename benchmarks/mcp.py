"""What another program waits for: CPU time from the spawn of a server to its list of tools.

    python -m benchmarks.mcp [--runs 9]

Beside our servers an empty `MCPServer` of the SDK is measured, in turns, each run in a fresh
process: it is written to as a client writes (`initialize`, `tools/list`), and killed when it has
answered. CPU time is that of the process. Tokens are characters of the tools' JSON by four. The
library is one of the project's handbook; no run opens it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HANDBOOK = Path(__file__).resolve().parent.parent / "docs" / "handbook"
EMPTY = "from mcp.server import MCPServer; MCPServer('empty').run()"
MESSAGES: tuple[dict[str, Any], ...] = (
    {
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "benchmark", "version": "1"},
        },
    },
    {"method": "notifications/initialized"},
    {"id": 2, "method": "tools/list"},
)


def measure(command: list[str], env: dict[str, str]) -> tuple[float, float, int]:
    """CPU seconds and seconds until the tools are there, and the characters of them."""
    began = time.monotonic()
    server = subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdin is not None
    assert server.stdout is not None
    for message in MESSAGES:
        server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    server.stdin.flush()
    answer: dict[str, Any] = {}
    while answer.get("id") != 2:
        answer = json.loads(server.stdout.readline())
    took = time.monotonic() - began
    server.kill()
    used = os.wait4(server.pid, 0)[2]
    server.returncode = 0
    server.stdin.close()
    server.stdout.close()
    tools = json.dumps(answer["result"]["tools"], ensure_ascii=False, separators=(",", ":"))
    return used.ru_utime + used.ru_stime, took, len(tools)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    agent = [sys.executable, "-m", "agent"]
    from agent.cli.mcp_serve import SERVERS

    commands = {"empty MCPServer": [sys.executable, "-c", EMPTY]}
    commands |= {f"serve {name}": [*agent, "mcp", "serve", name] for name in SERVERS}
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as home:
        env = os.environ | {"AGENT_HOME": home}
        subprocess.run([*agent, "add", "-q", str(HANDBOOK)], env=env, check=True)
        for n in range(runs + 1):
            for name, command in commands.items():
                figures = measure(command, env)
                if n:  # the first run compiles, and fills the caches
                    found[name].append(figures)
    figures = {
        name: {
            "cpu": round(statistics.median(cpu for cpu, _, _ in each), 4),
            "seconds": round(statistics.median(seconds for _, seconds, _ in each), 4),
            "tokens": each[0][2] // 4,
        }
        for name, each in found.items()
    }
    empty = figures["empty MCPServer"]["cpu"]
    print(f"{'server':<18}{'CPU ms':>8}{'times empty':>13}{'ms':>7}{'tokens':>8}")
    for name, of in figures.items():
        times = of["cpu"] / empty
        milliseconds = of["seconds"] * 1000
        print(
            f"{name:<18}{of['cpu'] * 1000:>8.0f}{times:>13.2f}{milliseconds:>7.0f}{of['tokens']:>8}"
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

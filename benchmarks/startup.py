"""What starting costs: CPU time of `agent --help`, `--version` and `ask` beside `python -c pass`.

    python -m benchmarks.startup [--runs 7]

`ask` runs with nothing configured over the project's handbook in a library of its own; its caches
are warm, as on a user's second question. CPU time is that of the process and its children.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HANDBOOK = Path(__file__).resolve().parent.parent / "docs" / "handbook"


def cpu(command: list[str], env: dict[str, str]) -> float:
    """CPU seconds, user and system, of one run of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    agent = [sys.executable, "-m", "agent"]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "agent --version": [*agent, "--version"],
        "agent --help": [*agent, "--help"],
        "agent ask": [*agent, "ask", "How do I add documents to the library?"],
    }
    with tempfile.TemporaryDirectory() as home:
        env = os.environ | {"AGENT_HOME": home}
        subprocess.run([*agent, "add", "-q", str(HANDBOOK)], env=env, check=True)
        figures = {}
        for name, command in commands.items():
            cpu(command, env)
            figures[name] = statistics.median(cpu(command, env) for _ in range(runs))
    bare = figures["python -c pass"]
    print(f"{'command':<18}{'CPU ms':>8}{'times python -c pass':>22}")
    for name, seconds in figures.items():
        print(f"{name:<18}{seconds * 1000:>8.0f}{seconds / bare:>22.1f}")
    print(json.dumps({name: round(seconds, 4) for name, seconds in figures.items()}))


if __name__ == "__main__":
    main()

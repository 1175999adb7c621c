"""Filling a library on a Ray cluster of two nodes, beside filling it here; a worker is killed.

    python -m benchmarks.ray [FOLDER] [--cores 1] [--cache FOLDER]

The nodes are processes of this machine (`ray.cluster_utils`), each with `--cores` cores to give
away: on a machine with no more cores than that, the cluster can only cost. What is shown is how
much, and that the libraries are equal: every chunk's id, and every vector to the bit, also where
one of the workers that embed is killed with SIGKILL once the first file has come back.

Prints a table, and one JSON object on the last line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.ingest import HANDBOOK, contents
from knowledge.library import Library
from knowledge.minilm import MiniLM
from knowledge.on_ray.engine import RayEngine

if TYPE_CHECKING:
    from knowledge.ahead import Engine
    from knowledge.report import Progress

STAGE = "ray::MapWorker(MapBatches(Embed)"
"""How a process that embeds is titled."""


@dataclass(slots=True)
class Watcher:
    """Notes when the first file was stored, and may kill a worker then."""

    kill: Callable[[], int] | None = None
    first: float = 0.0
    killed: int = 0
    """The number of the process that was killed."""

    def __call__(self, progress: Progress) -> None:
        """Take a step of the sync."""
        if progress.done and not self.first:
            self.first = time.perf_counter()
            if self.kill is not None:
                self.killed = self.kill()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=HANDBOOK)
    parser.add_argument("--cores", type=int, default=1, help="of each node")
    parser.add_argument("--cache", type=Path, help="the embedder's cache; temporary by default")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as home:
        embedder = MiniLM(options.cache or Path(home) / "cache")
        embedder.load()
        rows = {"here": fill(Path(home) / "here", options.folder, embedder)}
        address, raylets, stop = cluster(options.cores)
        try:
            for name, watcher in (
                ("two nodes", Watcher()),
                ("two nodes, one worker killed", Watcher(lambda: kill_one(raylets))),
            ):
                root = Path(home) / name
                rows[name] = fill(root, options.folder, embedder, RayEngine(address), watcher)
        finally:
            stop()
        whole = contents(Path(home) / "here")
        for name, row in rows.items():
            row["equal"] = contents(Path(home) / name) == whole
    print(f"{'':30}{'chunks':>8}{'s':>8}{'first file':>12}{'chunks/s':>10}{'begun':>8}{'equal':>7}")
    for name, row in rows.items():
        print(
            f"{name:30}{row['chunks']:>8}{row['seconds']:>8.2f}{row['first_file_seconds']:>12.2f}"
            f"{row['chunks_per_second']:>10.1f}{row['chunks_per_second_begun']:>8.1f}"
            f"{'yes' if row['equal'] else 'no':>7}"
        )
    print(json.dumps({"benchmark": "ray", "cores_of_a_node": options.cores, "engines": rows}))


def fill(
    root: Path,
    folder: Path,
    embedder: MiniLM,
    engine: Engine | None = None,
    watcher: Watcher | None = None,
) -> dict[str, Any]:
    """Add a folder to a new library: chunks, seconds, and chunks a second.

    These are of the whole, and (`begun`) of what follows the first file: without the start.
    """
    watcher = watcher or Watcher()
    library = Library.open(root, embedder=embedder)
    library.engine = engine
    began = time.perf_counter()
    report = asyncio.run(library.add([str(folder)], progress=watcher))
    seconds = time.perf_counter() - began
    library.close()
    if watcher.kill is not None and not watcher.killed:
        raise SystemExit("no worker was killed: the folder is too small")
    return {
        "chunks": report.chunks,
        "seconds": round(seconds, 3),
        "first_file_seconds": round(watcher.first - began, 3),
        "chunks_per_second": round(report.chunks / seconds, 2),
        "chunks_per_second_begun": round(report.chunks / (began + seconds - watcher.first), 2),
        "killed": bool(watcher.killed),
    }


def cluster(cores: int) -> tuple[str, list[int], Callable[[], None]]:
    """Start two nodes on loopback: their address, their raylets' processes, how to stop them."""
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    from ray.cluster_utils import Cluster

    nodes = Cluster()
    raylets = [
        nodes.add_node(num_cpus=cores, include_dashboard=False).all_processes["raylet"][0]
        for _ in range(2)
    ]
    return nodes.address, [raylet.process.pid for raylet in raylets], nodes.shutdown


def kill_one(raylets: Sequence[int]) -> int:
    """Kill one of the workers that embed, with SIGKILL; its number, or 0 where there is none."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines():
        number, parent, title = line.split(None, 2)
        if int(parent) in raylets and title.startswith(STAGE):
            os.kill(int(number), signal.SIGKILL)
            return int(number)
    return 0


if __name__ == "__main__":
    main()

"""`agent serve` under load: many streams at once for a while, beside one alone.

    python -m benchmarks.load [--streams 50] [--seconds 60] [--running 4] [--waiting 64]

Starts the real command with nothing configured, over the handbook as its library, and asks it
real questions through the OpenAI protocol. First one client alone, then so many at once; each asks
its next question as soon as it has its answer, and comes again after a refusal when the server
says so. Told are: answers and refusals by status, seconds to the first words of an answer (from
sending the question: what the queue takes is in it), answers a second, and the memory of the
server's process over time. Ends by itself. Prints a table, and one JSON object on the last line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HANDBOOK = Path(__file__).resolve().parent.parent / "docs" / "handbook"
KEY = "load-benchmark-key-that-nobody-else-has"
QUESTIONS = (
    "How do I add a folder to the library?",
    "Which files can be read?",
    "What happens where the sources do not hold the answer?",
    "How is a citation checked?",
    "How do I use a local server such as Ollama?",
    "What does agent doctor do?",
    "How do I limit what a question may cost?",
    "What is kept of a session, and where?",
    "How do I train a persona on my own text?",
    "Which modes are there, and how do they differ?",
)


@dataclass
class Tally:
    """What clients met."""

    first: list[float] = field(default_factory=list)
    """Seconds from sending a question to the first words of its answer."""
    whole: list[float] = field(default_factory=list)
    """Seconds to its end."""
    statuses: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    """Megabytes of the server's resident memory, once a second."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--streams", type=int, default=50, help="clients at once")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--running", type=int, default=4, help="as `agent serve` takes it")
    parser.add_argument("--waiting", type=int, default=64, help="as `agent serve` takes it")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as home, served(Path(home), options) as (url, process):
        alone = asyncio.run(press(url, process, 1, min(10.0, options.seconds)))
        many = asyncio.run(press(url, process, options.streams, options.seconds))
    rows = {"alone": figures(alone), f"{options.streams} at once": figures(many)}
    names = list(rows["alone"])
    print(f"{'':16}" + "".join(f"{name:>16}" for name in names))
    for name, row in rows.items():
        print(f"{name:16}" + "".join(f"{row[key]!s:>16}" for key in names))
    print(json.dumps({"benchmark": "load", "running": options.running, "rows": rows}))


@contextmanager
def served(home: Path, options: argparse.Namespace) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The server over the handbook: its address and process. Ended when left."""
    env = {**os.environ, "AGENT_HOME": str(home / "agent"), "AGENT_SERVE_TOKEN": KEY}
    agent = [sys.executable, "-m", "agent"]
    subprocess.run([*agent, "add", str(HANDBOOK)], env=env, check=True, capture_output=True)
    command = [*agent, "serve", "--port", "0", "--running", str(options.running)]
    process = subprocess.Popen(
        [*command, "--waiting", str(options.waiting)], env=env, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"http://[\w.:\[\]]+", line):
                yield found[0], process
                break
        else:
            raise SystemExit("agent serve ended without an address")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


async def press(url: str, process: subprocess.Popen[str], streams: int, seconds: float) -> Tally:
    """Let so many clients ask for so long; what is under way at the end is waited for."""
    import httpx

    tally, end = Tally(), time.monotonic() + seconds
    limits = httpx.Limits(max_connections=streams)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=120) as http:
        # What is loaded at the first question is loaded before it is timed.
        await _ask(http, QUESTIONS[0], Tally())
        clients = [_client(http, number, end, tally) for number in range(streams)]
        watch = asyncio.create_task(_watch(process.pid, tally))
        await asyncio.gather(*clients)
        watch.cancel()
    return tally


async def _client(http: Any, number: int, end: float, tally: Tally) -> None:
    asked = number
    while time.monotonic() < end:
        wait = await _ask(http, QUESTIONS[asked % len(QUESTIONS)], tally)
        asked += 1
        if wait:
            await asyncio.sleep(min(wait, max(0.0, end - time.monotonic())))


async def _ask(http: Any, question: str, tally: Tally) -> float:
    """Ask one question; seconds to wait before the next, where the server says so."""
    import httpx

    body = {
        "model": "understudy/naive",
        "messages": [{"role": "user", "content": question}],
        "stream": True,
    }
    began = time.perf_counter()
    spoke = ended = False
    try:
        async with http.stream("POST", "/v1/chat/completions", json=body) as answer:
            if answer.status_code != 200:
                tally.statuses[str(answer.status_code)] += 1
                return float(answer.headers.get("Retry-After", 1))
            async for line in answer.aiter_lines():
                if not line.startswith("data: "):
                    continue
                if line == "data: [DONE]":
                    ended = True
                    break
                data = json.loads(line[6:])
                if "error" in data:
                    tally.statuses["error in the stream"] += 1
                    return 0.0
                delta = data["choices"][0]["delta"] if data.get("choices") else {}
                if delta.get("content") and not spoke:
                    spoke = True
                    tally.first.append(time.perf_counter() - began)
    except httpx.HTTPError as error:
        tally.statuses[type(error).__name__] += 1
        return 1.0
    tally.statuses["200" if ended and spoke else "cut"] += 1
    tally.whole.append(time.perf_counter() - began)
    return 0.0


async def _watch(pid: int, tally: Tally) -> None:
    while True:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        if found := re.search(r"VmRSS:\s+(\d+)", status):
            tally.memory.append(int(found[1]) / 1024)
        await asyncio.sleep(1)


def figures(tally: Tally) -> dict[str, Any]:
    """One row of the table."""
    import numpy as np

    first = np.percentile(tally.first, (50, 95)) if tally.first else (float("nan"),) * 2
    memory = tally.memory or [float("nan")]
    third = max(1, len(memory) // 3)
    return {
        "answers": tally.statuses["200"],
        "refused (429)": tally.statuses["429"],
        "errors": sum(n for s, n in tally.statuses.items() if s not in ("200", "429")),
        "first p50 s": round(float(first[0]), 3),
        "first p95 s": round(float(first[1]), 3),
        "whole p50 s": round(float(np.median(tally.whole or [float("nan")])), 3),
        "MB, 1st third": round(float(np.median(memory[:third]))),
        "MB, last third": round(float(np.median(memory[-third:]))),
    }


if __name__ == "__main__":
    main()

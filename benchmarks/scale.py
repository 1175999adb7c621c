"""How cost grows with the library: filling it, one file more, a sync of nothing, a query, its size.

    python -m benchmarks.scale [--fill 1000 …] [--query 10000 …] [--plot FILE]

Two libraries grow step by step, measured at each size. `fill` is embedded by the embedded model,
and says what a chunk costs to read, split, embed and index. `query` has made-up vectors, so that
it can grow large: a query's time (eight passages, words and vectors, without embedding the query),
one file added to what is there, and then another (the first waits while Chroma indexes what the
filling left to it), a sync in which nothing has changed, memory of this process, and bytes on disk;
beside it Chroma's approximate index over as many vectors. Texts are those of `benchmarks.query`.
Prints two tables, and one JSON object on the last line; `--plot` draws them (matplotlib, by the
ending of the file's name).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.query import (
    BEGIN,
    CHUNKS_PER_FILE,
    FOLDERS,
    LIMIT,
    SENTENCES,
    WARM_UP,
    Given,
    Words,
)
from knowledge.library import Library
from knowledge.minilm import MiniLM

if TYPE_CHECKING:
    from knowledge.embed import Embedder

FILL = (1_000, 5_000, 10_000, 20_000, 50_000)
QUERY = (10_000, 30_000, 100_000, 200_000, 500_000)
QUERIES = 100

Row = dict[str, float]


class Growing:
    """A library of made-up texts that grows; see `benchmarks.query` for the texts."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        """An empty one."""
        self.folder = folder
        self.words = Words()
        self.files = 0
        self.chunks = 0
        self._texts = folder / "texts"
        self._loop = asyncio.new_event_loop()
        self._library = Library.open(folder / "library", embedder=embedder)

    def grow(self, size: int) -> float:
        """Grow to about so many chunks; seconds a chunk."""
        # An embedder that counts tokens otherwise splits a file into another number of chunks.
        per_file = self.chunks / self.files if self.chunks else CHUNKS_PER_FILE
        while self.files * per_file < size:
            self._write()
        began = time.perf_counter()
        report = self._loop.run_until_complete(self._library.add([str(self._texts)]))
        self.chunks += report.chunks
        return (time.perf_counter() - began) / max(1, report.chunks)

    def one_more(self) -> float:
        """Seconds to add one file by its name."""
        file = self._write()
        began = time.perf_counter()
        report = self._loop.run_until_complete(self._library.add([str(file)]))
        self.chunks += report.chunks
        return time.perf_counter() - began

    def nothing_new(self) -> float:
        """Seconds of a sync that finds nothing to do."""
        began = time.perf_counter()
        self._loop.run_until_complete(self._library.sync())
        return time.perf_counter() - began

    def search(self, query: str) -> None:
        """Ask for the best passages."""
        self._loop.run_until_complete(self._library.search(query, limit=LIMIT))

    def size(self) -> int:
        """Bytes on disk."""
        files = (self.folder / "library").rglob("*")
        return sum(file.stat().st_size for file in files if file.is_file())

    def close(self) -> None:
        """Let go of the library."""
        self._library.close()
        self._loop.close()

    def _write(self) -> Path:
        number = self.files
        file = self._texts / f"{number % FOLDERS:02d}" / f"{number:06d}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.words.text(SENTENCES * CHUNKS_PER_FILE), encoding="utf-8")
        os.utime(file, (BEGIN + 60 * number, BEGIN + 60 * number))
        self.files += 1
        return file


class Approximate:
    """Chroma with as many vectors, and nothing else."""

    def __init__(self, folder: Path) -> None:
        """An empty collection."""
        import chromadb
        from chromadb.config import Settings

        client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
        self._collection = client.create_collection(
            "bare", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        self._count = 0

    def grow(self, size: int) -> None:
        """Grow to so many vectors."""
        while self._count < size:
            ids = [str(n) for n in range(self._count, min(size, self._count + 1000))]
            self._collection.add(ids=ids, embeddings=Given().embed(ids))
            self._count += len(ids)

    def search(self, query: str) -> None:
        """Ask for the nearest."""
        self._collection.query(
            query_embeddings=Given().embed([query]), n_results=LIMIT, include=["distances"]
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--fill", type=int, nargs="*", default=FILL, help="sizes in chunks")
    parser.add_argument("--query", type=int, nargs="*", default=QUERY, help="sizes in chunks")
    parser.add_argument("--plot", type=Path, help="a picture of the figures")
    parser.add_argument("--cache", type=Path, help="the embedder's cache; temporary by default")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as home:
        cache = options.cache or Path(home) / "cache"
        fill = measure_fill(Path(home) / "fill", MiniLM(cache), sorted(options.fill))
        query = measure_query(Path(home) / "query", sorted(options.query))
    figures = {"benchmark": "scale", "fill": fill, "query": query}
    if options.plot:
        draw(fill, query, options.plot)
    print(json.dumps(figures))


def measure_fill(folder: Path, embedder: Embedder, sizes: Sequence[int]) -> list[Row]:
    """What filling costs, with real vectors."""
    if not sizes:
        return []
    embedder.load()
    library, rows = Growing(folder, embedder), []
    for size in sizes:
        a_chunk = library.grow(size)
        rows.append({
            "chunks": library.chunks,
            "ms_a_chunk": round(1000 * a_chunk, 3),
            "one_more_s": round(library.one_more(), 3),
            "another_s": round(library.one_more(), 3),
        })  # fmt: skip
        _tell(rows)
    library.close()
    return rows


def measure_query(folder: Path, sizes: Sequence[int]) -> list[Row]:
    """What asking costs, and what else grows, with made-up vectors."""
    if not sizes:
        return []
    library, bare, rows = Growing(folder, Given()), Approximate(folder / "bare"), []
    queries = [" ".join(library.words.draw(6)) for _ in range(QUERIES + WARM_UP)]
    for size in sizes:
        a_chunk = library.grow(size)
        one_more, another = library.one_more(), library.one_more()
        nothing = library.nothing_new()
        p50, p95 = _times(library.search, queries)
        # Before Chroma's own index is in this process's memory: it grows with each size.
        memory = _resident()
        bare.grow(library.chunks)
        bare_p50, bare_p95 = _times(bare.search, queries)
        rows.append({
            "chunks": library.chunks,
            "p50_ms": p50, "p95_ms": p95, "chroma_p50_ms": bare_p50, "chroma_p95_ms": bare_p95,
            "ms_a_chunk": round(1000 * a_chunk, 3),
            "one_more_s": round(one_more, 3), "another_s": round(another, 3),
            "nothing_s": round(nothing, 3),
            "resident_mb": memory, "disk_mb": round(library.size() / 2**20),
        })  # fmt: skip
        _tell(rows)
    library.close()
    return rows


def _times(ask: Callable[[str], None], queries: Sequence[str]) -> tuple[float, float]:
    """Milliseconds of a query: median and 95th percentile."""
    import numpy as np

    taken = []
    for number, query in enumerate(queries):
        began = time.perf_counter()
        ask(query)
        if number >= WARM_UP:
            taken.append(1000 * (time.perf_counter() - began))
    p50, p95 = np.percentile(taken, (50, 95))
    return round(float(p50), 2), round(float(p95), 2)


def _resident() -> float:
    """Megabytes of this process that have been resident at most."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _tell(rows: Sequence[Row]) -> None:
    """Print the newest row, after the heads of the columns where it is the first."""
    if len(rows) == 1:
        print("".join(f"{name:>15}" for name in rows[0]))
    print("".join(f"{value:>15,}" for value in rows[-1].values()), flush=True)


def draw(fill: Sequence[Row], query: Sequence[Row], file: Path) -> None:
    """Draw what grows, over chunks, both axes logarithmic."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    def line(axes: Any, rows: Sequence[Row], key: str, label: str, style: str = "o-") -> None:
        if rows:
            axes.loglog([r["chunks"] for r in rows], [r[key] for r in rows], style, label=label)

    with mpl.rc_context({"axes.grid": True, "grid.alpha": 0.3, "svg.hashsalt": "scale"}):
        figure = Figure(figsize=(9, 6.6), layout="constrained")
        FigureCanvasAgg(figure)
        (asking, filling), (writing, keeping) = figure.subplots(2, 2)
        line(asking, query, "p50_ms", "library, p50")
        line(asking, query, "p95_ms", "library, p95", "o--")
        line(asking, query, "chroma_p50_ms", "Chroma alone, p50", "s-")
        line(filling, fill, "ms_a_chunk", "read, split, embedded, indexed")
        line(filling, query, "ms_a_chunk", "the same with vectors given", "s-")
        line(writing, query, "one_more_s", "one file more")
        line(writing, query, "another_s", "and then another", "o--")
        line(writing, query, "nothing_s", "a sync of nothing", "s-")
        line(keeping, query, "disk_mb", "on disk")
        line(keeping, query, "resident_mb", "resident at most", "s-")
        for axes, title, unit in (
            (asking, "a query", "ms"), (filling, "filling", "ms a chunk"),
            (writing, "a change", "s"), (keeping, "size", "MB"),
        ):  # fmt: skip
            axes.set(title=title, xlabel="chunks", ylabel=unit)
            axes.legend(fontsize="small")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda at, _: f"{at:,g}"))
                axis.set_minor_formatter(NullFormatter())
        filling.set_ylim(bottom=1)
        metadata = {"Date": None} if file.suffix == ".svg" else None
        figure.savefig(file, metadata=metadata)


if __name__ == "__main__":
    main()

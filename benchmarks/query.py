"""What a query costs at 10,000 and 100,000 chunks, beside bare Chroma and a bare numpy product.

    python -m benchmarks.query [--size 10000 --size 100000] [--queries 200]

Texts are drawn from a Zipf vocabulary and vectors from the unit sphere, so that a library of any
size is made in minutes; two chunks a file, files in 50 folders. `library` is `Library.search`, for
eight passages, with the query's vector at hand: scoring by words and vectors, fusion, reading the
passages from SQLite. The filter allows one folder, 2 % of the chunks. Each engine answers the same
queries in turn. Prints a table in milliseconds, and one JSON object on the last line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.filters import Filters
from knowledge.library import Library

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embed import Cancelled, Progress, Vectors

    Ask = Callable[[str, bool], Any]

SIZES = (10_000, 100_000)
DIMENSIONS = 384
FOLDERS = 50
LIMIT = 8
CHUNKS_PER_FILE = 2
SENTENCES, WORDS = 10, 10
"""Of a chunk: with `WORD_TOKENS` they fill it, so that the splitter makes one of them."""
WORD_TOKENS = 2
VOCABULARY = 50_000
ZIPF = 1.1
"""The exponent by which words of a language are distributed, or nearly so."""
WARM_UP = 20


class Given:
    """An embedder whose vectors follow from the text's checksum: no meaning, and no cost."""

    name = "given"
    dimensions = DIMENSIONS
    max_tokens = 256

    def load(self, *, cancelled: Cancelled | None = None) -> None:
        """There is nothing to load."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """So many tokens a word that a chunk holds as many words as one of English prose."""
        return [WORD_TOKENS * (text.count(" ") + 1) if text.strip() else 0 for text in texts]

    def embed(
        self,
        texts: Sequence[str],
        *,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Vectors:
        """Unit vectors, shape (len(texts), 384)."""
        import numpy as np

        drawn = [
            np.random.default_rng(zlib.crc32(text.encode())).standard_normal(DIMENSIONS)
            for text in texts
        ]
        vectors: Vectors = np.array(drawn, dtype=np.float32).reshape(len(texts), DIMENSIONS)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--size", type=int, action="append", help="chunks; may be repeated")
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args(arguments)
    rows: list[dict[str, float | str]] = []
    print(f"{'chunks':>8}  {'engine':10}{'p50':>9}{'p95':>9}{'filtered p50':>15}{'p95':>9}")
    for size in options.size or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            for engine, figures in measure(Path(folder).resolve(), size, options.queries).items():
                rows.append({"engine": engine, **figures})
                print(
                    f"{figures['chunks']:8.0f}  {engine:10}"
                    f"{figures['p50']:9.2f}{figures['p95']:9.2f}"
                    f"{figures['filtered_p50']:15.2f}{figures['filtered_p95']:9.2f}"
                )
    print(json.dumps({"benchmark": "query", "unit": "ms", "engines": rows}))


def measure(folder: Path, size: int, queries: int) -> dict[str, dict[str, float]]:
    """The figures of each engine over a library of about `size` chunks."""
    import numpy as np

    texts = folder / "texts"
    words = Words()
    for number in range(size // CHUNKS_PER_FILE):
        file = texts / f"{number % FOLDERS:02d}" / f"{number:06d}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(words.text(SENTENCES * CHUNKS_PER_FILE), encoding="utf-8")
    asked = [" ".join(words.draw(6)) for _ in range(queries)]
    loop = asyncio.new_event_loop()
    library = Library.open(folder / "library", embedder=Given())
    report = loop.run_until_complete(library.add([str(texts)]))
    only = Filters(sources=(str(texts / "00"),))

    def search(query: str, filtered: bool) -> None:
        loop.run_until_complete(
            library.search(query, limit=LIMIT, filters=only if filtered else None)
        )

    vectors = Given().embed([str(number) for number in range(report.chunks)])
    owners = np.arange(report.chunks) % FOLDERS
    engines: dict[str, Ask] = {
        "library": search,
        "chroma": chroma(folder / "chroma", vectors, owners),
        "numpy": product(vectors, owners),
    }
    figures = {engine: times(ask, asked) for engine, ask in engines.items()}
    library.close()
    loop.close()
    return {engine: {"chunks": report.chunks, **row} for engine, row in figures.items()}


class Words:
    """Text with the frequencies of a language, the same in every run."""

    def __init__(self) -> None:
        import numpy as np

        self._random = np.random.default_rng(7)
        weights = 1 / np.arange(1, VOCABULARY + 1) ** ZIPF
        self._heights = np.cumsum(weights / weights.sum())
        letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
        self._words = [
            "".join(self._random.choice(letters, size=3 + n % 8)) for n in range(VOCABULARY)
        ]

    def draw(self, count: int) -> list[str]:
        """Words, common ones more often."""
        import numpy as np

        found = np.searchsorted(self._heights, self._random.random(count) * self._heights[-1])
        return [self._words[i] for i in found]

    def text(self, sentences: int) -> str:
        """Sentences on one line."""
        drawn = self.draw(sentences * WORDS)
        parts = (drawn[i : i + WORDS] for i in range(0, len(drawn), WORDS))
        return " ".join(" ".join(part).capitalize() + "." for part in parts)


def chroma(folder: Path, vectors: Vectors, owners: NDArray[np.int64]) -> Ask:
    """Chroma with the same number of vectors, each with its folder to be filtered by."""
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
    collection = client.create_collection(
        "bare", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
    )
    for i in range(0, len(vectors), 1000):
        some = range(i, min(i + 1000, len(vectors)))
        collection.add(
            ids=[str(n) for n in some],
            embeddings=vectors[some.start : some.stop],
            metadatas=[{"folder": int(owners[n])} for n in some],
        )
    given = Given()

    def ask(query: str, filtered: bool) -> None:
        collection.query(
            query_embeddings=given.embed([query]),
            n_results=LIMIT,
            where={"folder": 0} if filtered else None,
            include=["distances"],
        )

    return ask


def product(vectors: Vectors, owners: NDArray[np.int64]) -> Ask:
    """One matrix product, and the highest of it."""
    import numpy as np

    given = Given()
    allowed = owners == 0

    def ask(query: str, filtered: bool) -> None:
        scores = vectors @ given.embed([query])[0]
        if filtered:
            scores[~allowed] = -2
        best = np.argpartition(-scores, LIMIT)[:LIMIT]
        best[np.argsort(-scores[best])]

    return ask


def times(ask: Ask, queries: Sequence[str]) -> dict[str, float]:
    """Milliseconds of a query, with and without the filter: median and 95th percentile."""
    import numpy as np

    figures: dict[str, float] = {}
    for name, filtered in (("", False), ("filtered_", True)):
        for query in queries[:WARM_UP]:
            ask(query, filtered)
        taken = []
        for query in queries:
            began = time.perf_counter()
            ask(query, filtered)
            taken.append(1000 * (time.perf_counter() - began))
        for percent in (50, 95):
            figures[f"{name}p{percent}"] = round(float(np.percentile(taken, percent)), 2)
    return figures


if __name__ == "__main__":
    main()

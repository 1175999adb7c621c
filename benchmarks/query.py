"""What a query costs at 10,000 and 100,000 chunks, beside bare Chroma and a bare numpy product.

    python -m benchmarks.query [--size 10000 --size 100000] [--queries 200]

Texts are drawn from a Zipf vocabulary and vectors from the unit sphere, so that a library of any
size is made in minutes; two chunks a file, files in 50 folders. `library` is `Library.search`, for
eight passages, with the query's vector at hand: scoring by words and vectors, fusion, reading the
passages from SQLite. The filter allows one folder, 2 % of the chunks. Each engine answers the same
queries in turn; then the library answers them with one kind of filter after another, so that what
else the machine does falls on all alike. Nothing about a filter is kept from one query to the next.
Prints two tables in milliseconds, and one JSON object on the last line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
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
BEGIN = 1_700_000_000.0
"""When the first file was changed, Unix time."""


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
    filters: list[dict[str, float | str]] = []
    for size in options.size or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            corpus = Corpus(Path(folder).resolve(), size, options.queries)
            rows += tell("engine", measure(corpus), corpus.chunks)
            filters += tell("filter", measure_filters(corpus), corpus.chunks)
            corpus.close()
    print(json.dumps({"benchmark": "query", "unit": "ms", "engines": rows, "filters": filters}))


def tell(
    what: str, figures: Mapping[str, Mapping[str, float]], chunks: int
) -> list[dict[str, float | str]]:
    """Print a table, and give it in the form of the JSON object."""
    columns = next(iter(figures.values()))
    print(f"{'chunks':>8}  {what:24}" + "".join(f"{name:>14}" for name in columns))
    for name, row in figures.items():
        print(f"{chunks:8}  {name:24}" + "".join(f"{value:14.2f}" for value in row.values()))
    return [{what: name, "chunks": chunks, **row} for name, row in figures.items()]


class Corpus:
    """A library of made-up texts, and queries to it."""

    def __init__(self, folder: Path, size: int, queries: int) -> None:
        """Make the texts, about `size` chunks of them, and index them."""
        self.folder = folder
        self.texts = folder / "texts"
        words = Words()
        for number in range(size // CHUNKS_PER_FILE):
            file = self.texts / f"{number % FOLDERS:02d}" / f"{number:06d}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(words.text(SENTENCES * CHUNKS_PER_FILE), encoding="utf-8")
            # One file a minute.
            os.utime(file, (BEGIN + 60 * number, BEGIN + 60 * number))
        self.files = size // CHUNKS_PER_FILE
        self.queries = [" ".join(words.draw(6)) for _ in range(queries)]
        self._loop = asyncio.new_event_loop()
        self._library = Library.open(folder / "library", embedder=Given())
        self.chunks = self._loop.run_until_complete(self._library.add([str(self.texts)])).chunks

    def search(self, query: str, filters: Filters | None = None) -> int:
        """Ask the library; gives the number of passages."""
        search = self._library.search(query, limit=LIMIT, filters=filters)
        return len(self._loop.run_until_complete(search).passages)

    def close(self) -> None:
        """Let go of the library."""
        self._library.close()
        self._loop.close()


def measure(corpus: Corpus) -> dict[str, dict[str, float]]:
    """The figures of each engine."""
    import numpy as np

    only = Filters(sources=(str(corpus.texts / "00"),))
    vectors = Given().embed([str(number) for number in range(corpus.chunks)])
    owners = np.arange(corpus.chunks) % FOLDERS
    engines: dict[str, Ask] = {
        "library": lambda query, filtered: corpus.search(query, only if filtered else None),
        "chroma": chroma(corpus.folder / "chroma", vectors, owners),
        "numpy": product(vectors, owners),
    }
    return {engine: times(ask, corpus.queries) for engine, ask in engines.items()}


def measure_filters(corpus: Corpus) -> dict[str, dict[str, float]]:
    """What filters of every kind and width cost the library."""
    import numpy as np

    def since(share: float) -> Filters:
        """The newest files, so many of all."""
        return Filters(since=BEGIN + 60 * corpus.files * (1 - share))

    folder = str(corpus.texts / "00")
    filters: dict[str, Filters | None] = {
        "none": None,
        "since: all": since(1.0),
        "since: half": since(0.5),
        "since: 5 %": since(0.05),
        "since: 1 %": since(0.01),
        "since: nothing": since(-1.0),
        "kind: all": Filters(kinds=("text",)),
        "kind: nothing": Filters(kinds=("pdf",)),
        "glob: all": Filters(sources=("*.txt",)),
        "glob: 2 %": Filters(sources=("*/00/*",)),
        "file's name": Filters(sources=("000000.txt",)),
        "folder: all": Filters(sources=(str(corpus.texts),)),
        "folder: 2 %": Filters(sources=(folder,)),
        "folder, kind and since": Filters((folder,), ("text",), BEGIN),
    }
    taken: dict[str, list[float]] = {name: [] for name in filters}
    for number, query in enumerate((*corpus.queries[:WARM_UP], *corpus.queries)):
        for name, some in filters.items():
            began = time.perf_counter()
            corpus.search(query, some)
            if number >= WARM_UP:
                taken[name].append(1000 * (time.perf_counter() - began))
    return {
        name: {f"p{n}": round(float(np.percentile(values, n)), 2) for n in (50, 95)}
        for name, values in taken.items()
    }


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

"""What filling a library costs, beside llama-index's pipeline; a sync with nothing to do; kill -9.

    python -m benchmarks.ingest [FOLDER] [--files 5000] [--kills 5] [--cache FOLDER]

- `Library.add` of a folder (the handbook, if none is named) beside llama-index's
  `SimpleDirectoryReader` and `IngestionPipeline` into Chroma, with the same embedder: with its
  default splitter, of whose chunks of 1,024 tokens the embedder reads the first 256, and with one
  of 256/32, of which it reads all. Each engine's process has loaded what it needs before.
- A sync of small files (`--files`) in which nothing has changed: its share of the first.
- The folder added by a process that is killed with SIGKILL at moments spread over a whole run,
  and run again each time: is the library equal to one built in one go?

Prints tables, and one JSON object on the last line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge import snapshot
from knowledge.catalog import Catalog
from knowledge.dense import ChromaStore
from knowledge.library import Library
from knowledge.minilm import MiniLM

if TYPE_CHECKING:
    from knowledge.embed import Cancelled, Embedder, Progress, Vectors

    Engine = Callable[[Path, Path], tuple[int, int]]
    """Fills a store in a folder with another folder's texts: its documents and chunks."""

HANDBOOK = Path(__file__).resolve().parent.parent / "docs" / "handbook"
LONG_AGO = 1_600_000_000
"""Unix time given to files that are made, as if they had been there for long."""
WRITER = """
import asyncio, sys
from pathlib import Path
from knowledge.library import Library
from knowledge.minilm import MiniLM
library = Library.open(Path(sys.argv[1]), embedder=MiniLM(Path(sys.argv[3])))
print("ready", flush=True)
asyncio.run(library.add([sys.argv[2]]))
library.close()
"""


class Counting:
    """An embedder that counts what it embeds."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self.name = inner.name
        self.dimensions = inner.dimensions
        self.max_tokens = inner.max_tokens
        self.texts = 0
        """Texts embedded so far."""

    def load(self, *, cancelled: Cancelled | None = None) -> None:
        """As the embedder within."""
        self._inner.load(cancelled=cancelled)

    def count(self, texts: Sequence[str]) -> list[int]:
        """As the embedder within."""
        return self._inner.count(texts)

    def embed(
        self,
        texts: Sequence[str],
        *,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Vectors:
        """As the embedder within."""
        self.texts += len(texts)
        return self._inner.embed(texts, progress=progress, cancelled=cancelled)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=HANDBOOK)
    parser.add_argument("--files", type=int, default=5000, help="small files, for the no-op sync")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--cache", type=Path, help="the embedder's cache; temporary by default")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as home:
        cache = options.cache or Path(home) / "cache"
        embedder = MiniLM(cache)
        embedder.load()
        engines = filling(options.folder, Path(home), embedder)
        print(
            f"{'engine':30}{'documents':>10}{'chunks':>8}{'s':>8}{'documents/s':>13}{'chunks/s':>10}"
        )
        for name, row in engines.items():
            print(
                f"{name:30}{row['documents']:>10}{row['chunks']:>8}{row['seconds']:>8.2f}"
                f"{row['documents_per_second']:>13.1f}{row['chunks_per_second']:>10.1f}"
            )
        idle = asyncio.run(nothing_to_do(Path(home) / "small", options.files, embedder))
        print(
            f"first sync of {idle['files']} small files {idle['first_seconds']:.2f} s,"
            f" nothing to do {idle['second_seconds']:.2f} s ({100 * idle['share']:.2f} %),"
            f" {idle['embedded']} texts embedded"
        )
        killed = kills(options.folder, Path(home) / "kills", cache, options.kills)
        print(f"killed with -9 {killed['kills']} times, and equal {killed['equal']} times")
    print(json.dumps({"benchmark": "ingest", "engines": engines, "noop": idle, "kill": killed}))


def filling(folder: Path, home: Path, embedder: Embedder) -> dict[str, dict[str, Any]]:
    """Documents and chunks a second of each engine."""
    from llama_index.core.node_parser import SentenceSplitter

    def figures(documents: int, chunks: int, seconds: float) -> dict[str, Any]:
        return {
            "documents": documents,
            "chunks": chunks,
            "seconds": round(seconds, 3),
            "documents_per_second": round(documents / seconds, 2),
            "chunks_per_second": round(chunks / seconds, 2),
        }

    warm = home / "warm"
    warm.mkdir()
    (warm / "text.txt").write_text("One sentence, and another. " * 1000, encoding="utf-8")
    rows = {}
    for name, engine in (
        ("library", lambda root, texts: asyncio.run(_add(root, texts, embedder))),
        ("llama-index, default", _pipeline_of(SentenceSplitter(), embedder)),
        (
            "llama-index, 256/32",
            _pipeline_of(SentenceSplitter(chunk_size=256, chunk_overlap=32), embedder),
        ),
    ):
        engine(home / f"{name}, warm", warm)
        began = time.perf_counter()
        documents, chunks = engine(home / name, folder)
        rows[name] = figures(documents, chunks, time.perf_counter() - began)
    return rows


async def _add(root: Path, texts: Path, embedder: Embedder) -> tuple[int, int]:
    """Documents and chunks of a new library of a file or folder."""
    library = Library.open(root, embedder=embedder)
    report = await library.add([str(texts)])
    library.close()
    return report.added, report.chunks


def _pipeline_of(splitter: Any, embedder: Embedder) -> Engine:
    return lambda store, texts: pipeline(store, texts, splitter, embedder)


def pipeline(store: Path, folder: Path, splitter: Any, embedder: Embedder) -> tuple[int, int]:
    """llama-index from files to Chroma; its documents and chunks."""
    import chromadb
    from chromadb.config import Settings
    from llama_index.core import SimpleDirectoryReader
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.ingestion import IngestionPipeline
    from llama_index.vector_stores.chroma import ChromaVectorStore

    class Adapter(BaseEmbedding):  # type: ignore[misc]
        """Our embedder as llama-index wants one."""

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            vectors: list[list[float]] = embedder.embed(texts).tolist()
            return vectors

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embeddings([query])[0]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    client = chromadb.PersistentClient(str(store), Settings(anonymized_telemetry=False))
    collection = client.create_collection("chunks", embedding_function=None)
    documents = SimpleDirectoryReader(str(folder), recursive=True).load_data()
    nodes = IngestionPipeline(
        # A batch as large as ours: its default of 10 is slower.
        transformations=[splitter, Adapter(embed_batch_size=256)],
        vector_store=ChromaVectorStore(chroma_collection=collection),
    ).run(documents=documents)
    return len(documents), len(nodes)


async def nothing_to_do(folder: Path, files: int, embedder: Embedder) -> dict[str, Any]:
    """A first sync of small files, and a second in which nothing has changed."""
    random_ = random.Random(5)
    words = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("n", "r", "st", "la")]
    for number in range(files):
        file = folder / "texts" / f"{number // 100:03d}" / f"{number:06d}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        sentences = (" ".join(random_.choices(words, k=9)).capitalize() + "." for _ in range(3))
        file.write_text(f"# Note {number}\n\n" + " ".join(sentences) + "\n", encoding="utf-8")
        os.utime(file, (LONG_AGO, LONG_AGO))
    counting = Counting(embedder)
    library = Library.open(folder / "library", embedder=counting)
    began = time.perf_counter()
    first = await library.add([str(folder / "texts")])
    first_seconds = time.perf_counter() - began
    counting.texts = 0
    began = time.perf_counter()
    second = await library.sync()
    second_seconds = time.perf_counter() - began
    library.close()
    if first.added != files or second.unchanged != files:
        raise SystemExit(f"of {files} files {first.added} added, {second.unchanged} unchanged")
    return {
        "files": files,
        "first_seconds": round(first_seconds, 3),
        "second_seconds": round(second_seconds, 3),
        "share": round(second_seconds / first_seconds, 5),
        "embedded": counting.texts,
    }


def kills(folder: Path, home: Path, cache: Path, times: int) -> dict[str, int]:
    """How often a library is whole after a killed process and one that was let end."""
    _, span = _write(home / "whole", folder, cache)
    whole = contents(home / "whole")
    killed = equal = 0
    for number in range(times):
        root = home / f"killed-{number}"
        killed += _write(root, folder, cache, kill_after=span * (number + 0.5) / times)[0]
        _write(root, folder, cache)
        equal += contents(root) == whole
    return {"kills": killed, "tries": times, "equal": equal}


def _write(
    root: Path, folder: Path, cache: Path, kill_after: float | None = None
) -> tuple[bool, float]:
    """Add the folder in a process of its own: whether it was killed, and its seconds of work."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), str(folder), str(cache)],
        stdout=subprocess.PIPE,
    )
    if writer.stdout is not None:
        writer.stdout.readline()
        writer.stdout.close()
    began = time.perf_counter()
    try:
        code = writer.wait(timeout=kill_after)
    except subprocess.TimeoutExpired:
        writer.kill()
        code = writer.wait()
    if code not in (0, -signal.SIGKILL):
        raise SystemExit(f"the writing process ended with {code}")
    return code != 0, time.perf_counter() - began


def contents(root: Path) -> dict[str, bytes]:
    """Every chunk that can be found, with its vector; the store must hold those and no more."""
    catalog = Catalog(root / "catalog.sqlite")
    picture = snapshot.open_current(catalog, root / "snapshots")
    if picture is None or not picture.dense:
        raise SystemExit(f"{root} holds no vectors")
    numbers = [int(row) for row in picture.rows]
    rows = {
        row: found
        for at in range(0, len(numbers), 1000)
        for row, found in catalog.documents.chunk_rows(numbers[at : at + 1000]).items()
    }
    held = (
        vector
        for part in picture.parts
        if part.segment.vectors is not None
        for vector in part.segment.vectors[part.live]
    )
    found = {
        rows[row].chunk.id: vector.tobytes() for row, vector in zip(numbers, held, strict=True)
    }
    store = ChromaStore(root / "chroma")
    stored, vectors = store.get(list(found))
    total = store.count()
    store.close()
    catalog.close()
    same = {name: vector.tobytes() for name, vector in zip(stored, vectors, strict=True)}
    return found if same == found and total == len(found) else {}


if __name__ == "__main__":
    main()

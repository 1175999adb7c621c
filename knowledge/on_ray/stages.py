"""The stages of the pipeline: tables of files in, tables of files made ready out.

A row is a file, or a part of one: a long document is cut in parts so that several workers embed
it. What is more than a number or bytes travels pickled.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from knowledge.ahead import Ready, look, twin_key
from knowledge.documents import heading, indexed_text
from knowledge.errors import ReadError
from knowledge.split import estimate_tokens, split

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from knowledge.ahead import Twins
    from knowledge.embed import Embedder

PART = 32
"""Texts in a row: what is embedded between two results, and lost with a worker at most twice."""


def table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows with `file` (its pickle) and, once it is split, `texts`, `last` and `vectors`."""
    import pyarrow as pa

    fields = {
        "file": pa.large_binary(),
        "texts": pa.large_binary(),
        "last": pa.bool_(),
        "vectors": pa.large_binary(),
    }
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], kind) for name, kind in fields.items()}
    )


class Load:
    """Files to their bytes and digests; runs where the sync runs, whose disk it is."""

    def __init__(self, files: Sequence[Path], twins: Twins) -> None:
        self._files = files
        self._twins = twins

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        """One row for each number of a file."""
        for number in batch["id"].to_pylist():
            ready = look(path := self._files[number])
            if twin_key(ready.digest, path) in self._twins:
                ready = replace(ready, data=b"")
            yield table([{"file": pickle.dumps(ready)}])


class Split:
    """Bytes to documents and chunks."""

    def __init__(self, embedder: Embedder | None, *, split: bool) -> None:
        self._count = embedder.count if embedder else estimate_tokens
        self._embedded = embedder is not None
        self._split = split

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        """One row for each part of a file; the first holds what was made of it."""
        for pickled in batch["file"].to_pylist():
            ready, texts = self._read(pickle.loads(pickled))
            first = {"file": pickle.dumps(ready)}
            for at in range(0, max(len(texts), 1), PART):
                part = {
                    "texts": pickle.dumps(texts[at : at + PART]),
                    "last": at + PART >= len(texts),
                }
                yield table([first | part])
                first = {}

    def _read(self, ready: Ready) -> tuple[Ready, list[str]]:
        """The file without its bytes, and the texts to embed."""
        # Left as it is: not to be opened, known already, or empty, which its reader will say.
        if not ready.data:
            return ready, []
        try:
            document = ready.read()
        except ReadError as error:
            return replace(ready, data=b"", reason=error.in_full), []
        ready = replace(ready, data=b"", document=document)
        if not self._split:
            return ready, []
        chunks = split(document, count=self._count)
        texts = [indexed_text(heading(document, chunk), chunk.text) for chunk in chunks]
        return replace(ready, chunks=chunks), texts if self._embedded else []


class Embed:
    """Texts to vectors."""

    def __init__(self, embedder: Embedder) -> None:
        embedder.load()
        self._embedder = embedder

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The rows with their vectors: float32, one after the other."""
        return table(
            [
                row | {"vectors": self._embedder.embed(pickle.loads(row["texts"])).tobytes()}
                for row in batch.to_pylist()
            ]
        )


class Gather:
    """Rows in their order to files made ready."""

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder
        self._ready: Ready | None = None
        self._vectors: list[bytes] = []

    def __call__(self, batch: pa.Table) -> Iterator[Ready]:
        """The files that these rows complete."""
        for row in batch.to_pylist():
            if row["file"] is not None:
                self._ready = pickle.loads(row["file"])
                self._vectors = []
            self._vectors.append(row["vectors"] or b"")
            if row["last"] and self._ready is not None:
                yield self._whole(self._ready)
                self._ready = None

    def _whole(self, ready: Ready) -> Ready:
        if self._embedder is None or ready.chunks is None:
            return ready
        import numpy as np

        flat = np.frombuffer(b"".join(self._vectors), np.float32)
        return replace(
            ready, vectors=flat.reshape(len(ready.chunks), self._embedder.dimensions).copy()
        )

"""What is read when a question is asked: one published, unchanging picture of both indexes.

A sync builds a new one beside the old and then points to it, so that a reader meets the library
before or after a sync, never in between. It is derived: lost, it is built again from the catalogue
and the vector store. Searching it is exact; up to some 200,000 chunks a matrix product over
memory-mapped vectors is quicker than opening an approximate index (docs/LOG.md), and a filter
costs it nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import lexical
from knowledge.errors import KnowledgeError
from knowledge.types import chunk_id

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.catalog import Catalog
    from knowledge.dense import DenseStore

_CURRENT = "snapshot"
_PREFIX = "picture-"
_TRIES = 5
_opening = threading.Lock()
"""NumPy reads the head of a file with Python's own parser, which several threads must not use at
once before Python 3.11.9 (CPython issue 106905)."""
_COPY = 10_000
"""Vectors copied at a time, so that a large library is never in memory at once."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An open picture of the library. Row i of every array is the same chunk."""

    rows: NDArray[np.int64]
    """Chunk row numbers of the catalogue, ascending."""
    owners: NDArray[np.int32]
    """Which of `documents` each chunk belongs to."""
    documents: tuple[str, ...]
    vectors: NDArray[np.float32] | None
    """Unit vectors, shape (n, d); a row of zeros where a chunk has none. None: no vectors."""
    words: lexical.LexicalIndex | None
    embedder: str
    """Whose vectors they are."""


def build(catalog: Catalog, store: DenseStore, folder: Path, live: set[str]) -> str:
    """Build the picture of a library that holds the documents `live`, and give its name.

    Nothing points to it yet: `Catalog.settle` does. Vectors come from the picture before where it
    has them, else from the store.
    """
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    before = open_current(catalog, folder)
    chunks = catalog.documents.chunk_keys(live)
    rows = np.array([row for row, _, _ in chunks], dtype=np.int64)
    documents = list(dict.fromkeys(doc for _, doc, _ in chunks))
    number = {doc: i for i, doc in enumerate(documents)}
    owners = np.array([number[doc] for _, doc, _ in chunks], dtype=np.int32)
    # A name never used before: who keeps a picture open knows by its name whether it is current.
    new = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
    try:
        np.save(new / "rows.npy", rows)
        np.save(new / "owners.npy", owners)
        (new / "documents.json").write_text(json.dumps(documents), encoding="utf-8")
        (new / "embedder.txt").write_text(catalog.meta("embedder"), encoding="utf-8")
        unembedded = set(catalog.documents.unembedded())
        embedded = np.array([doc not in unembedded for doc in documents], dtype=bool)
        if embedded.any():
            ids = [chunk_id(doc, ordinal) for _, doc, ordinal in chunks]
            _write_vectors(ids, rows, embedded[owners], before, store, new / "vectors.npy")
        earlier = folder / catalog.meta(_CURRENT) if before is not None else None
        lexical.build(rows.tolist(), catalog.documents.indexed_texts, new, earlier)
        for file in new.iterdir():
            with file.open("rb") as written:
                os.fsync(written.fileno())
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return new.name


def open_current(catalog: Catalog, folder: Path) -> Snapshot | None:
    """The published picture, or None where there is none: nothing was added, or it is lost."""
    import numpy as np

    for _ in range(_TRIES):
        if not (name := catalog.meta(_CURRENT)):
            return None
        here = folder / name
        # A sync may publish and clear away between our reading the name and opening the files. A
        # damaged picture is as good as lost: the next sync builds another.
        with suppress(OSError, ValueError, KeyError), _opening:
            vectors = here / "vectors.npy"
            return Snapshot(
                np.load(here / "rows.npy"),
                np.load(here / "owners.npy"),
                tuple(json.loads((here / "documents.json").read_text(encoding="utf-8"))),
                np.load(vectors, mmap_mode="r") if vectors.exists() else None,
                lexical.load(here),
                (here / "embedder.txt").read_text(encoding="utf-8"),
            )
    return None


def clear_others(catalog: Catalog, folder: Path) -> None:
    """Delete pictures that nothing points to. Who has one open keeps it (POSIX)."""
    keep = catalog.meta(_CURRENT)
    for other in folder.glob(f"{_PREFIX}*"):
        if other.name != keep:
            shutil.rmtree(other, ignore_errors=True)


def _write_vectors(
    ids: list[str],
    rows: NDArray[np.int64],
    embedded: NDArray[np.bool_],
    before: Snapshot | None,
    store: DenseStore,
    path: Path,
) -> None:
    """Write the vectors of chunks that have one; the others' rows stay zero."""
    import numpy as np

    old = np.full(len(rows), -1)
    if before is not None and before.vectors is not None and len(before.rows):
        at = np.searchsorted(before.rows, rows).clip(max=len(before.rows) - 1)
        # A row of zeros is a chunk that had no vector then.
        had = np.asarray(before.vectors.any(axis=1))
        old = np.where((before.rows[at] == rows) & had[at], at, -1)
    wanted = np.flatnonzero(embedded & (old < 0))
    found, fresh = store.get([ids[i] for i in wanted])
    if len(found) < len(wanted):
        raise KnowledgeError(
            f"The vector store has lost {len(wanted) - len(found)} of {len(rows)} vectors.",
            hint="agent sync --rebuild makes them anew from the documents.",
        )
    kept = before.vectors if before is not None else None
    width = fresh.shape[1] if found or kept is None else kept.shape[1]
    matrix = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(len(rows), width))
    for start in range(0, len(rows), _COPY):
        part = old[start : start + _COPY]
        if kept is not None and (part >= 0).any():
            matrix[start : start + _COPY][part >= 0] = kept[part[part >= 0]]
    if found:
        place = {ids[i]: i for i in wanted}
        matrix[[place[chunk_id] for chunk_id in found]] = fresh
    matrix.flush()

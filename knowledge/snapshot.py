"""What is read when a question is asked: one published, unchanging picture of both indexes.

A sync builds a new one beside the old and then points to it, so that a reader meets the library
before or after a sync, never in between. It is derived: lost, it is built again from the catalogue
and the vector store. Searching it is exact; up to some 200,000 chunks a matrix product over
memory-mapped vectors is quicker than opening an approximate index (docs/LOG.md), and a filter
costs it nothing.

A picture is a list of segments, each of later rows than the one before, and of what of them still
counts: what is added makes a segment of its own, or is joined with the last ones while those are
small beside it. So each is written at least twice as long as the next, few are read, and a chunk is
copied about as often as there are segments: the logarithmic method (Bentley and Saxe, Decomposable
searching problems, 1980), as in Lucene.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import segment
from knowledge.errors import KnowledgeError
from knowledge.lexical import LexicalIndex
from knowledge.segment import Part

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.catalog import Catalog
    from knowledge.dense import DenseStore

    Positions = NDArray[np.int64]
    Vectors = NDArray[np.float32]

_CURRENT = "snapshot"
_PICTURE, _SEGMENT = "picture-", "segment-"
_LIST, _LIVE = "segments.json", "live.npy"
_TRIES = 5
_SMALL = 1000
"""Chunks; a segment of fewer is joined with what comes after it, whatever that is."""
_DEAD = 4
"""A segment of which one chunk in so many no longer counts is written anew without those."""
_DAMAGE = OSError, ValueError, LookupError, TypeError, EOFError
"""What reading a damaged or missing file raises, NumPy's or JSON's."""
_opening = threading.Lock()
"""NumPy reads the head of a file with Python's own parser, which several threads must not use at
once before Python 3.11.9 (CPython issue 106905)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An open picture of the library's n chunks, by position: row i of every array is the same."""

    parts: tuple[Part, ...]
    """Its segments in the order of their rows, and what of them counts."""
    rows: Positions
    """Chunk row numbers of the catalogue, ascending."""
    owners: NDArray[np.int32]
    """Which of `documents` each chunk belongs to."""
    documents: tuple[str, ...]
    """Those of the segments, one after the other: some have no chunk that counts, and one may be
    there twice, of which one counts."""
    words: LexicalIndex
    embedder: str
    """Whose vectors they are."""
    dense: bool
    """Whether any of the chunks has a vector."""

    def near(self, vector: Vectors, positions: Positions | None = None) -> Vectors:
        """The cosines of a query's unit vector, shape (d,), and the chunks' vectors.

        Args:
            vector: The query's.
            positions: Of which chunks, ascending; the vectors of others are not read. None: all.
        """
        import numpy as np

        found: list[Vectors] = []
        start = 0
        for part in self.parts:
            held = part.segment.vectors
            here = None
            if positions is not None:
                mine = positions[(positions >= start) & (positions < start + part.count)]
                here = np.flatnonzero(part.live)[mine - start]
            elif part.count < len(part.live):
                here = np.flatnonzero(part.live)
            if held is None:
                some = np.zeros(part.count if here is None else len(here), dtype=np.float32)
            elif positions is None:
                some = held @ vector if here is None else (held @ vector)[here]
            else:
                some = held[here] @ vector
            found.append(some.astype(np.float32, copy=False))
            start += part.count
        return np.concatenate(found)


def build(catalog: Catalog, store: DenseStore, folder: Path, live: set[str]) -> str:
    """Build the picture of a library that holds the documents `live`, and give its name.

    Nothing points to it yet: `Catalog.settle` does. What the picture before holds is taken from
    it, the rest from the catalogue and the store.
    """
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    bare = set(catalog.documents.unembedded())
    kept, chunks = _divide(catalog, folder, live, bare)
    joined: list[Part] = []
    size = len(chunks)
    while chunks and kept and _joins(kept[-1], chunks[0][0], size):
        joined.insert(0, kept.pop())
        size += joined[0].count
    made: list[Path] = []
    try:
        parts = []
        for part in kept:
            if (len(part.live) - part.count) * _DEAD < len(part.live):
                parts.append((part.name, part.live))
            else:
                made.append(_write(catalog, store, folder, [part], [], bare))
                parts.append((made[-1].name, np.ones(part.count, dtype=bool)))
        if chunks:
            made.append(_write(catalog, store, folder, joined, chunks, bare))
            parts.append((made[-1].name, np.ones(size, dtype=bool)))
        # A name never used before: who keeps a picture open knows by it whether it is current.
        made.append(Path(tempfile.mkdtemp(prefix=_PICTURE, dir=folder)))
        np.save(made[-1] / _LIVE, np.concatenate([np.zeros(0, bool), *(mask for _, mask in parts)]))
        about = {"embedder": catalog.meta("embedder"), "segments": [name for name, _ in parts]}
        (made[-1] / _LIST).write_text(json.dumps(about), encoding="utf-8")
        _sync(made[-1])
    except BaseException:
        for new in made:
            shutil.rmtree(new, ignore_errors=True)
        raise
    return made[-1].name


def _divide(
    catalog: Catalog, folder: Path, live: set[str], bare: set[str]
) -> tuple[list[Part], list[tuple[int, str, int]]]:
    """What of the picture before is as it should be, and the chunks that it does not hold."""
    import numpy as np

    before = open_current(catalog, folder)
    stored = catalog.documents.first_rows()
    kept: list[Part] = []
    held: set[str] = set()
    for part in before.parts if before is not None else ():
        names, flags = part.segment.documents.keys(), part.segment.documents.values()
        # Rows are never given twice: a document that was stored anew is not where it was.
        still = [
            doc in live and stored.get(doc) == row and embedded != (doc in bare)
            for doc, embedded, row in zip(names, flags, part.segment.first_rows(), strict=True)
        ]
        held.update(doc for doc, yes in zip(names, still, strict=True) if yes)
        alive = np.array(still, dtype=bool)[part.segment.owners]
        if count := int(np.count_nonzero(alive)):
            kept.append(replace(part, live=alive, count=count))
    new = [doc for doc in live if doc not in held and doc in stored]
    return kept, catalog.documents.chunk_keys(new)


def _joins(last: Part, first: int, size: int) -> bool:
    """Whether the last segment is written anew with `size` chunks, the first of row `first`."""
    return last.count < max(_SMALL, 2 * size) or int(last.segment.rows[-1]) >= first


def _write(
    catalog: Catalog,
    store: DenseStore,
    folder: Path,
    kept: Sequence[Part],
    chunks: Sequence[tuple[int, str, int]],
    bare: set[str],
) -> Path:
    """Write a segment of what others hold and of new chunks; `bare` documents have no vectors."""
    new = Path(tempfile.mkdtemp(prefix=_SEGMENT, dir=folder))
    try:
        segment.write(
            new,
            kept,
            chunks,
            embedded=lambda document: document not in bare,
            texts=catalog.documents.indexed_texts([row for row, _, _ in chunks]),
            vectors=lambda ids: _stored(store, ids),
        )
        _sync(new)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return new


def _stored(store: DenseStore, ids: Sequence[str]) -> Vectors:
    """Vectors from the store, in the order of their chunks."""
    import numpy as np

    found, vectors = store.get(ids)
    if len(found) < len(ids):
        raise KnowledgeError(
            f"The vector store has lost {len(ids) - len(found)} of {len(ids)} vectors.",
            hint="agent sync --rebuild makes them anew from the documents.",
        )
    place = {name: i for i, name in enumerate(found)}
    return vectors[np.array([place[name] for name in ids], dtype=np.int64)]


def _sync(folder: Path) -> None:
    """Have a folder's files on the disk."""
    for file in folder.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())


def open_current(catalog: Catalog, folder: Path) -> Snapshot | None:
    """The published picture, or None where there is none: nothing was added, or it is lost."""
    for _ in range(_TRIES):
        if not (name := catalog.meta(_CURRENT)):
            return None
        # A sync may publish and clear away between our reading the name and opening the files. A
        # damaged picture is as good as lost: the next sync builds another.
        with suppress(*_DAMAGE), _opening:
            return _open(folder, name)
    return None


def _open(folder: Path, name: str) -> Snapshot:
    import numpy as np

    about = json.loads((folder / name / _LIST).read_text(encoding="utf-8"))
    every = np.load(folder / name / _LIVE)
    parts: list[Part] = []
    documents: list[str] = []
    rows, owners = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int32)]
    start, dense = 0, False
    for one in about["segments"]:
        opened = segment.load(folder / one)
        live = every[start : (start := start + len(opened.rows))]
        parts.append(Part(one, opened, live, int(np.count_nonzero(live))))
        embedded = np.array([*opened.documents.values()], dtype=bool)
        dense = dense or bool(embedded[opened.owners[live]].any())
        rows.append(opened.rows[live])
        owners.append(opened.owners[live] + np.int32(len(documents)))
        documents += opened.documents
    if start != len(every):
        raise ValueError(f"{name} names other segments than it was made of")
    words = [(p.segment.words, None if p.count == len(p.live) else p.live) for p in parts]
    return Snapshot(
        tuple(parts),
        np.concatenate(rows),
        np.concatenate(owners),
        tuple(documents),
        LexicalIndex(words),
        about["embedder"],
        dense,
    )


def is_there(catalog: Catalog, folder: Path) -> bool:
    """Whether the published picture and its segments are there; none of them is opened."""
    names = _segments(folder, current) if (current := catalog.meta(_CURRENT)) else None
    return names is not None and all((folder / name).is_dir() for name in names)


def clear_others(catalog: Catalog, folder: Path) -> None:
    """Delete pictures that nothing points to. Who has one open keeps it (POSIX)."""
    current = catalog.meta(_CURRENT)
    keep = _segments(folder, current) if current else []
    if keep is None:
        # What it is made of is not known just now; the next sync clears up.
        return
    for kind in (_PICTURE, _SEGMENT):
        for other in folder.glob(f"{kind}*"):
            if other.name not in (current, *keep):
                shutil.rmtree(other, ignore_errors=True)


def _segments(folder: Path, picture: str) -> list[str] | None:
    """The names of a picture's segments; None where its list cannot be read."""
    with suppress(*_DAMAGE):
        about = json.loads((folder / picture / _LIST).read_text(encoding="utf-8"))
        return [str(name) for name in about["segments"]]
    return None

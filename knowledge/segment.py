"""A part of a picture: some documents' chunks in row order, their vectors and inverted lists.

It is written once and never changed. A document that is forgotten stays in it, and the picture
says that it no longer counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import lexical, postings
from knowledge.types import chunk_id

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.postings import Postings

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.int64]

_ROWS, _OWNERS, _DOCUMENTS, _VECTORS = "rows.npy", "owners.npy", "documents.json", "vectors.npy"
_COPY = 10_000
"""Vectors written at a time, so that a large library's are never in memory at once."""


@dataclass(frozen=True, slots=True)
class Segment:
    """An open segment of n chunks. Row i of every array is the same chunk."""

    rows: Rows
    """Chunk row numbers of the catalogue, ascending."""
    owners: NDArray[np.int32]
    """Which of `documents` each chunk belongs to, ascending: a document's chunks lie together."""
    documents: Mapping[str, bool]
    """Whether each has vectors."""
    vectors: Vectors | None
    """Unit vectors, shape (n, d); a row of zeros where a document has none. None: no vectors."""
    words: Postings

    def first_rows(self) -> list[int]:
        """The row number of each document's first chunk."""
        import numpy as np

        starts = np.searchsorted(self.owners, np.arange(len(self.documents)))
        return [int(row) for row in self.rows[starts]]


@dataclass(frozen=True, slots=True)
class Part:
    """What of a segment counts: the chunks of those of its documents that are still there."""

    name: str
    """The segment's folder."""
    segment: Segment
    live: NDArray[np.bool_]
    """Shape (n,): which chunks."""
    count: int
    """How many they are."""


def load(folder: Path) -> Segment:
    """Open what `write` wrote.

    Raises:
        OSError: It is not there.
        ValueError: It is damaged.
    """
    import numpy as np

    vectors = folder / _VECTORS
    opened = Segment(
        np.load(folder / _ROWS),
        np.load(folder / _OWNERS),
        json.loads((folder / _DOCUMENTS).read_text(encoding="utf-8")),
        np.load(vectors, mmap_mode="r") if vectors.exists() else None,
        postings.load(folder),
    )
    lengths = {len(opened.owners), len(opened.words.lengths)}
    if opened.vectors is not None:
        lengths.add(len(opened.vectors))
    if (
        lengths != {len(opened.rows)}
        or int(opened.owners[-1]) + 1 != len(opened.documents)
        or any(opened.documents.values()) != (opened.vectors is not None)
    ):
        raise ValueError(f"the arrays in {folder} are not of the same chunks")
    return opened


def write(
    folder: Path,
    kept: Sequence[Part],
    chunks: Sequence[tuple[int, str, int]],
    embedded: Callable[[str], bool],
    texts: Iterable[str],
    vectors: Callable[[Sequence[str]], Vectors],
) -> None:
    """Write a segment of what others hold, and of chunks that none holds.

    Args:
        folder: Where; it is there, and empty.
        kept: What to take over.
        chunks: Those that are new: row, document id and ordinal, in row order.
        embedded: Whether a document that is new has vectors.
        texts: What is indexed of each new chunk.
        vectors: Gives the vectors of chunks by id, shape (len(ids), d).
    """
    import numpy as np

    fresh = np.array([row for row, _, _ in chunks], dtype=np.int64)
    rows_of = [*(one.segment.rows[one.live] for one in kept), fresh]
    rows = np.concatenate(rows_of)
    order = np.argsort(rows)
    place = np.empty(len(rows), dtype=np.int32)
    place[order] = np.arange(len(rows), dtype=np.int32)
    ends = np.cumsum([0, *map(len, rows_of)])
    places = [place[a:b] for a, b in pairwise(ends)]

    # Documents by number in the order of their first rows.
    flags: dict[str, bool] = {}
    names: list[str] = []
    for one in kept:
        ids = list(one.segment.documents)
        flags |= one.segment.documents
        names += [ids[owner] for owner in one.segment.owners[one.live].tolist()]
    names += [document for _, document, _ in chunks]
    flags |= {document: embedded(document) for document in {doc for _, doc, _ in chunks}}
    documents = {names[i]: flags[names[i]] for i in order.tolist()}
    number = {document: i for i, document in enumerate(documents)}

    np.save(folder / _ROWS, rows[order])
    np.save(folder / _OWNERS, np.array([number[names[i]] for i in order.tolist()], dtype=np.int32))
    (folder / _DOCUMENTS).write_text(json.dumps(documents), encoding="utf-8")
    lists = [one.segment.words for one in kept]
    whole = [_spread(one.live, at) for one, at in zip(kept, places, strict=False)]
    if chunks:
        lists.append(lexical.count(texts))
        whole.append(places[-1])
    postings.join(lists, whole).save(folder)
    if any(documents.values()):
        wanted = [i for i, (_, document, _) in enumerate(chunks) if flags[document]]
        ids = [chunk_id(doc, n) for _, doc, n in (chunks[i] for i in wanted)]
        at = places[-1][wanted]
        _write_vectors(folder / _VECTORS, kept, places, at, ids, vectors, len(rows))


def _spread(live: NDArray[np.bool_], places: NDArray[np.int32]) -> NDArray[np.int32]:
    """The places of those that live, and -1 for the others."""
    import numpy as np

    spread = np.full(len(live), -1, dtype=np.int32)
    spread[live] = places
    return spread


def _write_vectors(
    path: Path,
    kept: Sequence[Part],
    places: Sequence[NDArray[np.int32]],
    fresh: NDArray[np.int32],
    ids: Sequence[str],
    get: Callable[[Sequence[str]], Vectors],
    count: int,
) -> None:
    """Write vectors at their places; all other rows stay zero.

    Not through a map of the file: where the disk is full, that ends the process.
    """
    import numpy as np

    old = [
        (vectors, np.flatnonzero(one.live), at)
        for one, at in zip(kept, places, strict=False)
        if (vectors := one.segment.vectors) is not None
    ]
    width = old[0][0].shape[1] if old else get(ids[:1]).shape[1]
    with path.open("wb") as file:
        about = {"descr": "<f4", "fortran_order": False, "shape": (count, width)}
        np.lib.format.write_array_header_1_0(file, about)
        for start in range(0, count, _COPY):
            end = min(count, start + _COPY)
            block = np.zeros((end - start, width), dtype="<f4")
            for vectors, living, at in old:
                # Places ascend, as rows do.
                some = slice(*np.searchsorted(at, (start, end)))
                block[at[some] - start] = vectors[living[some]]
            some = slice(*np.searchsorted(fresh, (start, end)))
            if len(here := fresh[some]):
                block[here - start] = get(ids[some])
            file.write(block.data)

"""What is read when a question is asked: one published, unchanging picture of both indexes.

A sync builds a new one beside the old and then points to it, so that a reader meets the library
before or after a sync, never in between. It is derived: lost, it is built again from the catalogue
and the vector store. Searching it is exact; up to some 200,000 chunks a matrix product over
memory-mapped vectors is quicker than opening an approximate index (docs/LOG.md), and a filter
costs it nothing.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge import lexical
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.catalog import Catalog
    from knowledge.dense import DenseStore

_CURRENT = "snapshot"
_TRIES = 5


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
    chunks = [(row, doc, ordinal) for row, doc, ordinal, _ in catalog.documents.chunk_texts(live)]
    # A name never used before: who keeps a picture open knows by its name whether it is current.
    new = Path(tempfile.mkdtemp(prefix="", dir=folder))
    try:
        documents = list(dict.fromkeys(doc for _, doc, _ in chunks))
        number = {doc: i for i, doc in enumerate(documents)}
        np.save(new / "rows.npy", np.array([row for row, _, _ in chunks], dtype=np.int64))
        np.save(new / "owners.npy", np.array([number[d] for _, d, _ in chunks], dtype=np.int32))
        (new / "documents.json").write_text(json.dumps(documents), encoding="utf-8")
        (new / "embedder.txt").write_text(catalog.meta("embedder"), encoding="utf-8")
        with_vectors = live.intersection(documents) - set(catalog.documents.unembedded())
        if with_vectors:
            _write_vectors(chunks, with_vectors, before, store, new / "vectors.npy")
        lexical.build((text for _, _, _, text in catalog.documents.chunk_texts(live)), new)
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
        # A sync may publish and clear away between our reading the name and opening the files.
        with suppress(FileNotFoundError):
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


def current_name(catalog: Catalog) -> str:
    """Which picture is published; changes with every sync that changed something."""
    return catalog.meta(_CURRENT)


def clear_others(catalog: Catalog, folder: Path) -> None:
    """Delete pictures that nothing points to. Who has one open keeps it (POSIX)."""
    keep = catalog.meta(_CURRENT)
    for other in folder.iterdir():
        if other.name != keep:
            shutil.rmtree(other, ignore_errors=True)


def _write_vectors(
    chunks: list[tuple[int, str, int]],
    with_vectors: set[str],
    before: Snapshot | None,
    store: DenseStore,
    path: Path,
) -> None:
    import numpy as np

    old: dict[int, int] = {}
    if before is not None and before.vectors is not None:
        old = {int(row): i for i, row in enumerate(before.rows)}
    wanted = {
        f"{doc}:{ordinal}": i
        for i, (row, doc, ordinal) in enumerate(chunks)
        if doc in with_vectors and not _had(before, old.get(row))
    }
    found, fresh = store.get(list(wanted))
    size = fresh.shape[1] if found else _width(before)
    matrix: Any = np.lib.format.open_memmap(
        path, mode="w+", dtype=np.float32, shape=(len(chunks), size)
    )
    for i, (row, _, _) in enumerate(chunks):
        if (j := old.get(row)) is not None and before is not None and before.vectors is not None:
            matrix[i] = before.vectors[j]
    for chunk_id, vector in zip(found, fresh, strict=True):
        matrix[wanted[chunk_id]] = vector
    if len(found) < len(wanted):
        raise KnowledgeError(
            f"The vector store has lost {len(wanted) - len(found)} of {len(chunks)} vectors.",
            hint="agent sync --rebuild makes them anew from the documents.",
        )
    matrix.flush()


def _had(before: Snapshot | None, row: int | None) -> bool:
    """Whether the picture before holds a real vector at a row."""
    if row is None or before is None or before.vectors is None:
        return False
    return bool(before.vectors[row].any())


def _width(before: Snapshot | None) -> int:
    return 0 if before is None or before.vectors is None else int(before.vectors.shape[1])

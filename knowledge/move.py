"""Copy a library to another place: its folder, a server for its vectors, or a shared library.

Documents, chunks and vectors are copied as they are stored: nothing is read, split or embedded
anew. The copy is checked against the original, to the bit, before it counts. Killed at any moment
and run again, it goes on; run again once more, it finds that there is nothing to do.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import shelf, snapshot
from knowledge.catalog import Catalog
from knowledge.errors import KnowledgeError, StoreFailed, TargetNotEmpty
from knowledge.report import Progress
from knowledge.shared.library import SharedLibrary
from knowledge.tidy import take_back_vectors, tidy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knowledge.dense import Vectors
    from knowledge.library import Library
    from knowledge.shelf import Shelf
    from knowledge.sources import Entry
    from knowledge.types import Chunk, Document

_PAGE = 50
"""Documents copied, and compared, at once."""

Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a library is kept."""

    url: str = ""
    """The Chroma server of its vectors; empty for its folder."""
    collection: str = ""
    """Its name there, if several machines share it."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move has copied."""

    documents: int
    chunks: int
    sources: int
    was_there: bool
    """Whether the place held all of it already."""
    note: str = ""
    """What could not be taken along."""


async def move(
    library: Library,
    root: Path,
    to: Place,
    *,
    force: bool = False,
    progress: Tell | None = None,
) -> Moved:
    """Copy a library. Nobody may write to it meanwhile; questions are answered.

    Args:
        library: The original.
        root: The folder of the library of one's own; a shared one has its cache below it.
        to: Where to.
        force: Replace what the folder holds, where that is another library.
        progress: Told how far it is.

    Raises:
        TargetNotEmpty: Something else is there.
        StoreFailed: The copy is not equal to the original; nothing has changed.
        InterruptedError: It was cancelled; run again, it goes on.
    """
    told = progress or (lambda _: None)

    def tell(step: Progress) -> None:
        if library._writer.stop.is_set():
            raise InterruptedError
        told(step)

    if to.collection:
        from knowledge.shared import arrival

        return await arrival.copy(library, root, to, tell)
    if not isinstance(library, SharedLibrary):
        return await library._write(lambda at: _within(library.root, at, to, tell))
    from knowledge.writer import Writer

    own = Writer(root)
    return await library._write(
        lambda at: own.locked(lambda: _out_of_shared(library, root, at, to, force, tell))
    )


def _within(root: Path, at: Shelf, to: Place, tell: Tell) -> Moved:
    """Have the vectors of a library of one's own in another place."""
    with as_kept(at) as kept:
        if kept.store.place == to.url:
            return replace(_moved(at.catalog), was_there=True)
        moved = _to_generation(root, kept, to, tell)
        if kept.store.place:
            # A server that does not answer keeps a collection that nothing names.
            with suppress(KnowledgeError):
                kept.store.clear()
    return moved


@contextmanager
def as_kept(at: Shelf) -> Iterator[Shelf]:
    """A generation with its vectors where they are, whatever the settings say by now."""
    place = at.catalog.meta("store") if at.catalog.meta("embedder") else at.store.place
    if place == at.store.place:
        yield at
        return
    kept = shelf.Shelf(at.base, partial(shelf.store_in, url=place))
    try:
        yield kept
    finally:
        kept.close()


def _out_of_shared(
    library: SharedLibrary, root: Path, at: Shelf, to: Place, force: bool, tell: Tell
) -> Moved:
    """Make a shared library's copy that of the folder."""
    base = shelf.current(root)
    if (base / "catalog.sqlite").exists() and (difference := _unlike(base, at, to)):
        if not force:
            raise TargetNotEmpty(
                f"The folder {root} holds a library already, and {difference}.",
                hint="The same command with --replace puts the shared one in its place.",
            )
    elif (base / "catalog.sqlite").exists():
        return replace(_moved(at.catalog), was_there=True)
    return _to_generation(root, at, to, tell)


def _unlike(base: Path, at: Shelf, to: Place) -> str | None:
    """What a library has that is in a folder, and this one has not; None where they are equal."""
    catalog = Catalog(base / "catalog.sqlite")
    there = catalog.meta("store") if catalog.meta("embedder") else to.url
    catalog.close()
    if there != to.url:
        return "its vectors are kept elsewhere"
    other = shelf.Shelf(base, partial(shelf.store_in, url=to.url))
    try:
        return _differs(at, other)
    finally:
        other.close()


def _to_generation(root: Path, at: Shelf, to: Place, tell: Tell) -> Moved:
    """Copy into a new generation of the library in a folder, and have it count."""
    name = f"moving-{hashlib.sha256(to.url.encode()).hexdigest()[:8]}"
    base = root / name
    for other in root.glob("moving-*"):
        if other != base:
            shutil.rmtree(other, ignore_errors=True)
    base.mkdir(exist_ok=True, mode=0o700)
    new = shelf.Shelf(base, partial(shelf.store_in, url=to.url))
    try:
        new.store.count()  # raises where the server does not answer, also if nothing has vectors
        take_back_vectors(new.catalog, new.store)
        _copy_documents(at, new, tell)
        _copy_sources(at, new)
        if (difference := _differs(at, new)) is not None:
            raise StoreFailed(
                f"The copy is not equal to the library: {difference}. Nothing has changed.",
                hint=f"Begin afresh: rm -r '{base}', and run the command again.",
            )
        moved = _moved(new.catalog)
    finally:
        new.close()
    ready = root / f"generation-{uuid.uuid4().hex[:12]}"
    os.rename(base, ready)
    shelf.switch(root, ready)
    return moved


def wanted(catalog: Catalog) -> list[str]:
    """The documents that a library's sources or tags name, in the order of their rows.

    Of passages that score the same, the first row's comes first: a copy is to keep that.
    """
    named = {entry.document_id for entry in catalog.sources.entries() if entry.document_id}
    named |= catalog.tags.documents()
    ordered = dict.fromkeys(doc for _, doc, _ in catalog.documents.chunk_keys(named))
    return [*ordered, *sorted(named - ordered.keys())]


def stored(at: Shelf, ids: Iterable[str]) -> list[tuple[Document, list[Chunk], Vectors | None]]:
    """Documents with their chunks and vectors, as they are stored; None for those without.

    Raises:
        StoreFailed: The store has lost some of them.
    """
    import numpy as np

    documents = at.catalog.documents
    bare = set(documents.unembedded())
    found = [(documents.get(doc), [chunk for chunk, _ in documents.chunks_of(doc)]) for doc in ids]
    names = [chunk.id for document, chunks in found if document.id not in bare for chunk in chunks]
    held, vectors = at.store.get(names)
    row = {name: n for n, name in enumerate(held)}
    if len(row) < len(names):
        raise StoreFailed(
            f"The vector store has lost {len(names) - len(row)} vectors.",
            hint="agent sync --rebuild makes them anew from the documents; then move it.",
        )
    none = np.zeros((0, vectors.shape[1]), dtype=np.float32)
    return [
        (
            document,
            chunks,
            None
            if document.id in bare
            else vectors[[row[chunk.id] for chunk in chunks]] if chunks else none,
        )
        for document, chunks in found
    ]  # fmt: skip


def _copy_documents(at: Shelf, new: Shelf, tell: Tell) -> None:
    ids = wanted(at.catalog)
    bare = set(at.catalog.documents.unembedded())
    there = new.catalog.documents
    # What was copied while it had no vectors yet is copied again.
    late = set(there.unembedded()) - bare
    missing = [doc for doc in ids if not there.has(doc) or doc in late]
    for key in ("embedder", "store"):
        value = new.store.place if key == "store" else at.catalog.meta(key)
        if at.catalog.meta("embedder"):
            new.catalog.set_meta(key, value)
    for i in range(0, len(missing), _PAGE):
        page = missing[i : i + _PAGE]
        tell(Progress("read", i, len(missing), "documents"))
        for document, chunks, vectors in stored(at, page):
            if vectors is not None:
                there.begin_vectors([(document.id, len(chunks))])
                new.store.put([chunk.id for chunk in chunks], vectors)
            there.put(document, chunks, embedded=vectors is not None, entries=())


def _copy_sources(at: Shelf, new: Shelf) -> None:
    """Have the sources of a library, what was added and taken out, and its tags."""
    old, here = at.catalog.sources, new.catalog.sources
    lists: tuple[Sequence[str], Sequence[str]] = old.paths("roots"), old.paths("excluded")
    here.change_paths("roots", drop=here.paths("roots"), add=[*lists[0], *_elsewhere(at)])
    here.change_paths("excluded", drop=here.paths("excluded"), add=lists[1])
    for tag in new.catalog.tags.all():
        new.catalog.tags.drop(tag.name)
    new.catalog.tags.take_over(at.catalog.tags)
    entries = old.entries()
    names = {entry.source for entry in entries}
    here.stage(entries)
    live = {entry.document_id for entry in entries if entry.document_id}
    picture = snapshot.build(new.catalog, new.store, new.snapshots, live)
    here.settle([entry.source for entry in here.entries() if entry.source not in names], picture)
    tidy(new.catalog, new.store, new.snapshots)


def _elsewhere(at: Shelf) -> list[str]:
    """Roots for what other nodes of this machine added; another's file is kept without one."""
    from knowledge.filters import under
    from knowledge.scan import is_foreign

    roots = at.catalog.sources.paths("roots")
    return sorted(
        {
            entry.root
            for entry in at.catalog.sources.entries()
            if not under(entry.source, roots) and not is_foreign(entry.source)
        }
    )


def _differs(at: Shelf, other: Shelf) -> str | None:
    """What of a library is not in another as it is in the first; None where they are equal."""
    import numpy as np

    if _entries(at.catalog) != _entries(other.catalog):
        return "its sources are others"
    ids = wanted(at.catalog)
    if set(ids) != set(wanted(other.catalog)):
        return "its documents are others"
    for i in range(0, len(ids), _PAGE):
        page = ids[i : i + _PAGE]
        try:
            copied = stored(other, page)
        except StoreFailed as error:
            return str(error)
        for (document, chunks, vectors), (text, cut, copy) in zip(
            stored(at, page), copied, strict=True
        ):
            if document != text or chunks != cut:
                return f"the text of document {document.id} is another"
            if (vectors is None) != (copy is None) or (
                vectors is not None and copy is not None and not np.array_equal(vectors, copy)
            ):
                return f"the vectors of document {document.id} are others"
    return None


def _entries(catalog: Catalog) -> list[Entry]:
    """The sources, but for when they were last looked at: that alone makes no other library."""
    return [replace(entry, indexed_at=0.0) for entry in catalog.sources.entries()]


def _moved(catalog: Catalog) -> Moved:
    documents, chunks, _ = catalog.documents.counts()
    return Moved(documents, chunks, len(catalog.sources.entries()), was_there=False)

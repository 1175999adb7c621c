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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import shelf, snapshot
from knowledge.catalog import Catalog
from knowledge.copying import PAGE, Tell, copy_documents, stored, wanted, without_vectors
from knowledge.errors import KnowledgeError, StoreFailed, TargetNotEmpty
from knowledge.shared.library import SharedLibrary
from knowledge.tidy import take_back_vectors, tidy

if TYPE_CHECKING:
    from knowledge.dense import DenseStore
    from knowledge.library import Library
    from knowledge.report import Progress
    from knowledge.shelf import Shelf
    from knowledge.sources import Entry


@dataclass(frozen=True, slots=True)
class Lists:
    """What a copy is to sync."""

    roots: list[str]
    """What was added to the library; sorted."""
    excluded: list[str]
    """What was taken out of that; sorted."""
    rootless: frozenset[str] = frozenset()
    """Sources that are kept as they are: under no root, since nobody here is known to have added
    them."""


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
    """What could not be taken along, or is left as it is there."""
    from_cache: bool = False
    """Whether the server could not be asked, so that it may be an old version."""


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
    from knowledge.shared import departure
    from knowledge.writer import Writer

    own = Writer(root)

    def work(at: Shelf) -> Moved:
        lists = departure.lists(library, at)
        moved = own.locked(lambda: _out_of_shared(root, at, to, lists, force, tell))
        return departure.with_rootless(moved, at, lists)

    return await departure.leave(library, work)


def _within(root: Path, at: Shelf, to: Place, tell: Tell) -> Moved:
    """Have the vectors of a library of one's own in another place."""
    with as_kept(at) as kept:
        if kept.store.place == to.url:
            give_up(root)
            return replace(_moved(at.catalog), was_there=True)
        sources = kept.catalog.sources
        lists = Lists(sources.paths("roots"), sources.paths("excluded"))
        moved = _to_generation(root, kept, to, lists, tell)
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
    root: Path, at: Shelf, to: Place, lists: Lists, force: bool, tell: Tell
) -> Moved:
    """Make a shared library's copy that of the folder."""
    base = shelf.current(root)
    if not (base / "catalog.sqlite").exists():
        return _to_generation(root, at, to, lists, tell)
    if (difference := _unlike(base, at, to, lists)) is None:
        give_up(root)
        return replace(_moved(at.catalog), was_there=True)
    if not force:
        raise TargetNotEmpty(
            f"The folder {root} holds a library already, and {difference}.",
            hint="The same command with --replace puts the shared one in its place.",
        )
    before = _away(base)
    try:
        moved = _to_generation(root, at, to, lists, tell)
        if before is not None:
            with suppress(KnowledgeError):
                before.clear()
    finally:
        if before is not None:
            before.close()
    return moved


def _unlike(base: Path, at: Shelf, to: Place, lists: Lists) -> str | None:
    """What a library has that is in a folder, and this one has not; None where they are equal."""
    catalog = Catalog(base / "catalog.sqlite")
    there = catalog.meta("store") if catalog.meta("embedder") else to.url
    catalog.close()
    if there != to.url:
        return "its vectors are kept elsewhere"
    other = shelf.Shelf(base, partial(shelf.store_in, url=to.url))
    try:
        return _differs(at, other, lists)
    finally:
        other.close()


def _away(base: Path) -> DenseStore | None:
    """The vectors of a generation, if they are on a server."""
    catalog = Catalog(base / "catalog.sqlite")
    try:
        url = catalog.meta("store")
    finally:
        catalog.close()
    return shelf.store_in(base, url) if url else None


def give_up(root: Path, *, but: Path | None = None) -> None:
    """Delete copies that were begun, and what of them is on a server that answers."""
    for begun in root.glob("moving-*"):
        if begun == but:
            continue
        with suppress(KnowledgeError):
            if (store := _away(begun)) is not None:
                try:
                    store.clear()
                finally:
                    store.close()
        shutil.rmtree(begun, ignore_errors=True)


def _to_generation(root: Path, at: Shelf, to: Place, lists: Lists, tell: Tell) -> Moved:
    """Copy into a new generation of the library in a folder, and have it count."""
    name = f"moving-{hashlib.sha256(to.url.encode()).hexdigest()[:8]}"
    base = root / name
    give_up(root, but=base)
    base.mkdir(exist_ok=True, mode=0o700)
    new = shelf.Shelf(base, partial(shelf.store_in, url=to.url))
    try:
        new.store.count()  # raises where the server does not answer, also if nothing has vectors
        take_back_vectors(new.catalog, new.store)
        ids = wanted(at.catalog)
        copy_documents(at, new, ids, tell)
        _copy_sources(at, new, lists)
        if (difference := _differs(at, new, lists)) is not None:
            raise StoreFailed(
                f"The copy is not equal to the library: {difference}. Nothing has changed.",
                hint=f"Begin afresh: rm -r '{base}', and run the command again.",
            )
        moved = replace(_moved(new.catalog), note=without_vectors(at, new, ids))
    finally:
        new.close()
    ready = root / f"generation-{uuid.uuid4().hex[:12]}"
    os.rename(base, ready)
    shelf.switch(root, ready)
    return moved


def _copy_sources(at: Shelf, new: Shelf, lists: Lists) -> None:
    """Have the sources of a library, what was added and taken out, and its tags."""
    here = new.catalog.sources
    here.change_paths("roots", drop=here.paths("roots"), add=lists.roots)
    here.change_paths("excluded", drop=here.paths("excluded"), add=lists.excluded)
    for tag in new.catalog.tags.all():
        new.catalog.tags.drop(tag.name)
    new.catalog.tags.take_over(at.catalog.tags)
    entries = _entries(at.catalog, lists)
    names = {entry.source for entry in entries}
    here.stage(entries)
    live = {entry.document_id for entry in entries if entry.document_id}
    picture = snapshot.build(new.catalog, new.store, new.snapshots, live)
    here.settle([entry.source for entry in here.entries() if entry.source not in names], picture)
    tidy(new.catalog, new.store, new.snapshots)


def _differs(at: Shelf, other: Shelf, lists: Lists) -> str | None:
    """What of a library is not in another as it is in the first; None where all is.

    That the other has vectors which the first has not, or not any more, is no difference.
    """
    import numpy as np

    here, there = _entries(at.catalog, lists), other.catalog.sources.entries()
    if [*map(_unstamped, here)] != [*map(_unstamped, there)]:
        return "its sources are others"
    sources = other.catalog.sources
    if (sources.paths("roots"), sources.paths("excluded")) != (lists.roots, lists.excluded):
        return "what was added to it, or taken out, is not the same"
    ids = wanted(at.catalog)
    if set(ids) != set(wanted(other.catalog)):
        return "its documents are others"
    for i in range(0, len(ids), PAGE):
        page = ids[i : i + PAGE]
        for (document, chunks, vectors), (text, cut, copy) in zip(
            stored(at, page), stored(other, page), strict=True
        ):
            if document != text or chunks != cut:
                return f"the text of document {document.id} is another"
            if vectors is not None and (copy is None or not np.array_equal(vectors, copy)):
                return f"the vectors of document {document.id} are others"
    return None


def _entries(catalog: Catalog, lists: Lists) -> list[Entry]:
    """The sources as the copy is to have them."""
    return [
        replace(entry, root="") if entry.source in lists.rootless else entry
        for entry in catalog.sources.entries()
    ]


def _unstamped(entry: Entry) -> Entry:
    """A source, but for when it was last looked at: that alone makes no other library."""
    return replace(entry, indexed_at=0.0)


def _moved(catalog: Catalog) -> Moved:
    documents, chunks, _ = catalog.documents.counts()
    return Moved(documents, chunks, len(catalog.sources.entries()), was_there=False)

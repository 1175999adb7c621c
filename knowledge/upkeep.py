"""What changes a library without reading its sources: remove, tags, and the frame of a rebuild."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import shelf, snapshot
from knowledge.errors import KnowledgeError, SourceNotFound
from knowledge.filters import is_url, named, under
from knowledge.tidy import tidy

if TYPE_CHECKING:
    from knowledge.dense import DenseStore
    from knowledge.shelf import Shelf

BEFORE_ROLLBACK = "before-rollback"
"""The tag under which a rollback keeps what it replaces."""


def remove(at: Shelf, names: Sequence[str]) -> tuple[str, ...]:
    """See `Library.remove`."""
    entries, staged = at.catalog.sources.entries(), at.catalog.sources.staged()
    roots = at.catalog.sources.paths("roots")
    gone, lost = named(names, [entry.source for entry in (*entries, *staged)], roots)
    kept = [root for root in roots if root not in lost]
    live = {e.document_id for e in entries if e.document_id and e.source not in gone}
    at.catalog.sources.forget(
        gone,
        roots=lost,
        exclude=[source for source in gone if under(source, kept)],
        snapshot=snapshot.build(at.catalog, at.store, at.snapshots, live),
    )
    tidy(at.catalog, at.store, at.snapshots)
    return tuple(sorted(gone))


def untag(at: Shelf, name: str) -> None:
    """See `Library.untag`."""
    _known_tag(at, name)
    at.catalog.tags.drop(name)
    tidy(at.catalog, at.store, at.snapshots)


def roll_back(at: Shelf, name: str) -> None:
    """See `Library.roll_back`."""
    _known_tag(at, name)
    if name != BEFORE_ROLLBACK:
        at.catalog.tags.put(BEFORE_ROLLBACK)
    live = at.catalog.tags.documents(name)
    at.catalog.tags.restore(name, snapshot.build(at.catalog, at.store, at.snapshots, live))
    tidy(at.catalog, at.store, at.snapshots)


def begin_rebuild(root: Path, old: Shelf, make_store: Callable[[Path], DenseStore]) -> Shelf:
    """A generation without sources, with what the user added, took out and tagged.

    Raises:
        SourceNotFound: A path that was added is missing: a rebuild would forget what is in it.
    """
    roots = old.catalog.sources.paths("roots")
    for path in roots:
        if not is_url(path) and not os.path.lexists(path):
            raise SourceNotFound(
                f"{path} is missing; a rebuild would forget what was read from it.",
                hint=f"Bring it back, or let it go: agent remove '{path}'",
            )
    new = shelf.Shelf(shelf.begin(root), make_store)
    new.catalog.sources.change_paths("roots", add=roots)
    new.catalog.sources.change_paths("excluded", add=old.catalog.sources.paths("excluded"))
    new.catalog.tags.take_over(old.catalog.tags)
    return new


def end_rebuild(root: Path, old: Shelf, new: Shelf) -> None:
    """Make a whole generation count, and let the old one go."""
    shelf.switch(root, new.base)
    if old.store.place:
        # A server that does not answer keeps a collection that nothing names.
        with suppress(KnowledgeError):
            old.store.clear()


def _known_tag(at: Shelf, name: str) -> None:
    if name not in {tag.name for tag in at.catalog.tags.all()}:
        raise SourceNotFound(
            f"The library has no tag {name}.", hint="agent library list shows its tags."
        )

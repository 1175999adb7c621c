"""A shared library as what is copied: brought up to its log, or as the cache last knew it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from shlex import quote
from typing import TYPE_CHECKING, cast

from knowledge import snapshot
from knowledge.errors import LibraryCorrupt, StoreFailed, StoreUnreachable
from knowledge.filters import under
from knowledge.library import Library
from knowledge.scan import is_foreign
from knowledge.shared.follow import in_our_words
from knowledge.shared.state import State

if TYPE_CHECKING:
    from knowledge.dense import DenseStore, Vectors
    from knowledge.move import Lists, Moved
    from knowledge.shared.cache import Share
    from knowledge.shared.library import SharedLibrary
    from knowledge.shared.log import SharedLog
    from knowledge.shelf import Shelf
    from knowledge.types import Chunk, Document

_PAGE = 50
_NAMED = 3
"""Paths that a note names."""


class _AnyVectors:
    """A shared library's vectors, as `DenseStore` gives them: the server's, or the picture's."""

    def __init__(self, at: Shelf, *, server: bool) -> None:
        """Of an open cache; `server` says whether to ask the server at all."""
        self._server = at.store if server else None
        self._pictured = _pictured(at)

    def get(self, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """See `DenseStore`."""
        import numpy as np

        found: dict[str, Vectors] = {}
        if self._server is not None:
            found = dict(zip(*self._server.get(ids), strict=True))
        for name in ids:
            document, _, ordinal = name.rpartition(":")
            if name not in found and document in self._pictured:
                found[name] = self._pictured[document][int(ordinal)]
        vectors = np.stack([*found.values()]) if found else np.zeros((0, 0), dtype=np.float32)
        return [*found], vectors


def _pictured(at: Shelf) -> dict[str, Vectors]:
    """The vectors of the documents in a cache's picture, by document, in their chunks' order."""
    import numpy as np

    picture = snapshot.open_current(at.catalog, at.snapshots)
    if picture is None or picture.embedder != at.catalog.meta("embedder"):
        return {}
    stored = at.catalog.documents.first_rows()
    found: dict[str, Vectors] = {}
    for part in picture.parts:
        held = part.segment
        if held.vectors is None:
            continue
        ends = np.searchsorted(held.owners, np.arange(len(held.documents)), side="right").tolist()
        for (document, embedded), row, (start, end) in zip(
            held.documents.items(), held.first_rows(), pairwise([0, *ends]), strict=True
        ):
            # One that was cut anew since then has other rows.
            if embedded and part.live[start] and stored.get(document) == row:
                found[document] = held.vectors[start:end]
    return found


async def leave(
    library: SharedLibrary, work: Callable[[Shelf], Moved], *, hidden: bool = False
) -> Moved:
    """Copy a shared library, also where its server is gone, or has lost it.

    Args:
        library: The original.
        work: Copies what it is given.
        hidden: Have what sources name that others hide in what is given, too.

    Raises:
        StoreUnreachable: The server does not answer, and nothing was ever read from it.
    """

    def do(at: Shelf) -> Moved:
        share = library._share(at)
        try:
            with in_our_words():
                share.pull()
                if hidden:
                    _fetch_hidden(share)
        except (StoreUnreachable, StoreFailed, LibraryCorrupt) as error:
            if not (version := share.state.version()):
                raise
            moved = work(_readable(at, server=False))
            said = f"This is version {version}, from this machine's cache: {error}"
            return replace(moved, note=f"{said} {moved.note}".rstrip(), from_cache=True)
        return work(_readable(at, server=True))

    # Not the shared library's own: that does nothing where the server does not answer.
    return await Library._write(library, do)


def _readable(at: Shelf, *, server: bool) -> Shelf:
    """A cache with all the vectors that can be had."""
    readable = copy.copy(at)
    # Who copies only reads.
    readable.store = cast("DenseStore", _AnyVectors(at, server=server))
    return readable


def lists(library: SharedLibrary, at: Shelf) -> Lists:
    """What a copy in a folder of this machine is to sync: what was added through that folder.

    All else is kept as it is. That it was added through another folder of this machine, only the
    log says: whoever may write there could so have this machine read any of its files.
    """
    from knowledge.move import Lists

    sources = at.catalog.sources
    entries = sources.entries()
    view = State(at.catalog.database, library._node).view()
    here = {node.id for node in view.nodes.values() if node.machine == library._node.machine}
    out = {path for node, name, path in view.paths if name == "excluded" and node in here}
    # What one node has taken out another may hold all the same.
    out = (out | set(sources.paths("excluded"))) - {entry.source for entry in entries}
    roots = sources.paths("roots")
    rootless = frozenset(
        entry.source
        for entry in entries
        if not under(entry.source, roots) and not is_foreign(entry.source)
    )
    return Lists(roots, sorted(out), rootless)


def with_rootless(moved: Moved, at: Shelf, lists: Lists) -> Moved:
    """What a move has copied, with a note that names what nobody is going to sync there."""
    entries = at.catalog.sources.entries()
    kept = [entry for entry in entries if entry.source in lists.rootless]
    # One that came here with a copy had no root there either.
    if not (roots := sorted({entry.root or entry.source for entry in kept})):
        return moved
    note = (
        f"Kept as it is, and not synced there: {', '.join(roots[:_NAMED])}"
        f"{' …' if len(roots) > _NAMED else ''}. By the log it was added on this machine, but not"
        f" to this copy's library. To have it synced there: agent add {quote(roots[0])}"
    )
    return replace(moved, note=f"{moved.note} {note}".strip())


def _fetch_hidden(share: Share) -> None:
    """Have in the cache what sources name that others of the same name hide.

    They come to light once the others are gone, so a copy must have them.
    """
    view, documents = share.state.view(), share.catalog.documents
    named = {entry.document_id for entry in view.claims.values() if entry.document_id}
    hidden = [(doc, view.epoch(doc)) for doc in sorted(named) if not documents.has(doc)]
    for i in range(0, len(hidden), _PAGE):
        for document, chunks in _texts(share.log, hidden[i : i + _PAGE]):
            embedded = view.documents.get(document.id, False)
            documents.put(document, chunks, embedded=embedded, entries=())
            share.state.note_copies([(document.id, view.epoch(document.id), len(chunks))])


def _texts(log: SharedLog, wanted: Sequence[tuple[str, int]]) -> list[tuple[Document, list[Chunk]]]:
    """Documents by id and epoch, without those that the server has lost."""
    try:
        return log.documents(wanted)
    except LibraryCorrupt:
        if len(wanted) == 1:
            return []
        return [found for one in wanted for found in _texts(log, [one])]

"""Copy a library into a shared one that is still empty; what `knowledge.move` does there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.copying import PAGE, Tell, copy_documents, in_order, stored, without_vectors
from knowledge.errors import LibraryBusy, StoreFailed, TargetNotEmpty
from knowledge.shared import departure
from knowledge.shared.library import SharedLibrary
from knowledge.shared.state import State
from knowledge.shared.view import TEXT_IS_LOST
from knowledge.shared.wire import Changes

if TYPE_CHECKING:
    from knowledge.library import Library
    from knowledge.move import Moved, Place
    from knowledge.shared.cache import Share
    from knowledge.shelf import Shelf
    from knowledge.sources import Entry


async def copy(library: Library, root: Path, to: Place, tell: Tell) -> Moved:
    """See `knowledge.move.move`.

    Raises:
        TargetNotEmpty: The shared library holds something else.
        StoreFailed: The copy is not equal to the original.
    """
    from knowledge.move import as_kept, give_up
    from knowledge.writer import Writer

    node = library._node if isinstance(library, SharedLibrary) else None
    target = SharedLibrary.at(root, to.url, to.collection, embedder=None, node=node)
    try:
        if target.root == library.root:

            def stay(at: Shelf) -> Moved:
                Writer(root).locked(lambda: give_up(root))
                return _counted(at, was_there=True)

            return await library._write(stay)

        def work(at: Shelf) -> Moved:
            return target._writer.locked(lambda: _arrive(library, at, target, tell))

        def own(at: Shelf) -> Moved:
            with as_kept(at) as kept:
                return work(kept)

        if isinstance(library, SharedLibrary):
            return await departure.leave(library, work, hidden=True)
        return await library._write(own)
    finally:
        target.close()


def _arrive(library: Library, at: Shelf, target: SharedLibrary, tell: Tell) -> Moved:
    with target._shelves.use() as cache:
        share = target._share(cache)
        share.pull()
        commits = _commits(library, at, share)
        _refuse_others(share, commits)
        past = _Past.of(share)
        kept_there = {key for changes in commits for key in past.known_better(share, changes)}
        documents = in_order(
            at.catalog,
            {
                entry.document_id
                for changes in commits
                for entry in changes.claims
                if entry.document_id and (changes.node.id, entry.source) not in kept_there
            },
        )
        copy_documents(at, cache, documents, tell, share)
        _compare(at, share, documents)
        was_there = True
        for changes in commits:
            # Another machine may have swept, meanwhile, what it had begun to store here.
            copy_documents(at, cache, documents, tell, share)
            view = share.state.view()
            # Nothing is swept: what later commits name is there already.
            new = replace(share.swept(view, past.news(share, changes)), swept=())
            if not new:
                continue
            was_there = False
            if not share.log.commit(view.version + 1, new):
                raise LibraryBusy(
                    "Another machine is writing to the shared library.",
                    hint="Let the move end before others use the library; run it again.",
                )
            share.pull()
        # What was added here is synced from there on, and so stands in the list of what was added
        # to that library on this machine. Others cannot be told what theirs is but by the log.
        own = share.state.view().listed(share.node.id, "roots")
        share.catalog.sources.change_paths(
            "roots", add=[path for path in at.catalog.sources.paths("roots") if path in own]
        )
        notes = [without_vectors(at, cache, documents)]
        share.tidy()
    if kept_there:
        notes.append(
            f"{len(kept_there):,} of its sources stay as they are there: read again there, or taken"
            " out, perhaps with all of their folder."
        )
    if at.catalog.tags.all():
        notes.append("Its tags stay behind: a shared library has none.")
    return replace(_counted(at, was_there=was_there), note=" ".join(filter(None, notes)))


def _commits(library: Library, at: Shelf, share: Share) -> list[Changes]:
    """What the library is, a commit for each node: of a library of one's own, for this one."""
    if isinstance(library, SharedLibrary):
        view = State(at.catalog.database, library._node).view()
        return [
            Changes(
                node,
                tuple(
                    _with_text(at, entry)
                    for (owner, _), entry in sorted(view.claims.items())
                    if owner == node.id
                ),
                paths=tuple((*path, True) for path in sorted(view.paths) if path[0] == node.id),
            )
            for node in view.nodes.values()
        ]
    sources, node = at.catalog.sources, share.node
    paths = [(node.id, "roots", path, True) for path in sources.paths("roots")]
    paths += [(node.id, "excluded", path, True) for path in sources.paths("excluded")]
    return [Changes(node, tuple(sources.entries()), paths=tuple(paths))]


def _with_text(at: Shelf, entry: Entry) -> Entry:
    """A source as it is copied: where its text is lost, its own machine is to read it again."""
    if not entry.document_id or at.catalog.documents.has(entry.document_id):
        return entry
    return replace(entry, document_id=None, digest="", reason=TEXT_IS_LOST)


@dataclass(frozen=True, slots=True)
class _Past:
    """What a shared library has ever named: what of that is gone was let go of there."""

    claims: frozenset[tuple[str, str]]
    paths: frozenset[tuple[str, str, str]]

    @classmethod
    def of(cls, share: Share) -> _Past:
        log = share.log.since(0, "") if share.state.version() else []
        return cls(
            frozenset((past.node.id, entry.source) for past in log for entry in past.claims),
            frozenset(path[:3] for past in log for path in past.paths),
        )

    def known_better(self, share: Share, changes: Changes) -> list[tuple[str, str]]:
        """Sources that are to stay as they are there: looked at later, or let go of."""
        view, node = share.state.view(), changes.node.id
        # What was new since then in a folder that was taken out went with it.
        left = {path[2] for path in self.paths - view.paths if path[:2] == (node, "roots")}
        return [
            (node, entry.source)
            for entry in changes.claims
            if self._is_better(view.claims.get((node, entry.source)), node, entry, left)
        ]

    def news(self, share: Share, changes: Changes) -> Changes:
        """Of a commit, what is not there and was not let go of there."""
        view = share.state.view()
        better = set(self.known_better(share, changes))
        return replace(
            changes,
            claims=tuple(
                entry
                for entry in changes.claims
                if (changes.node.id, entry.source) not in better
                and not _is_same(view.claims.get((changes.node.id, entry.source)), entry)
            ),
            paths=tuple(
                path
                for path in changes.paths
                if path[:3] not in view.paths and path[:3] not in self.paths
            ),
        )

    def _is_better(
        self, there: Entry | None, node: str, entry: Entry, left: Collection[str]
    ) -> bool:
        if there is None:
            return (node, entry.source) in self.claims or entry.root in left
        return there.indexed_at > entry.indexed_at and not _is_same(there, entry)


def _is_same(there: Entry | None, entry: Entry) -> bool:
    """Whether an entry is as it is there, but for when it was last looked at."""
    return there is not None and replace(there, indexed_at=entry.indexed_at) == entry


def _refuse_others(share: Share, commits: Sequence[Changes]) -> None:
    """A library that others fill is added to, on each machine, and not moved to."""
    # What their own nodes have there and no longer here is theirs to drop.
    arriving = {changes.node.id for changes in commits}
    if strangers := sum(node not in arriving for node, _ in share.state.view().claims):
        raise TargetNotEmpty(
            f"The shared library holds {strangers:,} sources that others have added to it.",
            hint="Take another name (--collection NAME); or set chroma_url and chroma_collection,"
            " and type agent add PATH to add your files to what is there.",
        )


def _compare(at: Shelf, share: Share, documents: Sequence[str]) -> None:
    """Read all back from the server, and compare it to the bit."""
    import numpy as np

    epochs = share.store.epochs
    for i in range(0, len(documents), PAGE):
        page = documents[i : i + PAGE]
        kept = share.log.documents([(doc, epochs.get(doc, 0)) for doc in page])
        for (document, chunks, vectors), (text, cut) in zip(stored(at, page), kept, strict=True):
            names = [chunk.id for chunk in chunks]
            found, copied = share.store.get(names if vectors is not None else [])
            order = {name: n for n, name in enumerate(found)}
            same = vectors is None or (
                len(order) == len(names)
                and np.array_equal(vectors, copied[[order[name] for name in names]])
            )
            if document != text or chunks != cut or not same:
                raise StoreFailed(
                    f"Document {document.id} on the server is not equal to the library's;"
                    " nothing has changed.",
                    hint="Take another name: --collection NAME",
                )


def _counted(at: Shelf, *, was_there: bool) -> Moved:
    from knowledge.move import Moved

    documents, chunks, _ = at.catalog.documents.counts()
    return Moved(documents, chunks, len(at.catalog.sources.entries()), was_there)

"""Copy a library into a shared one that is still empty; what `knowledge.move` does there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import LibraryBusy, StoreFailed, TargetNotEmpty
from knowledge.report import Progress
from knowledge.shared.library import SharedLibrary
from knowledge.shared.state import State
from knowledge.shared.wire import Changes

if TYPE_CHECKING:
    from knowledge.library import Library
    from knowledge.move import Moved, Place
    from knowledge.shared.cache import Share
    from knowledge.shelf import Shelf

_PAGE = 50


async def copy(library: Library, root: Path, to: Place, tell: Callable[[Progress], None]) -> Moved:
    """See `knowledge.move.move`.

    Raises:
        TargetNotEmpty: The shared library holds something else.
        StoreFailed: The copy is not equal to the original.
    """
    from knowledge.move import as_kept

    node = library._node if isinstance(library, SharedLibrary) else None
    target = SharedLibrary.at(root, to.url, to.collection, embedder=None, node=node)
    try:
        if target.root == library.root:
            return await library._write(lambda at: _counted(at, was_there=True))

        def work(at: Shelf) -> Moved:
            with as_kept(at) as kept:
                return target._writer.locked(lambda: _arrive(library, kept, target, tell))

        return await library._write(work)
    finally:
        target.close()


def _arrive(
    library: Library, at: Shelf, target: SharedLibrary, tell: Callable[[Progress], None]
) -> Moved:
    with target._shelves.use() as cache:
        share = target._share(cache)
        share.pull()
        commits = list(_commits(library, at, share))
        _refuse_others(share, commits)
        _copy_documents(at, share, tell)
        _compare(at, share)
        was_there = True
        for changes in commits:
            view = share.state.view()
            # Nothing is swept: what later commits name is there already.
            whole = replace(share.swept(view, changes), swept=())
            known = all(view.claims.get((changes.node.id, e.source)) == e for e in changes.claims)
            if known and not whole.documents and {p[:3] for p in changes.paths} <= view.paths:
                continue
            was_there = False
            # Another machine may have swept, meanwhile, what it had begun to store here.
            _copy_documents(at, share, tell)
            if not share.log.commit(view.version + 1, whole):
                raise LibraryBusy(
                    "Another machine is writing to the shared library.",
                    hint="Let the move end before others use the library; run it again.",
                )
            share.pull()
        # What was added here is synced from there on; others get theirs back from the log.
        own = share.state.view().listed(share.node.id, "roots")
        share.catalog.sources.change_paths(
            "roots", add=[path for path in at.catalog.sources.paths("roots") if path in own]
        )
        share.tidy()
    note = "Its tags stay behind: a shared library has none." if at.catalog.tags.all() else ""
    return replace(_counted(at, was_there=was_there), note=note)


def _commits(library: Library, at: Shelf, share: Share) -> list[Changes]:
    """What the library is, a commit for each node: of a library of one's own, for this one."""
    if isinstance(library, SharedLibrary):
        view = State(at.catalog.database, library._node).view()
        return [
            Changes(
                node,
                tuple(e for (owner, _), e in sorted(view.claims.items()) if owner == node.id),
                paths=tuple((*path, True) for path in sorted(view.paths) if path[0] == node.id),
            )
            for node in view.nodes.values()
        ]
    sources, node = at.catalog.sources, share.node
    paths = [(node.id, "roots", path, True) for path in sources.paths("roots")]
    paths += [(node.id, "excluded", path, True) for path in sources.paths("excluded")]
    return [Changes(node, tuple(sources.entries()), paths=tuple(paths))]


def _refuse_others(share: Share, commits: list[Changes]) -> None:
    """A library that others fill is added to, on each machine, and not moved to."""
    arriving = {(changes.node.id, entry.source) for changes in commits for entry in changes.claims}
    if strangers := set(share.state.view().claims) - arriving:
        raise TargetNotEmpty(
            f"The shared library holds {len(strangers)} sources that this one does not.",
            hint="Take another name (--collection NAME); or set chroma_url and chroma_collection,"
            " and type agent add PATH to add your files to what is there.",
        )


def _copy_documents(at: Shelf, share: Share, tell: Callable[[Progress], None]) -> None:
    from knowledge.move import stored, wanted

    catalog, copies, epochs = share.catalog, share.state.copies(), share.store.epochs
    bare = set(at.catalog.documents.unembedded())
    missing = [
        doc
        for doc in wanted(at.catalog)
        if copies.get(doc, (-1, 0))[0] != epochs.get(doc, 0)
        or not catalog.documents.has(doc)
        or (doc not in bare and doc in set(catalog.documents.unembedded()))
    ]
    if embedder := at.catalog.meta("embedder"):
        share.sign(embedder)
        catalog.set_meta("embedder", embedder)
        catalog.set_meta("store", share.store.place)
    for i in range(0, len(missing), _PAGE):
        tell(Progress("read", i, len(missing), "documents"))
        page = stored(at, missing[i : i + _PAGE])
        share.put([(document, chunks) for document, chunks, _ in page])
        for document, chunks, vectors in page:
            if vectors is not None:
                share.store.put([chunk.id for chunk in chunks], vectors)
            catalog.documents.put(document, chunks, embedded=vectors is not None, entries=())


def _compare(at: Shelf, share: Share) -> None:
    """Read all back from the server, and compare it to the bit."""
    import numpy as np

    from knowledge.move import stored, wanted

    ids, epochs = wanted(at.catalog), share.store.epochs
    for i in range(0, len(ids), _PAGE):
        page = ids[i : i + _PAGE]
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

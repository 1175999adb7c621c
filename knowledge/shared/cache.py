"""One node's hold on a shared library: its cache follows the log, and its syncs become commits.

The order of a commit is what makes it safe. Texts, then vectors are stored under names that no
commit names yet; the commit comes last. A writer killed before it leaves what only its own cache
knows of, which its next sync commits or sweeps. What no source names any more is *swept* by the
very commit that stops naming it, and deleted only afterwards: another node that is about to name
the same document has to take the next number, so it reads of the sweep first, and stores the
document anew under a name (`store.stored_id`) that the deletion does not touch. So no clock and no
age decides what may be deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import snapshot
from knowledge.errors import LibraryBusy
from knowledge.search import mismatch
from knowledge.shared import checkpoint
from knowledge.shared.pull import PAGE, TRIES, Pull
from knowledge.shared.wire import Changes

if TYPE_CHECKING:
    from knowledge.catalog import Catalog
    from knowledge.shared.log import SharedLog
    from knowledge.shared.node import Node
    from knowledge.shared.own import OwnList
    from knowledge.shared.state import State
    from knowledge.shared.store import EpochStore
    from knowledge.shared.view import View
    from knowledge.sources import Entry
    from knowledge.types import Chunk, Document

_STEP = 5.0
"""Seconds between two looks at the log during a sync."""
_TIDY = 3600.0
"""Seconds for which a cache that is only read keeps documents that are gone."""


@dataclass(slots=True)
class Share:
    """For whoever holds the write lock of the cache, but for `moved`."""

    catalog: Catalog
    store: EpochStore
    log: SharedLog
    state: State
    snapshots: Path
    node: Node
    own_list: OwnList
    _pull: Pull = field(init=False)
    _looked: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        """What follows the log has the same parts."""
        self._pull = Pull(
            self.catalog, self.store, self.log, self.state,
            self.snapshots, self.node, self.own_list,
        )  # fmt: skip

    # reading

    def moved(self) -> bool:
        """Whether the log has gone on since the cache was brought up to it. One request."""
        return self._pull.moved()

    def pull(self) -> None:
        """Bring the cache up to the log; see `Pull.run`."""
        self._looked = time.monotonic()
        self._pull.run()

    def keep_list(self) -> None:
        """Write down what was added on this machine, beside the cache."""
        # What is not made yet knows of nothing.
        if self.state.version():
            paths = self.catalog.sources.paths
            self.own_list.write(paths("roots"), paths("excluded"))

    def forgotten(self) -> list[str]:
        """What this machine had added, as the log has it, and does not know of; sorted."""
        there = self.state.view().listed(self.node.id, "roots")
        return sorted(there - set(self.catalog.sources.paths("roots")))

    # a sync, in the order in which `knowledge.sync` asks

    def begin(self) -> None:
        """Make ready for a sync."""
        self.state.forget_journal()
        self.pull()
        self.keep_list()
        self.tidy_here()

    def own(self) -> list[Entry]:
        """This node's sources: no sync scans, or drops, another's."""
        # Two machines that cannot be told apart are one node; each has its own roots all the same.
        roots = set(self.catalog.sources.paths("roots"))
        there = self.catalog.documents.has
        return [
            # What the server has lost is read again: nobody else has the file.
            replace(entry, document_id=None, digest="")
            if entry.document_id and not there(entry.document_id)
            else entry
            for entry in self.state.view().own()
            if entry.root in roots
        ]

    def sign(self, embedder: str) -> None:
        """Say whose vectors are about to be stored, before any is.

        Raises:
            EmbedderMismatch: The library holds another's.
        """
        if (stored := self.log.embedder(embedder)) != embedder:
            raise mismatch(stored, embedder)

    def put(self, documents: Sequence[tuple[Document, list[Chunk]]]) -> list[list[Chunk]]:
        """Store the texts of documents on the server; gives for each the chunks that count."""
        epochs = self.store.epochs
        self.state.note_copies(
            (
                (document.id, epochs.get(document.id, 0), len(chunks))
                for document, chunks in documents
            ),
            whole=False,
        )
        counted: list[list[Chunk]] = []
        for i in range(0, len(documents), PAGE):
            page = documents[i : i + PAGE]
            counted += self.log.put_documents([(d, c, epochs.get(d.id, 0)) for d, c in page])
        self.state.note_copies(
            (document.id, epochs.get(document.id, 0), len(chunks))
            for (document, _), chunks in zip(documents, counted, strict=True)
        )
        return counted

    def step(self) -> None:
        """During a long sync, let readers have what others commit meanwhile."""
        if time.monotonic() - self._looked > _STEP and self.moved():
            self.pull()

    def publish(self, gone: Sequence[str], embed_missing: Callable[[], None]) -> None:
        """Commit what the sync has staged, and bring the cache up to it.

        Args:
            gone: This node's sources that are no longer there.
            embed_missing: Gives vectors to what the catalogue holds without.
        """
        self.state.unstage(gone)

        def changes(view: View) -> Changes:
            # What others have swept meanwhile is not to be given vectors again.
            self.tidy_here()
            self._store_staged(view)
            embed_missing()
            return self._changes(view, gone)

        self.commit(changes)
        self.state.restamp(self.catalog.sources.staged())

    def commit(self, changes: Callable[[View], Changes]) -> None:
        """Append a commit of what there is to change in the version that it follows.

        Raises:
            LibraryBusy: Others were faster every time.
        """
        for _ in range(TRIES):
            self.pull()
            view = self.state.view()
            wanted = changes(view)
            if not wanted:
                break
            if self.log.commit(view.version + 1, wanted):
                self.pull()
                checkpoint.keep(self.log, view.version, self.state)
                break
        else:
            raise LibraryBusy(
                "Other machines are writing to the shared library without a pause.",
                hint="Run the command again; it goes on where it stopped.",
            )
        self.tidy()

    def _store_staged(self, view: View) -> None:
        """Have on the server, under the names that count, what the commit is going to name."""
        copies = self.state.copies()
        staged = {entry.document_id for entry in self.catalog.sources.staged()}
        # What a commit has named and none has swept is there already.
        for doc in sorted(doc for doc in staged if doc is not None and doc not in view.documents):
            if copies.get(doc, (-1, 0))[0] != view.epoch(doc):
                document = self.catalog.documents.get(doc)
                chunks = [chunk for chunk, _ in self.catalog.documents.chunks_of(doc)]
                (counted,) = self.put([(document, chunks)])
                if counted != chunks:
                    self.catalog.documents.put(document, counted, embedded=False, entries=())

    def _changes(self, view: View, gone: Sequence[str]) -> Changes:
        """What the staged sources, and those that are gone, change in a version."""
        me = self.node.id
        claims = []
        roots, out = (set(self.catalog.sources.paths(name)) for name in ("roots", "excluded"))
        lost = {entry.source for entry in self.catalog.sources.entries() if not entry.document_id}
        for entry in self.catalog.sources.staged():
            # Another machine may have taken it out while the sync was reading it.
            if entry.root not in roots or entry.source in out:
                continue
            known = view.claims.get((me, entry.source))
            again = entry.document_id is not None and entry.source in lost
            if known is None or again or replace(known, indexed_at=entry.indexed_at) != entry:
                claims.append(entry)
        left = tuple((me, source) for source in gone if (me, source) in view.claims)
        added, left_out = view.listed(me, "roots"), view.listed(me, "excluded")
        # That a root is gone is said by who removes it.
        paths = [(me, "roots", path, True) for path in sorted(roots - added)]
        paths += [(me, "excluded", path, path in out) for path in sorted(out ^ left_out)]
        return self.swept(view, Changes(self.node, tuple(claims), left, paths=tuple(paths)))

    def swept(self, view: View, changes: Changes) -> Changes:
        """Changes, with what follows from them: documents named anew, and no longer named."""
        after = dict(view.claims)
        after |= {(changes.node.id, entry.source): entry for entry in changes.claims}
        for key in changes.gone:
            after.pop(key, None)
        named = {entry.document_id for entry in after.values() if entry.document_id}
        # What a sync that was interrupted has staged, the next one is going to name.
        kept = named | {entry.document_id for entry in self.catalog.sources.staged()}
        bare = set(self.catalog.documents.unembedded())
        fresh = {entry.document_id for entry in changes.claims if entry.document_id}
        documents = {
            doc: doc not in bare
            for doc in sorted(fresh)
            if doc not in view.documents or (doc not in bare and not view.documents[doc])
        }
        # What was given vectors since, also by a sync that was interrupted before it could say so.
        late = (doc for doc, there in view.documents.items() if not there and doc in named)
        documents |= {
            doc: True for doc in sorted(late) if doc not in bare and self.catalog.documents.has(doc)
        }
        swept = tuple(
            (doc, epoch, chunks)
            for doc, epoch, chunks in self.state.begun()
            if doc not in kept and epoch == view.epoch(doc)
        )
        return replace(changes, documents=documents, swept=swept)

    # clearing away

    def tidy(self) -> None:
        """Delete on the server what this node has swept, and here what nothing names."""
        if doomed := self.state.doomed():
            self.store.erase(doomed)
            self.log.erase(doomed)
            self.state.not_doomed(doomed)
        self.keep_list()
        self.tidy_here()

    def tidy_here(self, *, seldom: bool = False) -> None:
        """Clear away in the cache; `seldom`, only if that was long ago."""
        last = float(self.catalog.meta("tidied", "0"))
        if seldom and 0 <= time.time() - last < _TIDY:
            snapshot.clear_others(self.catalog, self.snapshots)
            return
        self.catalog.set_meta("tidied", str(time.time()))
        self.catalog.documents.drop_orphans()
        self.state.forget_journal()
        self.state.forget_copies()
        snapshot.clear_others(self.catalog, self.snapshots)

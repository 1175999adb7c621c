"""A cache brought up to the log of a shared library: texts, claims and a picture of its own.

What others have committed is taken in whole or not at all; until then readers have the version
before. Texts or vectors that the server has lost make a version without them: a sync of whoever has
the file makes them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import snapshot
from knowledge.errors import KnowledgeError, LibraryCorrupt, StoreFailed, StoreUnreachable
from knowledge.shared import checkpoint
from knowledge.types import chunk_id

if TYPE_CHECKING:
    from knowledge.catalog import Catalog
    from knowledge.shared.log import SharedLog
    from knowledge.shared.node import Node
    from knowledge.shared.own import OwnList
    from knowledge.shared.state import State
    from knowledge.shared.store import EpochStore
    from knowledge.shared.view import View
    from knowledge.shared.wire import Changes
    from knowledge.types import Chunk, Document

TRIES = 100
"""How often a commit or a pull is tried while others commit: each loss means that one won."""
PAGE = 100
"""Documents read from the server, or written to it, at once."""


@dataclass(frozen=True, slots=True)
class Pull:
    """For whoever holds the write lock of the cache, but for `moved`."""

    catalog: Catalog
    store: EpochStore
    log: SharedLog
    state: State
    snapshots: Path
    node: Node
    own_list: OwnList

    def moved(self) -> bool:
        """Whether the log has gone on since the cache was brought up to it. One request."""
        return self.log.moved(self.state.version(), self.state.token())

    def run(self) -> None:
        """Do it; readers go from one version to the next at once.

        Raises:
            StoreUnreachable: The server does not answer; the cache is as it was.
            LibraryCorrupt: The log is damaged.
        """
        for last in range(TRIES - 1, -1, -1):
            before = self.state.view()
            view, commits = self._start(before)
            whole = snapshot.open_current(self.catalog, self.snapshots) is not None
            self.store.epochs = before.swept
            if not commits and view.version == before.version and (whole or not view.version):
                return
            before.lost = before.live() - {e.document_id for e in self.catalog.sources.entries()}
            view.apply(commits)
            self.store.epochs = view.swept
            try:
                changed = self._take_in(before, view)
                picture = self.catalog.meta("snapshot")
                if changed or not whole or self.catalog.meta("dirty"):
                    picture = self._build(view)
            except StoreUnreachable:
                raise
            except KnowledgeError:
                # What a commit names may have been swept, and deleted, by a later one.
                if not last or not self._gone_on(view):
                    raise
                continue
            added = None if before.version else self.own_list.read()
            self.state.settle(before, view, commits, picture, added)
            return

    def _start(self, before: View) -> tuple[View, Sequence[Changes]]:
        """The version that the cache is at, or one to begin with, and the commits after it."""
        if not before.version:
            return checkpoint.first_read(self.log, self.node)
        return self.state.view(), self.log.since(before.version, before.token)

    def _gone_on(self, view: View) -> bool:
        """Whether there are commits after a version."""
        return self.log.moved(view.version, view.token)

    def _take_in(self, before: View, view: View) -> bool:
        """Have the documents of a version in the catalogue; whether the picture is another."""
        documents = self.catalog.documents
        live = view.live()
        if any(view.documents.values()):
            self.catalog.set_meta("embedder", self.log.embedder())
            self.catalog.set_meta("store", self.store.place)
        swept = {doc for doc in view.swept if view.epoch(doc) != before.epoch(doc)}
        fresh = {
            doc
            for doc, there in view.documents.items()
            if there and (doc in swept or not before.documents.get(doc))
        }
        # The vectors that were there under the earlier name are not those that count now.
        documents.mark_embedded(swept, embedded=False)
        documents.mark_embedded(fresh)
        copies = self.state.copies()
        wanted = [
            (doc, view.epoch(doc))
            for doc in sorted(live)
            if copies.get(doc, (-1, 0))[0] != view.epoch(doc) or not documents.has(doc)
        ]
        changed = live != before.live() or bool(fresh & live)
        for i in range(0, len(wanted), PAGE):
            page = wanted[i : i + PAGE]
            for (doc, epoch), found in zip(page, self._texts(page, view), strict=True):
                if found is None:
                    view.lost.add(doc)
                    changed = True
                    continue
                document, chunks = found
                if not documents.has(doc) or not self._same(doc, chunks):
                    embedded = view.documents.get(doc, False)
                    documents.put(document, chunks, embedded=embedded, entries=())
                    changed = True
                self.state.note_copies([(doc, epoch, len(chunks))])
        return changed

    def _texts(
        self, page: Sequence[tuple[str, int]], view: View
    ) -> list[tuple[Document, list[Chunk]] | None]:
        """Documents by id and epoch; None for each whose text is lost: the others are not."""
        try:
            return [*self.log.documents(page)]
        except LibraryCorrupt:
            if self._gone_on(view):
                raise
        found: list[tuple[Document, list[Chunk]] | None] = []
        for one in page:
            try:
                found += self.log.documents([one])
            except LibraryCorrupt:
                found.append(None)
        return found

    def _build(self, view: View) -> str:
        """The picture of a version. Vectors that the server has lost make a picture without."""
        live = view.live()
        # What builds that were killed have left, which would otherwise gather.
        snapshot.clear_others(self.catalog, self.snapshots)
        try:
            return snapshot.build(self.catalog, self.store, self.snapshots, live)
        except (StoreUnreachable, StoreFailed):
            raise
        except KnowledgeError:
            if self._gone_on(view):
                raise
            lost = self._without_vectors(live)
            self.catalog.documents.mark_embedded(lost, embedded=False)
            view.documents.update(dict.fromkeys(lost, False))
            return snapshot.build(self.catalog, self.store, self.snapshots, live)

    def _without_vectors(self, documents: Iterable[str]) -> list[str]:
        """Those of the documents some of whose vectors are not on the server."""
        lost = []
        for doc in documents:
            ids = [
                chunk_id(doc, chunk.ordinal) for chunk, _ in self.catalog.documents.chunks_of(doc)
            ]
            if len(self.store.get(ids)[0]) < len(ids):
                lost.append(doc)
        return lost

    def _same(self, document_id: str, chunks: Sequence[Chunk]) -> bool:
        """Whether the catalogue cuts a document just so."""
        return [chunk for chunk, _ in self.catalog.documents.chunks_of(document_id)] == [*chunks]

"""The library: a folder on disk that is kept equal to its sources and can be searched.

The room's only public face. Its methods may be awaited from an event loop; the work is done in a
thread. One process writes at a time, any number read; readers meet the library as the last
completed sync left it.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import shelf, upkeep
from knowledge.catalog import Catalog
from knowledge.dense import ChromaStore
from knowledge.filters import Filters, absolute, is_url, under
from knowledge.report import LibraryStatus, Problem, Progress, SyncReport
from knowledge.scan import changed
from knowledge.search import Found, Searcher
from knowledge.tags import Tag
from knowledge.types import Document, SourceInfo
from knowledge.upkeep import BEFORE_ROLLBACK
from knowledge.watch import changes
from knowledge.writer import Writer

if TYPE_CHECKING:
    from knowledge.dense import DenseStore
    from knowledge.embed import Embedder
    from knowledge.rerank import Reranker

__all__ = [
    "BEFORE_ROLLBACK",
    "Filters",
    "Found",
    "Library",
    "LibraryStatus",
    "Problem",
    "Progress",
    "SyncReport",
    "Tag",
]


class Library:
    """One library in one folder."""

    def __init__(
        self,
        root: Path,
        *,
        embedder: Embedder | None,
        make_store: Callable[[Path], DenseStore],
        allow_hosts: Sequence[str] = (),
        reranker: Reranker | None = None,
    ) -> None:
        """For a store of one's own, made for a folder; `open` is the usual way."""
        self.root = root
        self._allow_hosts = tuple(allow_hosts)
        self._embedder = embedder
        self._reranker = reranker
        self._make_store = make_store
        self._writer = Writer(root)
        self._open_shelf()

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        embedder: Embedder | None,
        chroma_url: str = "",
        allow_hosts: Sequence[str] = (),
        reranker: Reranker | None = None,
    ) -> Library:
        """Open or create the library in a folder. Quick: no index and no model is loaded.

        Args:
            root: The library's own folder, not that of the documents.
            embedder: What makes its vectors; None searches by words only.
            chroma_url: A Chroma server that keeps the vectors; empty keeps them in the folder.
            allow_hosts: Hosts, `name` or `name:port`, whose pages may be fetched though they lie
                in an inner network.
            reranker: Reads the best passages with the query and orders them anew.

        Raises:
            LibraryCorrupt: The folder holds something else, or a newer version's library.
        """
        shelf.prepare(root)

        def make_store(base: Path) -> DenseStore:
            if not chroma_url:
                return ChromaStore(base / "chroma")
            # On a shared server no two libraries may meet, whatever they are called.
            name = base / "collection"
            if not name.exists():
                name.write_text(f"understudy-{uuid.uuid4().hex}", encoding="utf-8")
            return ChromaStore(chroma_url, name.read_text(encoding="utf-8"))

        return cls(
            root,
            embedder=embedder,
            make_store=make_store,
            allow_hosts=allow_hosts,
            reranker=reranker,
        )

    @staticmethod
    def exists(root: Path) -> bool:
        """Whether a folder holds a library."""
        return shelf.exists(root)

    def close(self) -> None:
        """Let go of files."""
        self._searcher.close()
        self._shelf.close()

    def _open_shelf(self) -> None:
        self._shelf = shelf.Shelf(shelf.current(self.root), self._make_store)
        self._searcher = Searcher(
            self._shelf.catalog, self._shelf.snapshots, self._embedder, self._reranker
        )

    def _fresh(self) -> None:
        """Follow a rebuild that another process has ended."""
        if self._shelf.base != shelf.current(self.root):
            self.close()
            self._open_shelf()

    @property
    def _catalog(self) -> Catalog:
        return self._shelf.catalog

    # writing

    async def add(
        self, paths: Sequence[str], *, progress: Callable[[Progress], None] | None = None
    ) -> SyncReport:
        """Add files, folders and web pages by URL, and index them. What is there is synced.

        Paths that do not exist are among the report's failures; the others are added.

        Raises:
            LibraryBusy: Another process is writing.
            EmbedderMismatch: The vectors are another embedder's.
        """
        scope = [absolute(path) for path in paths]
        there = [path for path in scope if is_url(path) or os.path.lexists(path)]
        asked = [
            Problem(path, "there is no such file or folder") for path in scope if path not in there
        ]

        def work() -> SyncReport:
            self._fresh()
            # Also what lies in an added folder: named, it counts though it is ignored there.
            self._catalog.sources.change_paths("roots", add=there)
            self._catalog.sources.change_paths(
                "excluded",
                drop=[p for p in self._catalog.sources.paths("excluded") if under(p, there)],
            )
            return self._sync(there, asked, progress)

        return await self._writer.run(work)

    async def sync(self, *, progress: Callable[[Progress], None] | None = None) -> SyncReport:
        """Make the index equal to all sources.

        Raises:
            LibraryBusy: Another process is writing.
            EmbedderMismatch: The vectors are another embedder's.
        """

        def work() -> SyncReport:
            self._fresh()
            return self._sync(None, (), progress)

        return await self._writer.run(work)

    async def watch(self) -> AsyncGenerator[SyncReport, None]:
        """Sync whenever something changes under what was added; gives what each sync did.

        Goes on until it is closed or cancelled.
        """
        roots = await asyncio.to_thread(self._catalog.sources.paths, "roots")
        async with aclosing(changes(roots)) as noticed:
            async for _ in noticed:
                yield await self.sync()

    async def rebuild(self, *, progress: Callable[[Progress], None] | None = None) -> SyncReport:
        """Read, split and embed every source anew, with the embedder as it is now.

        Questions are answered from the old index until the new one is whole. Tags are not kept.

        Raises:
            SourceNotFound: A folder that was added is missing: a rebuild would forget what is in
                it, so nothing is done.
        """

        def work() -> SyncReport:
            self._fresh()
            new = upkeep.begin_rebuild(self.root, self._shelf, self._make_store)
            try:
                report = self._sync(None, (), progress, new)
            finally:
                new.close()
            upkeep.end_rebuild(self.root, self._shelf, new)
            self._fresh()
            return report

        return await self._writer.run(work)

    async def remove(self, names: Sequence[str]) -> tuple[str, ...]:
        """Take sources out: files, folders, or what was added. They stay out of later syncs.

        Returns:
            The sources that were taken out.

        Raises:
            SourceNotFound: A name matches no source, or several; nothing is taken out then.
        """

        def work() -> tuple[str, ...]:
            self._fresh()
            return upkeep.remove(self._shelf, names)

        return await self._writer.run(work)

    # tags

    async def tag(self, name: str) -> None:
        """Give the library as it is now a name; an older tag of that name is replaced."""
        await self._writer.run(lambda: self._catalog.tags.put(name))

    async def tags(self) -> tuple[Tag, ...]:
        """Every tag, oldest first."""
        return tuple(await asyncio.to_thread(self._catalog.tags.all))

    async def untag(self, name: str) -> None:
        """Forget a tag and what only it kept.

        Raises:
            SourceNotFound: There is no such tag.
        """
        await self._writer.run(lambda: upkeep.untag(self._shelf, name))

    async def roll_back(self, name: str) -> None:
        """Answer from the library as it was when it was tagged, until the next sync.

        What it is now is kept under the tag `BEFORE_ROLLBACK`.

        Raises:
            SourceNotFound: There is no such tag.
        """
        await self._writer.run(lambda: upkeep.roll_back(self._shelf, name))

    def _sync(
        self,
        scope: Sequence[str] | None,
        asked: Sequence[Problem],
        progress: Callable[[Progress], None] | None,
        target: shelf.Shelf | None = None,
    ) -> SyncReport:
        from knowledge.guard import Policy
        from knowledge.sync import Synchronizer

        target = target or self._shelf
        worker = Synchronizer(
            target.catalog,
            target.store,
            self._embedder,
            target.snapshots,
            Policy(allow=self._allow_hosts),
            progress or (lambda _: None),
            self._writer.stop.is_set,
        )
        return worker.run(scope, asked)

    # reading

    async def search(self, query: str, *, limit: int = 8, filters: Filters | None = None) -> Found:
        """Find the passages that fit a query best.

        Raises:
            EmbedderMismatch: The stored vectors are another embedder's.
        """
        self._fresh()
        return await asyncio.to_thread(self._searcher.search, query, limit, filters)

    async def document(self, document_id: str) -> Document:
        """A stored document.

        Raises:
            SourceNotFound: There is none of that id.
        """
        self._fresh()
        return await asyncio.to_thread(self._catalog.documents.get, document_id)

    async def sources(self) -> tuple[SourceInfo, ...]:
        """Every source and how it stands, sorted by name."""
        self._fresh()
        found = await asyncio.to_thread(self._catalog.sources.infos)
        return tuple(
            SourceInfo(
                entry.source, entry.document_id, title, kind,
                "indexed" if entry.document_id else "failed", entry.reason,
                chunks, entry.size, entry.indexed_at, entry.root,
            )
            for entry, title, kind, chunks in found
        )  # fmt: skip

    async def stale(self, source: str) -> bool:
        """Whether a source has changed, or gone, since it was indexed."""
        self._fresh()
        return await asyncio.to_thread(self._stale, source)

    def _stale(self, source: str) -> bool:
        entry = self._catalog.sources.entry(source)
        return entry is None or changed(Path(source), entry)

    async def status(self) -> LibraryStatus:
        """The library in figures."""
        self._fresh()
        return await asyncio.to_thread(self._status)

    def _status(self) -> LibraryStatus:
        documents, chunks, embedded = self._catalog.documents.counts()
        entries = self._catalog.sources.entries()
        return LibraryStatus(
            root=str(self.root),
            documents=documents,
            sources=len(entries),
            failed=sum(entry.document_id is None for entry in entries),
            chunks=chunks,
            embedded=embedded,
            embedder=self._catalog.meta("embedder"),
            size_bytes=sum(f.stat().st_size for f in self.root.rglob("*") if f.is_file()),
        )

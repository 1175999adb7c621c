"""The library: a folder on disk that is kept equal to its sources and can be searched.

The room's only public face. Its methods may be awaited from an event loop; the work is done in a
thread. One process writes at a time, any number read; readers meet the library as the last
completed sync left it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from knowledge.catalog import Catalog
from knowledge.dense import ChromaStore
from knowledge.errors import LibraryBusy, SourceNotFound
from knowledge.filters import Filters, absolute, matches, under
from knowledge.report import Problem, Progress, SyncReport
from knowledge.scan import changed
from knowledge.search import Found, Searcher
from knowledge.types import Document, SourceInfo

if TYPE_CHECKING:
    from knowledge.dense import DenseStore
    from knowledge.embed import Embedder

__all__ = [
    "Filters",
    "Found",
    "Library",
    "LibraryStatus",
    "Problem",
    "Progress",
    "SyncReport",
]

R = TypeVar("R")

LOCK_WAIT = 20.0
"""Seconds that a writer waits for another before it says who holds the library."""


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """A library in figures."""

    root: str
    documents: int
    sources: int
    failed: int
    chunks: int
    embedded: int
    """Documents that have vectors."""
    embedder: str
    """Whose vectors they are; empty where there are none."""
    size_bytes: int


class Library:
    """One library in one folder."""

    def __init__(self, root: Path, *, embedder: Embedder | None, store: DenseStore) -> None:
        """For a store of one's own; `open` is the usual way."""
        self.root = root
        self._embedder = embedder
        self._store = store
        self._catalog = Catalog(root / "catalog.sqlite")
        self._snapshots = root / "snapshots"
        self._searcher = Searcher(self._catalog, self._snapshots, embedder)
        self._stop = threading.Event()

    @classmethod
    def open(cls, root: Path, *, embedder: Embedder | None) -> Library:
        """Open or create the library in a folder. Quick: no index and no model is loaded.

        Args:
            root: The library's own folder, not that of the documents.
            embedder: What makes its vectors; None searches by words only.

        Raises:
            LibraryCorrupt: The folder holds something else, or a newer version's library.
        """
        root.mkdir(parents=True, exist_ok=True)
        return cls(root, embedder=embedder, store=ChromaStore(root / "chroma"))

    def close(self) -> None:
        """Let go of files."""
        self._searcher.close()
        self._store.close()
        self._catalog.close()

    # writing

    async def add(
        self, paths: Sequence[str], *, progress: Callable[[Progress], None] | None = None
    ) -> SyncReport:
        """Add files and folders, and index them. What is there already is synced.

        Paths that do not exist are among the report's failures; the others are added.

        Raises:
            LibraryBusy: Another process is writing.
            EmbedderMismatch: The vectors are another embedder's.
        """
        scope = [absolute(path) for path in paths]
        there = [path for path in scope if os.path.lexists(path)]
        asked = [
            Problem(path, "there is no such file or folder") for path in scope if path not in there
        ]

        def work() -> SyncReport:
            roots = self._catalog.sources.paths("roots")
            new = [path for path in there if not under(path, roots)]
            inner = [root for root in roots if root not in new and under(root, new)]
            self._catalog.sources.change_paths("roots", add=new, drop=inner)
            self._catalog.sources.change_paths(
                "excluded",
                drop=[p for p in self._catalog.sources.paths("excluded") if under(p, there)],
            )
            return self._sync(there, asked, progress)

        return await self._write(work)

    async def sync(self, *, progress: Callable[[Progress], None] | None = None) -> SyncReport:
        """Make the index equal to all sources.

        Raises:
            LibraryBusy: Another process is writing.
            EmbedderMismatch: The vectors are another embedder's.
        """
        return await self._write(lambda: self._sync(None, (), progress))

    async def rebuild(self, *, progress: Callable[[Progress], None] | None = None) -> SyncReport:
        """Read, split and embed every source anew, with the embedder as it is now."""

        def work() -> SyncReport:
            self._catalog.reset()
            self._store.clear()
            return self._sync(None, (), progress)

        return await self._write(work)

    async def remove(self, names: Sequence[str]) -> tuple[str, ...]:
        """Take sources out: files, folders, or what was added. They stay out of later syncs.

        Returns:
            The sources that were taken out.

        Raises:
            SourceNotFound: A name matches no source; nothing is taken out then.
        """

        def work() -> tuple[str, ...]:
            known = [entry.source for entry in self._catalog.sources.entries()]
            roots = self._catalog.sources.paths("roots")
            gone: set[str] = set()
            for name in names:
                path = absolute(name)
                found = {s for s in known if under(s, [path]) or matches(s, name)}
                if not found and path not in roots:
                    raise SourceNotFound(
                        f"The library holds no source {name}.", hint="agent sources lists them."
                    )
                gone |= found
                lost = [root for root in roots if under(root, [path])]
                self._catalog.sources.change_paths("roots", drop=lost)
                roots = [root for root in roots if root not in lost]
            stay_out = [source for source in gone if under(source, roots)]
            self._catalog.sources.change_paths("excluded", add=stay_out)
            self._sync(sorted(gone), (), None)
            return tuple(sorted(gone))

        return await self._write(work)

    def _sync(
        self,
        scope: Sequence[str] | None,
        asked: Sequence[Problem],
        progress: Callable[[Progress], None] | None,
    ) -> SyncReport:
        from knowledge.sync import Synchronizer

        worker = Synchronizer(
            self._catalog,
            self._store,
            self._embedder,
            self._snapshots,
            progress or (lambda _: None),
            self._stop.is_set,
        )
        return worker.run(scope, asked)

    async def _write(self, work: Callable[[], R]) -> R:
        """Run in a thread under the library's write lock; a cancelled task ends the work first."""

        def locked() -> R:
            from filelock import FileLock, Timeout

            holder = self.root / "writer.pid"
            try:
                with FileLock(self.root / "write.lock", timeout=LOCK_WAIT):
                    holder.write_text(str(os.getpid()), encoding="utf-8")
                    return work()
            except Timeout as error:
                who = holder.read_text(encoding="utf-8") if holder.exists() else "unknown"
                raise LibraryBusy(
                    f"Another process (pid {who}) is writing to this library.",
                    hint="Wait until it has ended and run the command again.",
                ) from error

        self._stop.clear()
        task = asyncio.create_task(asyncio.to_thread(locked))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._stop.set()
            await asyncio.gather(task, return_exceptions=True)
            raise

    # reading

    async def search(self, query: str, *, limit: int = 8, filters: Filters | None = None) -> Found:
        """Find the passages that fit a query best.

        Raises:
            EmbedderMismatch: The stored vectors are another embedder's.
        """
        return await asyncio.to_thread(self._searcher.search, query, limit, filters)

    async def document(self, document_id: str) -> Document:
        """A stored document.

        Raises:
            SourceNotFound: There is none of that id.
        """
        return await asyncio.to_thread(self._catalog.documents.get, document_id)

    async def sources(self) -> tuple[SourceInfo, ...]:
        """Every source and how it stands, sorted by name."""
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
        return await asyncio.to_thread(self._stale, source)

    def _stale(self, source: str) -> bool:
        entry = self._catalog.sources.entry(source)
        return entry is None or changed(Path(source), entry)

    async def status(self) -> LibraryStatus:
        """The library in figures."""
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

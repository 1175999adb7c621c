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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import snapshot
from knowledge.catalog import Catalog
from knowledge.dense import ChromaStore
from knowledge.errors import SourceNotFound
from knowledge.filters import Filters, absolute, matches, under
from knowledge.report import Problem, Progress, SyncReport
from knowledge.scan import changed
from knowledge.search import Found, Searcher
from knowledge.tags import Tag
from knowledge.tidy import tidy
from knowledge.types import Document, SourceInfo
from knowledge.watch import changes
from knowledge.writer import Writer

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
    "Tag",
]

BEFORE_ROLLBACK = "before-rollback"
"""The tag under which a rollback keeps what it replaces."""


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
        self._writer = Writer(root)

    @classmethod
    def open(cls, root: Path, *, embedder: Embedder | None, chroma_url: str = "") -> Library:
        """Open or create the library in a folder. Quick: no index and no model is loaded.

        Args:
            root: The library's own folder, not that of the documents.
            embedder: What makes its vectors; None searches by words only.
            chroma_url: A Chroma server that keeps the vectors; empty keeps them in the folder.

        Raises:
            LibraryCorrupt: The folder holds something else, or a newer version's library.
        """
        root.mkdir(parents=True, exist_ok=True)
        if not chroma_url:
            return cls(root, embedder=embedder, store=ChromaStore(root / "chroma"))
        # On a shared server no two libraries may meet, whatever they are called.
        name = root / "collection"
        if not name.exists():
            name.write_text(f"understudy-{uuid.uuid4().hex}", encoding="utf-8")
        store = ChromaStore(chroma_url, name.read_text(encoding="utf-8"))
        return cls(root, embedder=embedder, store=store)

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
        return await self._writer.run(lambda: self._sync(None, (), progress))

    async def watch(self) -> AsyncGenerator[SyncReport, None]:
        """Sync whenever something changes under what was added; gives what each sync did.

        Goes on until it is closed or cancelled.
        """
        roots = await asyncio.to_thread(self._catalog.sources.paths, "roots")
        async with aclosing(changes(roots)) as noticed:
            async for _ in noticed:
                yield await self.sync()

    async def rebuild(self, *, progress: Callable[[Progress], None] | None = None) -> SyncReport:
        """Read, split and embed every source anew, with the embedder as it is now."""

        def work() -> SyncReport:
            self._catalog.reset()
            self._store.clear()
            return self._sync(None, (), progress)

        return await self._writer.run(work)

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

        def work() -> None:
            self._known_tag(name)
            self._catalog.tags.drop(name)
            tidy(self._catalog, self._store, self._snapshots)

        await self._writer.run(work)

    async def roll_back(self, name: str) -> None:
        """Answer from the library as it was when it was tagged, until the next sync.

        What it is now is kept under the tag `BEFORE_ROLLBACK`.

        Raises:
            SourceNotFound: There is no such tag.
        """

        def work() -> None:
            self._known_tag(name)
            if name != BEFORE_ROLLBACK:
                self._catalog.tags.put(BEFORE_ROLLBACK)
            live = self._catalog.tags.documents(name)
            picture = snapshot.build(self._catalog, self._store, self._snapshots, live)
            self._catalog.tags.restore(name, picture)
            tidy(self._catalog, self._store, self._snapshots)

        await self._writer.run(work)

    def _known_tag(self, name: str) -> None:
        if name not in {tag.name for tag in self._catalog.tags.all()}:
            raise SourceNotFound(
                f"The library has no tag {name}.", hint="agent library list shows its tags."
            )

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
            self._writer.stop.is_set,
        )
        return worker.run(scope, asked)

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

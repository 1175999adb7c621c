"""The library: a folder on disk that is kept equal to its sources and can be searched.

The room's only public face. Its methods may be awaited from an event loop; the work is done in a
thread. One process writes at a time, any number read; readers meet the library as the last
completed sync left it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from knowledge import shelf, upkeep
from knowledge.corpus import Corpus, Extent
from knowledge.errors import LibraryBusy
from knowledge.filters import Filters, absolute, below, is_url, sayable, under
from knowledge.report import LibraryStatus, Problem, Progress, SyncReport
from knowledge.scan import changed, unsayable
from knowledge.search import Found, Searcher
from knowledge.tags import Tag
from knowledge.types import Document, SourceInfo
from knowledge.upkeep import BEFORE_ROLLBACK
from knowledge.watch import changes
from knowledge.writer import Writer

if TYPE_CHECKING:
    from knowledge.ahead import Engine
    from knowledge.catalog import Catalog
    from knowledge.dense import DenseStore
    from knowledge.embed import Embedder
    from knowledge.rerank import Reranker
    from knowledge.shared.cache import Share
    from knowledge.shelf import Shelf

R = TypeVar("R")

__all__ = [
    "BEFORE_ROLLBACK",
    "Corpus",
    "Extent",
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
        notify: Callable[[str], None] | None = None,
    ) -> None:
        """For a store of one's own, made for a folder; `open` is the usual way."""
        self.root = root
        self.engine: Engine | None = None
        """Who reads, splits and embeds files for what is added or synced; None: this process."""
        self._allow_hosts = tuple(allow_hosts)
        self._embedder = embedder
        self._make_store = make_store
        self._writer = Writer(root, notify)
        self._searcher = Searcher(embedder, reranker)
        self._shelves = shelf.Shelves(root, make_store)

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        embedder: Embedder | None,
        chroma_url: str = "",
        chroma_collection: str = "",
        allow_hosts: Sequence[str] = (),
        reranker: Reranker | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> Library:
        """Open or create the library in a folder. Quick: no index and no model is loaded.

        Args:
            root: The library's own folder, not that of the documents.
            embedder: What makes its vectors; None searches by words only.
            chroma_url: A Chroma server that keeps the vectors; empty keeps them in the folder.
            chroma_collection: With `chroma_url`, the name of a library that several machines
                share; the folder then holds this one's cache of it, beside a library of its own.
            allow_hosts: Hosts, `name` or `name:port`, whose pages may be fetched though they lie
                in an inner network.
            reranker: Reads the best passages with the query and orders them anew.
            notify: Told, one line at a time, what a person should know while something is slow
                (another process is writing, and is waited for).

        Raises:
            LibraryCorrupt: The folder holds something else, or a newer version's library.
        """
        shelf.prepare(root)
        if chroma_url and chroma_collection:
            from knowledge.shared.library import SharedLibrary

            return SharedLibrary.at(
                root,
                chroma_url,
                chroma_collection,
                embedder=embedder,
                allow_hosts=allow_hosts,
                reranker=reranker,
                notify=notify,
            )

        return cls(
            root,
            embedder=embedder,
            make_store=partial(shelf.store_in, url=chroma_url),
            allow_hosts=allow_hosts,
            reranker=reranker,
            notify=notify,
        )

    @staticmethod
    def exists(root: Path) -> bool:
        """Whether a folder holds a library."""
        return shelf.exists(root)

    def close(self) -> None:
        """Let go of files."""
        self._searcher.close()
        self._shelves.close()

    async def _read(self, work: Callable[[Shelf], R]) -> R:
        """Do in a thread what reads the generation that counts."""

        def read() -> R:
            with self._shelves.use() as at:
                return work(at)

        return await asyncio.to_thread(read)

    async def _write(self, work: Callable[[Shelf], R]) -> R:
        """Do in a thread, as the only writer, what changes the generation that counts."""

        def write() -> R:
            with self._shelves.use() as at:
                return work(at)

        return await self._writer.run(write)

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
        asked += [unsayable(path) for path in there if not sayable(path)]
        there = [path for path in there if sayable(path)]

        def work(at: Shelf) -> SyncReport:
            sources = at.catalog.sources
            # Also what lies in an added folder: named, it counts though it is ignored there.
            sources.change_paths("roots", add=there)
            sources.change_paths("excluded", drop=filter(below(there), sources.paths("excluded")))
            return self._sync(at, there, asked, progress)

        return await self._write(work)

    async def sync(self, *, progress: Callable[[Progress], None] | None = None) -> SyncReport:
        """Make the index equal to all sources.

        Raises:
            LibraryBusy: Another process is writing.
            EmbedderMismatch: The vectors are another embedder's.
        """
        return await self._write(lambda at: self._sync(at, None, (), progress))

    async def watch(self) -> AsyncGenerator[SyncReport, None]:
        """Sync all, and then what was added whenever something changes under it.

        Gives what each sync did, until it is closed or cancelled; waits while another process
        writes. Web pages are fetched by the first only: nobody tells when they change.
        """
        roots = await self._read(lambda at: at.catalog.sources.paths("roots"))
        async with aclosing(changes(roots)) as noticed:
            async for paths in noticed:
                scope = [root for root in roots if root in paths or _holds(root, paths)]
                sync = partial(self._sync, scope=scope, asked=(), progress=None)
                report = None
                while report is None:
                    # Another writes for longer than one waits: a watch has the time.
                    with suppress(LibraryBusy):
                        report = await self._write(sync)
                yield report

    async def rebuild(self, *, progress: Callable[[Progress], None] | None = None) -> SyncReport:
        """Read, split and embed every source anew, with the embedder as it is now.

        Questions are answered from the old index until the new one is whole. What tags name is
        kept, and a page that cannot be fetched just now, as they were stored; both are split and
        embedded anew.

        Raises:
            SourceNotFound: A folder that was added is missing: a rebuild would forget what is in
                it, so nothing is done.
        """

        def work(at: Shelf) -> SyncReport:
            new = upkeep.begin_rebuild(self.root, at, self._make_store)
            try:
                report = self._sync(new, None, (), progress, earlier=at.catalog)
            finally:
                new.close()
            upkeep.end_rebuild(self.root, at, new)
            return report

        return await self._write(work)

    async def remove(self, names: Sequence[str]) -> tuple[str, ...]:
        """Take sources out: files, folders, or what was added. They stay out of later syncs.

        Returns:
            The sources that were taken out.

        Raises:
            SourceNotFound: A name matches no source, or several; nothing is taken out then.
        """
        return await self._write(lambda at: upkeep.remove(at, names))

    # tags

    async def tag(self, name: str) -> None:
        """Give the library as it is now a name; an older tag of that name is replaced."""
        await self._write(lambda at: at.catalog.tags.put(name))

    async def tags(self) -> tuple[Tag, ...]:
        """Every tag, oldest first."""
        return tuple(await self._read(lambda at: at.catalog.tags.all()))

    async def untag(self, name: str) -> None:
        """Forget a tag and what only it kept.

        Raises:
            SourceNotFound: There is no such tag.
        """
        await self._write(lambda at: upkeep.untag(at, name))

    async def roll_back(self, name: str) -> None:
        """Answer from the library as it was when it was tagged, until the next sync.

        What it is now is kept under the tag `BEFORE_ROLLBACK`.

        Raises:
            SourceNotFound: There is no such tag.
        """
        await self._write(lambda at: upkeep.roll_back(at, name))

    def _sync(
        self,
        target: Shelf,
        scope: Sequence[str] | None,
        asked: Sequence[Problem],
        progress: Callable[[Progress], None] | None,
        earlier: Catalog | None = None,
    ) -> SyncReport:
        from knowledge.guard import Policy
        from knowledge.sync import Synchronizer

        worker = Synchronizer(
            target.catalog,
            target.store,
            self._embedder,
            target.snapshots,
            Policy(allow=self._allow_hosts),
            progress or (lambda _: None),
            self._writer.stop.is_set,
            earlier,
            self._share(target),
        )
        if self.engine is not None:
            worker.engine = self.engine
        report = worker.run(scope, asked)
        if earlier is None:
            shelf.clear_others(self.root)
        return report

    def _share(self, target: Shelf) -> Share | None:
        """What a sync tells others through; a library of one's own has none."""
        return None

    # reading

    async def search(self, query: str, *, limit: int = 8, filters: Filters | None = None) -> Found:
        """Find the passages that fit a query best.

        Raises:
            EmbedderMismatch: The stored vectors are another embedder's.
            LibraryCorrupt: What is searched is lost; a sync makes it again.
        """
        return await self._read(
            lambda at: self._searcher.search(at.catalog, at.snapshots, query, limit, filters)
        )

    async def extent(self, filters: Filters | None = None) -> Extent:
        """How much `corpus` would give, without reading it."""
        return await self._read(lambda at: at.catalog.extent(filters))

    async def corpus(self, filters: Filters | None = None) -> Corpus:
        """All that is stored, or what filters leave of it, in an order that keeps."""
        return await self._read(lambda at: at.catalog.corpus(filters))

    async def document(self, document_id: str) -> Document:
        """A stored document.

        Raises:
            SourceNotFound: There is none of that id.
        """
        return await self._read(lambda at: at.catalog.documents.get(document_id))

    async def sources(self) -> tuple[SourceInfo, ...]:
        """Every source and how it stands, sorted by name."""
        found = await self._read(lambda at: at.catalog.sources.infos())
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

        def compare(at: Shelf) -> bool:
            entry = at.catalog.sources.entry(source)
            return entry is None or changed(Path(source), entry)

        return await self._read(compare)

    async def status(self) -> LibraryStatus:
        """The library in figures."""
        return await self._read(self._status)

    def _status(self, at: Shelf) -> LibraryStatus:
        documents, chunks, embedded = at.catalog.documents.counts()
        entries = at.catalog.sources.entries()
        return LibraryStatus(
            root=str(self.root),
            documents=documents,
            sources=len(entries),
            failed=sum(entry.document_id is None for entry in entries),
            chunks=chunks,
            embedded=embedded,
            embedder=at.catalog.meta("embedder"),
            size_bytes=_size(self.root),
        )


def _size(folder: Path) -> int:
    """Bytes of the files in a folder, while a writer may take some of them away."""
    total = 0
    for above, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                total += os.stat(os.path.join(above, name)).st_size
    return total


def _holds(root: str, paths: Iterable[str]) -> bool:
    """Whether any of the paths lies below a root."""
    return any(under(path, [root]) for path in paths)

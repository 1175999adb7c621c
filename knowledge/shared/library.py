"""A library that several nodes share: `Library`, over a cache that follows the server's log.

A question is answered from the cache. Before it, at most once a second, the log is looked at, and
what others have committed is taken in. Where the server cannot be reached, the cache answers as it
is, and says so; nothing can be added then.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from knowledge import library, shelf
from knowledge.dense import ChromaStore, Records
from knowledge.errors import SharedLibraryRefuses
from knowledge.shared import follow, removal
from knowledge.shared.cache import Share
from knowledge.shared.follow import Follower, in_our_words
from knowledge.shared.log import SharedLog
from knowledge.shared.node import Node, this_node
from knowledge.shared.own import OwnList
from knowledge.shared.state import State
from knowledge.shared.store import EpochStore
from knowledge.shared.view import OF_ANOTHER_MACHINE, is_foreign

if TYPE_CHECKING:
    from knowledge.catalog import Catalog
    from knowledge.corpus import Extent
    from knowledge.embed import Embedder
    from knowledge.filters import Filters
    from knowledge.report import LibraryStatus, Problem, Progress, SyncReport
    from knowledge.rerank import Reranker
    from knowledge.search import Found
    from knowledge.shelf import Shelf
    from knowledge.tags import Tag
    from knowledge.types import SourceInfo

R = TypeVar("R")

_NAMED = 3
"""Paths that a note names."""
_LOG = ".understudy-log"
"""What the log's collection is called after the library's name; no library's name ends so."""


def cache_folder(root: Path, url: str, collection: str) -> Path:
    """Where a library's folder has its cache of a shared library."""
    place = "\0".join((_one_spelling(url), *_tenancy(), collection))
    digest = hashlib.sha256(place.encode()).hexdigest()[:8]
    return root / shelf.SHARED / f"{collection}-{digest}"


def is_attached(root: Path, url: str, collection: str) -> bool:
    """Whether a library's folder has a cache of a shared library."""
    return cache_folder(root, url, collection).exists()


class SharedLibrary(library.Library):
    """One node's access to a library that several share."""

    @classmethod
    def at(
        cls,
        root: Path,
        url: str,
        collection: str,
        *,
        embedder: Embedder | None,
        allow_hosts: Sequence[str] = (),
        reranker: Reranker | None = None,
        notify: Callable[[str], None] | None = None,
        node: Node | None = None,
    ) -> SharedLibrary:
        """Open the library of a name on a Chroma server, with its cache below a folder.

        Args:
            root: The folder of the library of one's own, which is left alone.
            url: The Chroma server.
            collection: The library's name there.
            embedder: What makes its vectors; all nodes must have the same, or none.
            allow_hosts: As for `Library.open`.
            reranker: As for `Library.open`.
            notify: As for `Library.open`.
            node: Which node this is; by default that of this machine and folder.

        Raises:
            SharedLibraryRefuses: The name cannot be a collection's.
        """
        if ".." in collection or not re.fullmatch(
            r"[A-Za-z0-9][A-Za-z0-9._-]{1,100}[A-Za-z0-9]", collection
        ):
            raise SharedLibraryRefuses(
                f"'{collection}' cannot be the name of a shared library: it needs 3 to 102 letters,"
                " digits, dots, dashes or underscores, a letter or digit at both ends, and no two"
                " dots in a row.",
                hint="agent config set chroma_collection NAME",
            )
        if collection.endswith(_LOG):
            raise SharedLibraryRefuses(
                f"'{collection}' cannot be the name of a shared library: what ends in '{_LOG}' is"
                " the log of another.",
                hint="Take a name with another end.",
            )
        url = _one_spelling(url)
        base = cache_folder(root, url, collection)
        base.mkdir(parents=True, exist_ok=True, mode=0o700)

        def make_store(_: Path) -> EpochStore:
            return EpochStore(ChromaStore(url, collection), collection)

        made = cls(
            base,
            embedder=embedder,
            make_store=make_store,
            allow_hosts=allow_hosts,
            reranker=reranker,
            notify=notify,
        )
        made._begin(url, collection, node or this_node(root), notify)
        return made

    def _begin(
        self,
        url: str,
        collection: str,
        node: Node,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self._notify = notify or (lambda _: None)
        self._log = SharedLog(Records(url, collection + _LOG))
        watched = SharedLog(Records(url, collection + _LOG, patience=follow.PATIENCE))
        self._node = node
        self._shelves.derived = True
        self._follower = Follower(self._shelves, watched, self._share)
        self._told = ""
        """The last note on how old the cache is."""

    def close(self) -> None:
        """See `Library.close`; ends what is being taken in from a server that answers."""
        self._follower.close(self._let_go, self._notify)

    def _let_go(self) -> None:
        super().close()
        self._log.close()

    def _share(self, target: Shelf) -> Share:
        assert isinstance(target.store, EpochStore)
        catalog = target.catalog
        return Share(
            catalog, target.store, self._log, State(catalog.database, self._node),
            target.snapshots, self._node, OwnList.of(self.root),
        )  # fmt: skip

    # writing

    async def _write(self, work: Callable[[Shelf], R]) -> R:
        """As `Library`, but first of all bring the cache up to the log."""

        def pulled(at: Shelf) -> R:
            with in_our_words():
                self._share(at).pull()
                return work(at)

        return await super()._write(pulled)

    def _sync(
        self,
        target: Shelf,
        scope: Sequence[str] | None,
        asked: Sequence[Problem],
        progress: Callable[[Progress], None] | None,
        earlier: Catalog | None = None,
    ) -> SyncReport:
        report = super()._sync(target, scope, asked, progress, earlier)
        if scope is not None or not (paths := self._share(target).forgotten()):
            return report
        # Only said: whoever may write to the server could have this machine read any folder.
        note = (
            f"Not synced: {', '.join(paths[:_NAMED])}{' …' if len(paths) > _NAMED else ''}. By the"
            " log on the server it was added on this machine, whose own list does not have it."
            f" To share it again: agent add {quote(paths[0])}; to let it go: agent remove"
            f" {quote(paths[0])}"
        )
        return replace(report, note=f"{report.note} {note}".strip())

    async def rebuild(self, *, progress: Callable[[Progress], None] | None = None) -> SyncReport:
        """Refused: a node has not the files of the others."""
        raise SharedLibraryRefuses(
            "A shared library is not rebuilt: the files of other machines are not here.",
            hint=f"To make this machine's cache anew, delete it: rm -r '{self.root}'. For another"
            " embedder, begin another library: agent config set chroma_collection NAME",
        )

    async def remove(self, names: Sequence[str]) -> tuple[str, ...]:
        """See `Library.remove`; also what other nodes added."""
        return await self._write(lambda at: removal.remove(self._share(at), names))

    async def tag(self, name: str) -> None:
        """Refused, as all that has to do with tags: they are not shared."""
        raise _no_tags()

    async def tags(self) -> tuple[Tag, ...]:
        """None."""
        return ()

    async def untag(self, name: str) -> None:
        """Refused; see `tag`."""
        raise _no_tags()

    async def roll_back(self, name: str) -> None:
        """Refused; see `tag`."""
        raise _no_tags()

    # reading

    async def search(self, query: str, *, limit: int = 8, filters: Filters | None = None) -> Found:
        """See `Library.search`; what could not be looked up on the server is in its note."""
        note = await self._refresh(tell=False)
        with in_our_words():
            found = await super().search(query, limit=limit, filters=filters)
        return replace(found, note=f"{note} {found.note}".strip()) if note else found

    async def extent(self, filters: Filters | None = None) -> Extent:
        """See `Library.extent`."""
        await self._refresh()
        return await super().extent(filters)

    async def sources(self) -> tuple[SourceInfo, ...]:
        """See `Library.sources`; a file of another machine goes by that machine's name, too."""
        await self._refresh()
        nodes = await self._read(self._nodes)
        return tuple(
            replace(info, reason="; ".join(filter(None, (info.reason, OF_ANOTHER_MACHINE))))
            if is_foreign(info.source, nodes, self._node)
            else info
            for info in await super().sources()
        )

    async def stale(self, source: str) -> bool:
        """See `Library.stale`; a file of another machine is that machine's to look at."""
        if is_foreign(source, await self._read(self._nodes), self._node):
            return False
        return await super().stale(source)

    async def status(self) -> LibraryStatus:
        """See `Library.status`."""
        await self._refresh()
        return await super().status()

    def _status(self, at: Shelf) -> LibraryStatus:
        # What was taken out elsewhere stays in the cache for a while, and is no part of it.
        documents, chunks, embedded = at.catalog.documents.counts(named=True)
        whole = super()._status(at)
        return replace(whole, documents=documents, chunks=chunks, embedded=embedded)

    def _nodes(self, at: Shelf) -> list[Node]:
        return State(at.catalog.database, self._node).nodes()

    async def _refresh(self, *, tell: bool = True) -> str:
        """Take in what others have committed; gives why that is not done, if it is not.

        Args:
            tell: Have the user told, once, where what is asked for has no room for a note.

        Raises:
            StoreUnreachable: The server does not answer, and nothing was ever read from it.
            LibraryBusy: Nothing was ever read, and another process on this machine is at it.
        """

        def look() -> str:
            note = self._follower.look()
            if tell and note and note != self._told:
                self._notify(note)
            self._told = note
            return note

        return await asyncio.to_thread(look)


def _one_spelling(url: str) -> str:
    """A server's address as no other spelling of it is."""
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    host = f"[{host}]" if ":" in host else host
    port = parts.port or (443 if parts.scheme == "https" else 8000)
    return f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"


def _tenancy() -> tuple[str, str]:
    return os.environ.get("CHROMA_TENANT", ""), os.environ.get("CHROMA_DATABASE", "")


def _no_tags() -> SharedLibraryRefuses:
    return SharedLibraryRefuses(
        "A shared library has no tags: they would keep on one machine what others let go.",
        hint="To keep a state of it, copy it: agent library move --to embedded",
    )

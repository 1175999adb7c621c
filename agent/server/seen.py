"""A library as those see it who are not the server's owner: sources have names, and no places.

All that is answered to them, or to a model on their behalf, is read through it. So no full path can
be repeated, and no name of theirs is looked up on the server's disk. Nothing is written through it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

from agent.server.causes import log_cause, told
from agent.server.source_names import fits, names_of, own_name, without_paths
from knowledge.errors import LibraryReadOnly
from knowledge.filters import is_url
from knowledge.library import Corpus, Extent, Filters, Found, Library, Problem, SyncReport

if TYPE_CHECKING:
    from agent.server.users import User
    from knowledge.shelf import Shelf
    from knowledge.types import Document, Passage, SourceInfo

R = TypeVar("R")

_BY_WORDS = "Searched by words only."
_NOT_ALL = "Not all that a search does could be done."
_INDEXED = "The library was not indexed in full: its vectors are missing."


def seen_by(user: User, library: Library) -> Library:
    """A library as a user sees it: the owner sees it as it is."""
    return library if user.is_owner else Seen(library)


class Seen(Library):
    """One library, for one request of somebody who is not the owner."""

    def __init__(self, library: Library) -> None:
        """See a library; whoever opened it closes it."""
        self.root = library.root
        self.engine = None
        self._whole = library

    def close(self) -> None:
        """Nothing is its own."""

    async def _read(self, work: Callable[[Shelf], R]) -> R:
        return await self._whole._read(work)

    async def _write(self, work: Callable[[Shelf], R]) -> R:
        raise LibraryReadOnly("What is only seen cannot be changed.")

    async def search(self, query: str, *, limit: int = 8, filters: Filters | None = None) -> Found:
        """See `Library.search`; why it was not by meaning and words both, the log is told."""
        found = await self._whole.search(query, limit=limit, filters=await self._meant(filters))
        note = found.note
        if note:
            log_cause(note)
            note = _BY_WORDS if found.how == "lexical" else _NOT_ALL
        return Found(await self._called(found.passages), found.how, note)

    async def extent(self, filters: Filters | None = None) -> Extent:
        """See `Library.extent`."""
        found = await self._whole.extent(await self._meant(filters))
        names = await self._names()
        largest = tuple((names.called(source), size) for source, size in found.largest)
        return replace(found, largest=largest)

    async def corpus(self, filters: Filters | None = None) -> Corpus:
        """See `Library.corpus`."""
        found = await self._whole.corpus(await self._meant(filters))
        return Corpus.of(await self._called(found.blocks))

    async def document(self, document_id: str) -> Document:
        """See `Library.document`."""
        return await self._whole.document(document_id)

    async def sources(self) -> tuple[SourceInfo, ...]:
        """See `Library.sources`; sorted by what they are called."""
        names, infos = await self._names(), await self._whole.sources()

        def named() -> list[SourceInfo]:
            return [
                replace(
                    info,
                    source=names.called(info.source),
                    root="",
                    reason=without_paths(info.reason, info.source),
                )
                for info in infos
            ]

        return tuple(sorted(await asyncio.to_thread(named), key=lambda info: info.source))

    async def stale(self, source: str) -> bool:
        """See `Library.stale`; of a source by its name."""
        names = await self._names()
        return await self._whole.stale(names.sources.get(source, source))

    async def _meant(self, filters: Filters | None) -> Filters | None:
        """Filters of the library's own; names become those sources that they may mean."""
        if filters is None or not (filters.sources or filters.exactly is not None):
            return filters
        names = await self._names()
        meant = await asyncio.to_thread(names.meant, filters)
        return replace(filters, sources=(), exactly=frozenset(meant))

    async def _called(self, passages: Iterable[Passage]) -> tuple[Passage, ...]:
        names = await self._names()
        return tuple(replace(p, source=names.called(p.source)) for p in passages)

    async def _names(self) -> _Names:
        """The names of all sources as they are now: made once for as long as they stay so."""
        state = await self._whole._read(lambda at: (str(at.base), at.catalog.meta("state")))
        known = _KNOWN.get(self._whole)
        if known is None or known[0] != state:
            infos = await self._whole.sources()
            known = _KNOWN[self._whole] = state, await asyncio.to_thread(_Names, infos)
        return known[1]


class _Names:
    """What the sources of a library are called."""

    def __init__(self, infos: Sequence[SourceInfo]) -> None:
        self._of = names_of(infos)
        self._documents = {info.source: info.document_id for info in infos}
        self.sources = {name: source for source, name in self._of.items()}
        """By name."""

    def called(self, source: str) -> str:
        # One that has just come or gone is called by its file's name.
        return self._of.get(source) or own_name(source)

    def meant(self, filters: Filters) -> set[str]:
        """The sources that filters of names leave."""
        wanted = filters.exactly
        # What is called just so is meant, though as a pattern it would mean others; of a page,
        # those below it too.
        patterns = [
            fits(name) for name in filters.sources if is_url(name) or name not in self.sources
        ]
        return {
            source
            for source, name in self._of.items()
            if (wanted is None or name in wanted)
            and (
                not filters.sources
                or name in filters.sources
                or any(test(name, source, self._documents[source]) for test in patterns)
            )
        }


_KNOWN: WeakKeyDictionary[Library, tuple[tuple[str, str], _Names]] = WeakKeyDictionary()
"""By library: the state that names were made of, and the names."""


def report_for(user: User, report: SyncReport) -> SyncReport:
    """What was done to a library, as a user is told it; the log is told the rest."""
    if user.is_owner:
        return report
    log_cause(report.note)
    return replace(
        report,
        failed=tuple(_problem(problem) for problem in report.failed),
        warned=tuple(_problem(problem) for problem in report.warned),
        note=_INDEXED if report.note else "",
    )


def _problem(problem: Problem) -> Problem:
    return Problem(own_name(problem.source), without_paths(problem.reason, problem.source))


class Answering(Seen):
    """The same, where what goes wrong is told as the server tells it: for the tools of MCP."""

    async def search(self, query: str, *, limit: int = 8, filters: Filters | None = None) -> Found:
        """See `Seen.search`."""
        with told():
            return await super().search(query, limit=limit, filters=filters)

    async def document(self, document_id: str) -> Document:
        """See `Seen.document`."""
        with told():
            return await super().document(document_id)

    async def sources(self) -> tuple[SourceInfo, ...]:
        """See `Seen.sources`."""
        with told():
            return await super().sources()

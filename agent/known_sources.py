"""Which sources an ask's tools may see, and which of them a model means by a name."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from agent.toolbox import BadCall
from knowledge.filters import Filters, matcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.evidence import Ledger
    from knowledge.library import Library
    from knowledge.types import SourceInfo

_NAMED = 5
"""Sources named where a name means several."""


class KnownSources:
    """The sources of a library that an ask's filters allow."""

    def __init__(self, library: Library, ledger: Ledger, filters: Filters | None) -> None:
        self._library = library
        self._ledger = ledger
        self._filters = filters or Filters()

    async def allowed(self) -> list[SourceInfo]:
        """Those that may be seen, sorted by name.

        Of a source, the library does not say when it was last changed. So where the ask is
        limited to what changed since some time, only what a search has found may be seen.
        """
        infos = await self._of_the_names_and_kinds()
        if self._filters.since is not None:
            found = {passage.source for passage in self._ledger.passages}
            infos = [info for info in infos if info.source in found]
        return infos

    async def names(self) -> dict[str, str]:
        """By source, what it is called: by its file's name, where no other has it."""
        sources = [info.source for info in await self._of_the_names_and_kinds()]
        short = {source: source.rstrip("/").rpartition("/")[2] or source for source in sources}
        often = Counter(short.values())
        return {s: name if often[name] == 1 else s for s, name in short.items()}

    async def one(self, name: str) -> SourceInfo:
        """The source that a model means.

        Raises:
            BadCall: It may mean none, or several.
        """
        found = _meant(await self.allowed(), name)
        if not found:
            raise BadCall(f"there is no document {name!r} here. list_sources names them.")
        if len({info.document_id for info in found}) > 1:
            some = ", ".join(info.source for info in found[:_NAMED])
            raise BadCall(f"{len(found)} documents are called {name!r}. Name one: {some}")
        return found[0]

    async def narrowed(
        self, name: str, kind: str, since: float | None
    ) -> tuple[Filters | None, frozenset[str] | None]:
        """The ask's filters, and what a call asks for besides.

        Returns:
            What to search with; and, where the two together are more than filters can say, the
            sources that are meant.

        Raises:
            BadCall: Together they leave nothing.
        """
        own = self._filters
        if kind and own.kinds and kind not in own.kinds:
            raise BadCall(f"only these types may be searched here: {', '.join(own.kinds)}.")
        kinds = (kind,) if kind else own.kinds
        since = max((t for t in (since, own.since) if t is not None), default=None)
        sources, meant = own.sources, None
        if name.strip():
            found = _meant(await self._of_the_names_and_kinds(), name)
            if not found:
                raise BadCall(f"there is no source {name!r} here. list_sources names them.")
            meant = frozenset(info.source for info in found)
            # A folder of many files goes by its name, unless the ask has names of its own.
            by_name = not own.sources and all(map(matcher(name), meant))
            sources = (name,) if by_name else tuple(sorted(meant))
        filters = Filters(sources, kinds, since, own.exactly)
        return (None if filters == Filters() else filters), meant

    async def _of_the_names_and_kinds(self) -> list[SourceInfo]:
        tests = [matcher(name) for name in self._filters.sources]
        return [
            info
            for info in await self._library.sources()
            if info.document_id is not None
            and (not tests or any(test(info.source) for test in tests))
            and (not self._filters.kinds or info.kind in self._filters.kinds)
            and (self._filters.exactly is None or info.source in self._filters.exactly)
        ]


def _meant(infos: list[SourceInfo], name: str) -> list[SourceInfo]:
    """Those that a name means; the strictest reading that means any."""
    name = name.strip()
    low = name.casefold()
    readings: tuple[Callable[[SourceInfo], bool], ...] = (
        lambda info: info.source == name or info.document_id == name,
        _by(matcher(name)),
        lambda info: info.source.endswith("/" + name.strip("/")),
        lambda info: info.title.casefold() == low,
        lambda info: low in info.source.casefold() or low in info.title.casefold(),
    )
    for reading in readings:
        if found := [info for info in infos if low and reading(info)]:
            return found
    return []


def _by(test: Callable[[str], bool]) -> Callable[[SourceInfo], bool]:
    return lambda info: test(info.source)

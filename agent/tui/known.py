"""The sources of the open library as completions of what is typed: asked for once, then kept.

Each key asks for them, and a library may hold a hundred thousand.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.plain_text import one_line
from agent.tui.commands import Completion

if TYPE_CHECKING:
    from knowledge.library import Library

OFFERED = 20
"""Sources that are offered for what is typed."""
_KEPT = 10.0
"""Seconds for which they are kept at most: another process may change the library."""


class KnownSources:
    """What a library holds, by name."""

    def __init__(
        self, library: Callable[[], Library | None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask nothing yet.

        Args:
            library: The one that is open, if one is.
            clock: Seconds.
        """
        self._library = library
        self._clock = clock
        self._found: list[tuple[str, Completion]] | None = None
        """Each with what is searched of it, in lower case."""
        self._asked = 0.0

    def forget(self) -> None:
        """The library is another, or has changed."""
        self._found = None

    async def matching(self, typed: str) -> list[Completion]:
        """Sources by what is typed of their paths, those whose names begin so first.

        Each is named by its path where others share its name.

        Raises:
            KnowledgeError: The library cannot be read.
        """
        found = self._found
        if found is None or self._clock() - self._asked > _KEPT:
            found = await self._ask()
        typed = typed.casefold()
        begin = [
            each for low, each in found if low.rstrip("/").rpartition("/")[2].startswith(typed)
        ]
        if len(begin) < OFFERED:
            known = {each.names for each in begin}
            begin += [each for low, each in found if typed in low and each.names not in known]
        begin.sort(key=lambda each: each.text.casefold() != typed)
        return begin[:OFFERED]

    async def _ask(self) -> list[tuple[str, Completion]]:
        if (library := self._library()) is None:
            return []
        sources = [info.source for info in await library.sources()]
        names = [os.path.basename(source.rstrip("/")) for source in sources]
        count = Counter(names)
        found = [
            (
                source.casefold(),
                Completion(
                    source if count[name] > 1 or not name else name, one_line(source), source
                ),
            )
            for source, name in zip(sources, names, strict=True)
        ]
        if self._library() is library:
            self._found, self._asked = found, self._clock()
        return found

"""What a round reads next: chosen pages in turns, until each sub-question has as many as it may.

Each turn replaces what the one before it did not get: dead pages, stubs, copies. Which pages a
turn has follows from what became of those before alone, so a resumed run reads the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.research.types import Hit

SPARE = 2
"""How many times as many pages are chosen, and at most tried, as are to be read."""


class ReadingList:
    """The chosen pages of one round."""

    def __init__(self, chosen: Mapping[int, Sequence[Hit]], limit: int) -> None:
        """Begin with nothing read.

        Args:
            chosen: By sub-question, the best first.
            limit: Pages for a sub-question that say something.
        """
        self._waiting = {part: list(hits) for part, hits in chosen.items()}
        self._tried: dict[int, list[str]] = {part: [] for part in chosen}
        self._limit = limit

    def turn(self, fruitless: Collection[str]) -> list[list[Hit]]:
        """The pages to read next, each as its hits; empty where that is all.

        Args:
            fruitless: URLs of pages that were tried and say nothing of their own.
        """
        pages: dict[str, list[Hit]] = {}
        for part, waiting in self._waiting.items():
            read = sum(url not in fruitless for url in self._tried[part])
            missing = max(0, self._limit - read)
            taken, self._waiting[part] = waiting[:missing], waiting[missing:]
            self._tried[part] += [hit.url for hit in taken]
            for hit in taken:
                pages.setdefault(hit.url, []).append(hit)
        return list(pages.values())

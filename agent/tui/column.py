"""Items below each other, of which only some are laid out: what stands on which row.

How many rows an item has is estimated until it is laid out. Draws nothing and scrolls nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Protocol

from textual.strip import Strip

from agent.tui.rows import Look

_KEPT = 60
"""Items whose rows are kept; of the others only what they were made from is."""


class Item(Protocol):
    """What can stand in a column."""

    def estimate(self, width: int) -> int:
        """About how many rows it has, at no cost."""

    def rows(self, look: Look) -> list[Strip]:
        """Its rows; asked again only after a change."""

    def release(self) -> None:
        """Forget the rows."""


class Column:
    """Rows of items, in one look."""

    def __init__(self) -> None:
        """Begin empty."""
        self.items: list[Item] = []
        self.tops: list[int] = [0]
        """The row on which each item begins; behind the last one, how many rows there are. As of
        the last `measure`."""
        self.heights: list[int] = []
        self.look = Look(80)
        self._rows: dict[int, list[Strip]] = {}
        """Of the items that are laid out, by their place, the one asked for last at the end."""
        self._stale: set[int] = set()

    @property
    def laid_out(self) -> int:
        """How many items' rows are kept."""
        return len(self._rows)

    def put(self, item: Item) -> None:
        """An item at the end."""
        self.items.append(item)
        self.heights.append(item.estimate(self.look.width))
        self.tops.append(self.tops[-1] + self.heights[-1])

    def clear(self) -> None:
        """Take all items out."""
        self.items, self.heights, self.tops = [], [], [0]
        self._rows, self._stale = {}, set()

    def wear(self, look: Look) -> bool:
        """Have another look; whether the same words are on other rows now."""
        if look == self.look:
            return False
        wrapped_anew = look.width != self.look.width
        if wrapped_anew:
            self.heights = [item.estimate(look.width) for item in self.items]
        self.look, self._rows = look, {}
        return wrapped_anew

    def change(self, index: int) -> None:
        """An item is another now; its old rows stand until `refresh`."""
        self._stale.add(index)

    def refresh(self) -> None:
        """Forget the rows of what has changed."""
        for index in self._stale:
            self._rows.pop(index, None)
        self._stale.clear()

    def lay_out(self, index: int, step: int, wanted: int) -> int:
        """Lay out items from one on until they fill so many rows; how many it took is returned.

        Args:
            index: The first; may be outside of the column.
            step: 1 to go down, -1 to go up.
            wanted: Rows.
        """
        first = index
        while 0 <= index < len(self.items) and wanted > 0:
            rows = self._rows.pop(index, None)
            if rows is None:
                rows = self.items[index].rows(self.look)
            self._rows[index] = rows
            self.heights[index] = len(rows)
            wanted -= len(rows)
            index += step
        return abs(index - first)

    def measure(self) -> None:
        """Say anew on which rows the items begin."""
        self.tops = list(accumulate(self.heights, initial=0))

    def release(self, near: int) -> None:
        """Forget the rows of what was asked for longest ago, but for so many items."""
        while len(self._rows) > max(_KEPT, near):
            oldest = next(iter(self._rows))
            del self._rows[oldest]
            self.items[oldest].release()

    def at(self, row: int) -> int:
        """The place of the item that a row belongs to."""
        return max(0, bisect_right(self.tops, row, hi=len(self.items)) - 1)

    def between(self, first: int, last: int) -> range:
        """The places of the items that have one of these rows, both included."""
        return range(self.at(first), self.at(last) + 1) if self.items else range(0)

    def row(self, row: int) -> tuple[int, int, Strip]:
        """The item on a row, which of its rows it is counted from its last, and the row itself."""
        index = self.at(row)
        rows = self._rows.get(index)
        if rows is None:
            rows = self.items[index].rows(self.look)
        place = row - self.tops[index]
        return index, len(rows) - 1 - place, rows[place] if place < len(rows) else Strip([])

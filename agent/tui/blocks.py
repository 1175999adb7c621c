"""An answer's Markdown as rows, laid out block by block: a finished block is laid out once.

While a text streams in, only its last top-level block is parsed and laid out again, as in
textual's own `Markdown.append`. At the end the whole is parsed once more, so that what stood
earlier and was changed by what came later (a link's definition) is right; blocks that are the same
keep their rows.
"""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.strip import Strip

from agent.plain_text import clean
from agent.tui.markdown import LAID_OUT, Block, lay_out, marked, top_level
from agent.tui.widgets.safe_text import shown

if TYPE_CHECKING:
    from agent.tui.rows import Look

_QUICK = 2_000
"""Characters from which a growing code block is drawn without colours."""


class Blocks:
    """The rows of one text that may still grow."""

    def __init__(self, owner: int) -> None:
        """Begin empty.

        Args:
            owner: The answer's key: clicking a marker runs `open_marker(owner, n)`.
        """
        self._owner = owner
        self._parts: list[str] = []
        self._length = 0
        self._look: Look | None = None
        self._at = 0
        """Up to where the text's rows are fixed, in characters."""
        self._fixed: list[Strip] = []
        self._known: dict[str, list[Strip]] = {}
        """The rows of blocks, by their text, as this look has them."""

    def feed(self, text: str) -> None:
        """Add to the text."""
        if self._length < LAID_OUT:
            self._parts.append(_harmless(text[: LAID_OUT - self._length]))
        self._length += len(text)

    def release(self) -> None:
        """Forget the rows, not the text."""
        self._look = None
        self._begin()

    def rows(self, numbers: Set[int], look: Look, *, live: bool) -> list[Strip]:
        """All rows.

        Args:
            numbers: The markers that name a citation: these can be clicked.
            look: Width and colours.
            live: Whether the text still grows.
        """
        if look != self._look:
            self._look = look
            self._begin()
        text = "".join(self._parts)
        self._parts = [text]
        if live:
            return self._growing(text, look)
        self._at, self._fixed = 0, []
        whole = marked(text, numbers)
        if (more := self._length - LAID_OUT) > 0:
            whole += f"\n\n(and {more:,} more characters)"
        known = self._known
        self._known = {}
        found: list[Strip] = []
        for block in top_level(whole):
            rows = known.get(block.text) or self._lay_out(block, look)
            self._known[block.text] = rows
            _append(found, rows)
        return found

    def _growing(self, text: str, look: Look) -> list[Strip]:
        tail = text[self._at :]
        blocks = top_level(tail)
        # A block is finished once another has begun; a line that is not whole may yet change what
        # it begins, as `1` in front of `1. first`.
        whole = tail.rfind("\n") + 1
        begun = [block.start for block in blocks if block.start < whole]
        end = begun[-1] if begun else 0
        if end:
            for block in blocks:
                if block.start < end:
                    _append(self._fixed, self._lay_out(block, look))
            self._at += end
        found = list(self._fixed)
        for block in blocks:
            if block.start >= end:
                _append(found, self._lay_out(block, look, growing=True))
        return found

    def _lay_out(self, block: Block, look: Look, *, growing: bool = False) -> list[Strip]:
        quick = growing and len(block.text) > _QUICK
        rows = [
            _row(line, look.width)
            for line in lay_out(
                block, look.width, owner=self._owner, dark=look.dark, quick=quick, words=look.words
            )
        ]
        if not growing:
            self._known[block.text] = rows
        return rows

    def _begin(self) -> None:
        self._at, self._fixed, self._known = 0, [], {}


def _harmless(text: str) -> str:
    """What a terminal cannot obey, every character of a known width; lines stay lines."""
    return "\n".join(map(shown, clean(text).split("\n")))


def _row(line: list[Segment], width: int) -> Strip:
    """A row; one of which most is marks on the letters before them is cut."""
    most = 8 * width
    if sum(len(segment.text) for segment in line) > most:
        line = [Segment("".join(segment.text for segment in line)[:most])]
    return Strip(line)


def _append(rows: list[Strip], block: list[Strip]) -> None:
    """A block below those before it, a blank row between them."""
    if rows and block:
        rows.append(Strip([]))
    rows += block

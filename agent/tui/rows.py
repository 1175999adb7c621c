"""Plain text -> rows of a width, as the transcript draws them. Knows no Markdown and no widget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from agent.plain_text import clean
from agent.tui.widgets.safe_text import shown, width_of

_AS_IT_IS = Style.null()


@dataclass(frozen=True, slots=True)
class Look:
    """How an answer is drawn: whatever changes it makes rows that were laid out before stale."""

    width: int
    """Columns of a row."""
    dark: bool = True
    """Whether the ground is dark."""
    words: bool = False
    """Whether words stand where signs are drawn: a screen reader reads signs badly."""
    question: Style = _AS_IT_IS
    step: Style = _AS_IT_IS
    failed: Style = _AS_IT_IS
    end: Style = _AS_IT_IS


def click(action: str) -> Style:
    """What runs an action of the widget that draws it when it is clicked."""
    return Style.from_meta({"@click": action})


def row(*parts: tuple[str, Style], width: int) -> Strip:
    """One row, cut to a width of at least 1. The texts are made harmless here."""
    strip = Strip([Segment(shown(text), style) for text, style in parts])
    if strip.cell_length <= width:
        return strip
    return Strip.join([strip.crop(0, width - 1), Strip([Segment("…", parts[-1][1])])])


def highlit(strip: Strip, start: int, end: int, look: Style) -> Strip:
    """A row with some of its cells in another look: from `start` to `end`, -1 for the row's end."""
    end = strip.cell_length if end < 0 else min(end, strip.cell_length)
    if start >= end:
        return strip
    before, chosen, after = strip.divide([start, end, strip.cell_length])
    return Strip.join([before, chosen.apply_style(look), after])


def wrapped(
    text: str,
    look: Style,
    width: int,
    *,
    first: str = "",
    rest: str | None = None,
    limit: int = 200,
) -> list[Strip]:
    """A text on as many rows as it needs, broken at spaces where there are any.

    Args:
        text: Of any origin; it is made harmless here.
        look: How it is drawn.
        width: Columns of a row, with what is put before it.
        first: Put before the first row.
        rest: Put before the others; as many spaces as `first` has columns if None.
        limit: Rows at most; if there is more, a last row says so.
    """
    taken = cell_len(first)
    rest = " " * taken if rest is None else rest
    room = max(8, width - taken)
    # What cannot be drawn is not looked at: a text may have one line of a million characters.
    seen = clean(text[: limit * room])
    pieces = [piece for line in seen.split("\n") for piece in _broken(line, room)]
    if len(pieces) > limit or len(text) > limit * room:
        pieces = [*pieces[:limit], "… (there is more)"]
    return [
        Strip([Segment((rest if i else first) + piece, look)]) for i, piece in enumerate(pieces)
    ]


def _broken(line: str, width: int) -> Iterator[str]:
    """A line in pieces of at most so many cells."""
    start = at = cells = 0
    space = -1
    """Behind the last space of the piece."""
    while at < len(line):
        size = width_of(line[at])
        if cells + size > width and at > start:
            cut = space if space > start and line[at] != " " else at
            yield shown(line[start:cut]).rstrip(" ")
            start = at = cut
            while at < len(line) and line[at] == " ":
                start = at = at + 1
            cells, space = 0, -1
            continue
        cells += size
        at += 1
        if line[at - 1] == " ":
            space = at
    yield shown(line[start:])

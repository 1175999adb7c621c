"""Rows of a table to lines that can be found and quoted: `header: value | header: value`.

Which row is the header is told by its looks: as wide as the table, and words only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from knowledge.read.writer import Writer

Row = tuple[int, Sequence[str]]
"""Its number, counted from 1 as a spreadsheet counts, and its cells."""

_LOOK = 20
"""Rows looked at to find the header."""
_LONGEST_NAME = 100
"""Characters of a column's name."""
_VALUE = re.compile(
    r"[-+(]?[$€£¥]?\s?\d[\d.,'\s]*(?:e[-+]?\d+)?\s?[%)$€£¥]?|\d[\d:./TZ+ -]*"
    r"|true|false|-|n/?a|null",
    re.IGNORECASE,
)
"""A cell that holds a number, a date or nothing, and names no column."""
_YEAR = re.compile(r"(?:19|20)\d\d")


def write_rows(rows: Iterable[Row], out: Writer, *, level: int = 1) -> None:
    """Write a table, each row a section: `row 7`. Empty rows and cells are passed over."""
    filled = ((n, cells) for n, cells in map(_tidied, rows) if any(cells))
    first = list(islice(filled, _LOOK))
    head = _header([cells for _, cells in first])
    names = first[head][1] if head is not None else ()
    for i, (number, cells) in enumerate(chain(first, filled)):
        # What stands above the header, and the header itself, has no names.
        line = _line(cells, names if head is not None and i > head else ())
        out.mark_item(level, number, first=i == 0, one="row {}", many="rows {}-{}")
        # Without a bar a line would be taken for the next line of a paragraph.
        out.block(line, lines=1 if i and " | " in line else 2)


def _tidied(row: Row) -> Row:
    return row[0], [" ".join(cell.split()) for cell in row[1]]


def _line(cells: Sequence[str], names: Sequence[str]) -> str:
    return " | ".join(_cells(cells, names))


def _cells(cells: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    for i, cell in enumerate(cells):
        if cell:
            name = names[i] if i < len(names) else ""
            yield f"{name}: {cell}" if name else cell


def _header(rows: Sequence[Sequence[str]]) -> int | None:
    """Which of the first rows names the columns; None where none does."""
    widths = [sum(map(bool, row)) for row in rows]
    width = max(widths, default=0)
    if width < 2:
        return None
    for i, row in enumerate(rows[:-1]):
        if widths[i] * 2 > width and widths[i] > 1:
            return i if _names(row) else None
    return None


def _names(row: Sequence[str]) -> bool:
    """Whether the cells of a row can be names of columns; years can, beside a word."""
    filled = [cell for cell in row if cell]
    values = [cell for cell in filled if _VALUE.fullmatch(cell)]
    return (
        max(map(len, filled)) <= _LONGEST_NAME
        and len(values) < len(filled)
        and all(map(_YEAR.fullmatch, values))
    )

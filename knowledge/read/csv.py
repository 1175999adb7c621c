"""Tables in text (.csv, .tsv): a line for each row, its values named by the header."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from knowledge.read.outline import sections_of
from knowledge.read.rows import Row, write_rows
from knowledge.read.text import clean, decode
from knowledge.read.writer import Writer
from knowledge.types import Document

_SAMPLE = 64 * 1024
"""Characters looked at to tell the delimiter."""
_DELIMITERS = ",;\t|"
_LONGEST = 128 * 1024
"""Characters of a cell: a longer one is no cell. The csv module's own limit is the whole process's,
and another part of it may need more."""


def read_csv(data: bytes, name: str) -> Document:
    """Read a table. The delimiter is told by trying: comma, semicolon, tab or bar."""
    raw, notes = decode(data)
    text = clean(raw)
    delimiter = _delimiter(text)
    try:
        out = _written(_whole(_rows(text, delimiter), delimiter))
    except csv.Error:  # a quote that is never closed, or that opens nothing
        notes += ("its quotes do not match: each line is read as a row",)
        lines = enumerate(text.split("\n"), 1)
        out = _written((n, line.split(delimiter)) for n, line in lines)
    text = out.text()
    return Document(text, "csv", sections=sections_of(text, out.headings), notes=notes)


def _written(rows: Iterator[Row]) -> Writer:
    out = Writer()
    write_rows(rows, out)
    return out


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for n, cells in enumerate(reader, 1):
        if any(len(cell) > _LONGEST for cell in cells):
            raise csv.Error("a cell without an end")
        yield n, cells


def _whole(rows: Iterator[Row], delimiter: str) -> Iterator[Row]:
    """The rows, if no quote runs on over several: a `5"` of inches begins a cell without end.

    Told of tabs only: in prose that was quoted, commas and semicolons stand on every line.

    Raises:
        csv.Error: One does.
    """
    for n, cells in rows:
        if delimiter == "\t" and any("\n" in cell and "\t" in cell for cell in cells):
            raise csv.Error("a cell of several rows")
        yield n, cells


def _delimiter(text: str) -> str:
    """The delimiter that gives the most rows the same number of cells, and more than one.

    `csv.Sniffer` is not asked: it takes a letter that comes often for a delimiter.
    """

    def fit(delimiter: str) -> tuple[float, int]:
        widths: Counter[int] = Counter()
        try:
            for _, cells in islice(_rows(text[:_SAMPLE], delimiter), 200):
                widths[len(cells)] += bool(cells)
        except csv.Error:
            return 0, 0
        width, count = max(widths.items(), key=lambda each: each[1], default=(0, 0))
        return (count / widths.total(), width) if width > 1 else (0, 0)

    return max(_DELIMITERS, key=fit)

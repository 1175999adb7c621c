"""Excel files: sheets as sections, rows as lines with the names of their columns (door: openpyxl).

Values are those that the program last computed; formulas, charts and formats are not read.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from knowledge.errors import ReadError
from knowledge.read import stopping
from knowledge.read.outline import sections_of
from knowledge.read.package import check_package
from knowledge.read.rows import Row, write_rows
from knowledge.read.text import tidy
from knowledge.read.writer import Writer
from knowledge.types import Document

MAX_ROWS = 2**20
"""Rows of one sheet, as of Excel itself, empty ones too."""
MAX_SHEETS = 1_000
MAX_CELLS = 50_000_000
"""Cells of all sheets, empty ones too: a few bytes can claim a million rows, or a row of 16,384."""
_STREAMED = ("xl/worksheets/", "xl/sharedStrings")
_PERCENT = re.compile(r"0(?:\.(0+))?\s?%")


def read_xlsx(data: bytes, name: str) -> Document:
    """Read an Excel file (.xlsx, .xlsm).

    Raises:
        ReadError: It is damaged, encrypted, no Excel file, or unpacks to too much.
    """
    check_package(data, "Excel file", old=".xls", streamed=_STREAMED)
    from openpyxl import load_workbook

    out = Writer()
    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that it does not know
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            title = " ".join(tidy(str(book.properties.title or "")).split())
            _sheets(book, out, notes)
            book.close()
    except (ReadError, InterruptedError):
        raise
    except Exception as error:  # openpyxl fails on damaged files with errors of every type
        reason = str(error).strip() or type(error).__name__
        raise ReadError(
            f"the Excel file is damaged: {reason[:200]}", hint="Get it again."
        ) from None
    text = out.text()
    sections = sections_of(text, out.headings)
    return Document(text, "xlsx", title=title, sections=sections, notes=tuple(notes))


def _sheets(book: Any, out: Writer, notes: list[str]) -> None:
    cells = 0
    for sheet in book.worksheets[:MAX_SHEETS]:
        # What a file says of its size is often wrong, and openpyxl would believe it.
        sheet.reset_dimensions()
        out.mark(1, tidy(sheet.title))
        rows = _Rows(sheet, cells)
        write_rows(rows, out, level=2)
        cells = rows.cells
        if rows.cut:
            notes.append(f"sheet {tidy(sheet.title)}: rows after {MAX_ROWS:,} left out")
    if len(book.worksheets) > MAX_SHEETS:
        notes.append(f"sheets after {MAX_SHEETS:,} left out")


class _Rows:
    """The rows of a sheet, at most so many as Excel has."""

    def __init__(self, sheet: Any, cells: int) -> None:
        self.cells = cells
        """Read so far, of this sheet and those before it."""
        self.cut = False
        self._sheet = sheet

    def __iter__(self) -> Iterator[Row]:
        for number, cells in enumerate(self._sheet.iter_rows(), 1):
            stopping.check()
            self.cut = number > MAX_ROWS
            if self.cut:
                return
            self.cells += 1 + len(cells)
            if self.cells > MAX_CELLS:
                raise ReadError(f"it has more than {MAX_CELLS:,} cells; split it")
            if cells:
                yield number, [_shown(cell) for cell in cells]


def _shown(cell: Any) -> str:
    """A cell's value about as the sheet shows it."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        if percent := _PERCENT.search(cell.number_format or ""):
            return f"{value * 100:.{len(percent[1] or '')}f}%"
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return tidy(str(value))

"""Jupyter notebooks: prose as Markdown, code and its printed results fenced. Runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from knowledge.errors import ReadError
from knowledge.read.json import parse
from knowledge.read.markdown import headings_in
from knowledge.read.outline import sections_of
from knowledge.read.text import decode, tidy
from knowledge.read.writer import Writer
from knowledge.types import Document

OUTPUT_LIMIT = 2_000
"""Characters kept of the results of one cell: what is printed in bulk explains little."""
_CELL = 7
"""Level of a cell's own section, below all headings."""
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def read_notebook(data: bytes, name: str) -> Document:
    """Read a notebook (.ipynb). A cell that begins with no heading is a section: `cell 4`.

    Pictures among the results are left out; of text, HTML and errors the plain form is kept.

    Raises:
        ReadError: It is no notebook.
    """
    raw, notes = decode(data)
    try:
        book = parse(raw)
    except (ValueError, RecursionError) as error:
        raise ReadError(f"the notebook is damaged: its JSON cannot be read ({error})") from None
    cells = _cells(book)
    language = _language(book)
    out = Writer()
    for number, cell in enumerate(cells, 1):
        _write(cell, number, language, out)
    text = out.text()
    title = next((h.title for h in out.headings if h.level == 1), "")
    sections = sections_of(text, out.headings)
    return Document(text, "notebook", title=title, sections=sections, notes=notes)


def _cells(book: Any) -> list[dict[str, Any]]:
    """The cells, in the format of today or in that of before 2015."""
    found = None
    if isinstance(book, dict):
        sheets = book.get("worksheets")
        first = sheets[0] if isinstance(sheets, list) and sheets else book
        found = first.get("cells") if isinstance(first, dict) else None
    if not isinstance(found, list):
        raise ReadError("it is not a notebook: it has no cells")
    return [cell for cell in found if isinstance(cell, dict)]


def _language(book: Any) -> str:
    metadata = book.get("metadata")
    for key, field in (("language_info", "name"), ("kernelspec", "language")):
        info = metadata.get(key) if isinstance(metadata, dict) else None
        name = info.get(field) if isinstance(info, dict) else None
        if isinstance(name, str) and re.fullmatch(r"[\w+#.-]{1,30}", name):
            return name.lower()
    return "python"


def _write(cell: dict[str, Any], number: int, language: str, out: Writer) -> None:
    kind = cell.get("cell_type")
    source = _text(cell.get("source", cell.get("input")))
    if kind == "heading":  # of the old format
        level = cell.get("level")
        out.heading(int(level) if level in list("123456") else 1, source)
        return
    if kind != "code":
        source = tidy(source).strip("\n").rstrip()
        headings = headings_in(source)
        if not headings or source[: headings[0].start].strip():
            out.mark(_CELL, f"cell {number}")
        out.block(source, headings=headings)
        return
    out.mark(_CELL, f"cell {number}")
    out.fenced(source, language)
    results = "\n".join(_results(cell.get("outputs"))).strip("\n")
    if len(results) > OUTPUT_LIMIT:
        results = results[:OUTPUT_LIMIT].rstrip() + "\n…"
    if results.strip():
        out.block("Output:")
        out.fenced(results)


def _results(outputs: Any) -> Iterator[str]:
    for output in outputs if isinstance(outputs, list) else ():
        if not isinstance(output, dict):
            continue
        bundle = output.get("data", output)
        plain = bundle.get("text/plain", output.get("text")) if isinstance(bundle, dict) else None
        text = _text(plain)
        if output.get("ename"):
            text = f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
        text = _ANSI.sub("", text).strip("\n")
        if text.strip():
            yield text


def _text(value: Any) -> str:
    """A text, which the format also keeps as a list of lines."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""

"""Word files: paragraphs, headings, lists, tables and notes in document order (door: docx)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from knowledge.errors import ReadError
from knowledge.read.equations import M, part
from knowledge.read.outline import Heading, sections_of
from knowledge.read.package import check_package
from knowledge.read.text import tidy
from knowledge.types import Document

_DEPTH_LIMIT = 100
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_SKIPPED = {
    f"{_W}{name}"
    for name in ("del", "moveFrom", "instrText", "delText", "pPr", "rPr", "rt", "sectPr")
} | {"{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"}
"""Deleted text, field codes, properties, and how the word below is spoken (`rt`); the fallback
repeats what stands beside it."""
_HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)


def read_docx(data: bytes, name: str) -> Document:
    """Read a Word file (.docx). Deleted text of tracked changes is left out, inserted text kept.

    Raises:
        ReadError: It is damaged, encrypted, no Word file, or unpacks to too much.
    """
    check_package(data, "Word file", old=".doc")
    from docx import Document as open_docx

    try:
        file = open_docx(io.BytesIO(data))
        writer = _Writer(file)
        writer.blocks(file.element.body)
        writer.notes(file.part)
        title = " ".join(tidy(file.core_properties.title or "").split())
    except RecursionError:
        raise ReadError("the Word file is damaged: it nests too deeply") from None
    except Exception as error:  # python-docx and lxml fail on damaged files with any error
        reason = str(error).strip() or type(error).__name__
        raise ReadError(f"the Word file is damaged: {reason}", hint="Get it again.") from None
    text = writer.text()
    if not text.strip():
        raise ReadError("it holds no text")
    if not title:
        title = writer.title or next((h.title for h in writer.headings if h.level == 1), "")
    return Document(text, "docx", title=title, sections=sections_of(text, writer.headings))


class _Writer:
    """Gathers the text of a Word file."""

    def __init__(self, file: Any) -> None:
        self.headings: list[Heading] = []
        self.title = ""
        self._styles = {style.style_id: style for style in file.styles}
        self._parts: list[str] = []
        self._length = 0
        self._in_list = False

    def text(self) -> str:
        """What has been written."""
        return "".join(self._parts)

    def blocks(self, parent: Any, depth: int = 0) -> None:
        """Write the paragraphs and tables under an element, in order."""
        if depth > _DEPTH_LIMIT:
            raise RecursionError
        for node in parent:
            if node.tag == f"{_W}p":
                self._paragraph(node)
                for box in node.iter(f"{_W}txbxContent"):
                    if not _skipped(box, node) and not _nested(box, node):
                        self.blocks(box, depth + 1)
            elif node.tag == f"{_W}tbl":
                self._table(node)
            elif isinstance(node.tag, str) and node.tag not in _SKIPPED:
                self.blocks(node, depth + 1)  # content controls, tracked insertions

    def notes(self, part: Any) -> None:
        """Write the footnotes and endnotes, which Word keeps apart from the text."""
        from docx.oxml import parse_xml

        for relation in part.rels.values():
            if not relation.is_external and relation.reltype.endswith(("/footnotes", "/endnotes")):
                for note in parse_xml(relation.target_part.blob):
                    if note.get(f"{_W}type") in (None, "normal"):
                        self.blocks(note)

    def _paragraph(self, node: Any) -> None:
        text = tidy(_text_of(node)).strip()
        if not text:
            return
        style = self._style(node)
        level = self._level(node, style)
        if level:
            text = " ".join(text.split())
            self._block(f"{'#' * level} ", 2)
            self.headings.append(Heading(self._length - level - 1, level, text))
            self._put(text)
        elif self._is_item(node, style):
            self._block("- ", 1 if self._in_list else 2)
            self._put(text)
            self._in_list = True
            return
        else:
            self._block("", 2)
            self._put(text)
            if not self.title and style is not None and style.name == "Title":
                self.title = " ".join(text.split())
        self._in_list = False

    def _table(self, table: Any) -> None:
        """Rows as lines, cells parted by ` | `; a table within a cell is part of its text."""
        lines = 2
        for row in table.iter(f"{_W}tr"):
            if next(row.iterancestors(f"{_W}tbl")) is not table:
                continue
            cells = [
                " ".join(" ".join(tidy(_text_of(p)) for p in cell.iter(f"{_W}p")).split())
                for cell in row.iter(f"{_W}tc")
                if next(cell.iterancestors(f"{_W}tr")) is row
            ]
            line = " | ".join(cells).strip()
            if line.strip(" |"):
                self._block("", lines)
                self._put(line)
                lines = 1
        self._in_list = False

    def _block(self, prefix: str, lines: int) -> None:
        if self._length:
            self._put("\n" * lines)
        self._put(prefix)

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    def _style(self, node: Any) -> Any:
        found = node.find(f"{_W}pPr/{_W}pStyle")
        return self._styles.get(found.get(f"{_W}val")) if found is not None else None

    def _level(self, node: Any, style: Any) -> int:
        """The heading level, 1 to 6, of a paragraph; 0: it is none. A style inherits its own."""
        outline = node.find(f"{_W}pPr/{_W}outlineLvl")
        for _ in range(20):
            if outline is not None:
                value = outline.get(f"{_W}val", "9")
                return min(int(value) + 1, 6) if value.isdigit() and int(value) < 9 else 0
            if style is None:
                return 0
            if named := _HEADING_STYLE.fullmatch(style.name or ""):
                return min(max(int(named[1]), 1), 6)
            outline = style.element.find(f"{_W}pPr/{_W}outlineLvl")
            style = style.base_style
        return 0

    def _is_item(self, node: Any, style: Any) -> bool:
        numbered = node.find(f"{_W}pPr/{_W}numPr/{_W}numId")
        if numbered is not None:
            return bool(numbered.get(f"{_W}val") != "0")
        return style is not None and (style.name or "").startswith("List ")


def _text_of(paragraph: Any) -> str:
    """The words of one paragraph, without those of the text boxes anchored in it."""
    return "".join(_runs(paragraph, 0))


def _runs(node: Any, depth: int) -> Iterator[str]:
    if depth > _DEPTH_LIMIT:
        raise RecursionError
    for child in node:
        tag = child.tag
        if tag == f"{_W}t":
            yield child.text or ""
        elif tag == f"{_W}tab":
            yield "\t"
        elif tag in (f"{_W}br", f"{_W}cr"):
            yield "\n"
        elif tag == f"{_W}noBreakHyphen":
            yield "-"
        elif isinstance(tag, str) and tag.startswith(M):
            yield from part(child, lambda node: "".join(_runs(node, depth + 1)))
        elif isinstance(tag, str) and tag not in _SKIPPED and tag != f"{_W}txbxContent":
            yield from _runs(child, depth + 1)


def _skipped(node: Any, top: Any) -> bool:
    """Whether a node lies in deleted or repeated text below `top`."""
    for above in node.iterancestors():
        if above is top:
            return False
        if above.tag in _SKIPPED:
            return True
    return False


def _nested(box: Any, top: Any) -> bool:
    """Whether a text box lies in another one below `top`, which writes it."""
    for above in box.iterancestors(f"{_W}txbxContent"):
        return top in above.iterancestors()
    return False

"""reStructuredText: the text exactly as it is, and sections by its titles. Renders nothing."""

from __future__ import annotations

import re
import unicodedata

from knowledge.read.outline import Heading, sections_of
from knowledge.read.text import clean, decode
from knowledge.types import Document

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*[ \t]*")
_NO_TITLE = re.compile(r"\.\.(?:\s|$)|[-*+•‣⁃]\s|:[^:\s][^:]*:(?:\s|$)|>>>")
"""What begins a comment, a bullet, a field or an example, and is no title whatever follows."""
_LONGEST = 300
"""Characters of a title."""
_ROLE = re.compile(r":[\w.:+-]+:`([^`<]*[^`<\s])(?:\s*<[^`>]*>)?`")
_MARKUP = re.compile(r"(``|\*\*|\*|`|\|)(\S(?:[^\n]*?\S)?)\1_{0,2}")


def read_rst(data: bytes, name: str) -> Document:
    """Read a reStructuredText file.

    A title is a line with a line of one repeated sign under it, or over and under it. The level
    of such a style is told by when it is first seen, as docutils does.
    """
    raw, notes = decode(data)
    text = clean(raw)
    headings = _headings(text)
    title = headings[0].title if headings else ""
    return Document(text, "rst", title=title, sections=sections_of(text, headings), notes=notes)


def _headings(text: str) -> list[Heading]:
    lines = text.split("\n")
    styles: list[str] = []
    found: list[Heading] = []
    offset = i = 0
    while i < len(lines):
        taken, style, title = _title_at(lines, i)
        if taken:
            if style not in styles:
                styles.append(style)
            found.append(Heading(offset, styles.index(style) + 1, _plain(title)))
        for line in lines[i : i + (taken or 1)]:
            offset += len(line) + 1
        i += taken or 1
    return found


def _title_at(lines: list[str], i: int) -> tuple[int, str, str]:
    """How many lines a title takes that begins at a line, its style, its words; (0, "", "")."""
    none = (0, "", "")
    if i > 0 and lines[i - 1].strip():
        return none
    first, second, third = (*lines[i : i + 3], "", "")[:3]
    sign = first[:1]
    if _ADORNMENT.fullmatch(first):
        words = second.strip()
        under = third.rstrip()
        fits = (
            0 < len(words) <= _LONGEST
            and under == first.rstrip()
            and _width(words) <= max(len(under), 1)
        )
        return (3, sign * 2, words) if fits and not _is_line(second) else none
    words = first.rstrip()
    if not words or len(words) > _LONGEST or words[0].isspace() or _NO_TITLE.match(words):
        return none
    if not _is_line(second):
        return none
    length = len(second.rstrip())
    # A line that is shorter than its title is one all the same, unless it is very short.
    return (2, second[:1], words) if length >= min(4, _width(words)) else none


def _is_line(line: str) -> bool:
    return bool(_ADORNMENT.fullmatch(line))


def _width(text: str) -> int:
    """Columns that a text takes: letters of East Asia take two."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def _plain(title: str) -> str:
    """A title's words without their markup."""
    return _MARKUP.sub(r"\2", _ROLE.sub(r"\1", title))

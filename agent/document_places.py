"""A place in a document, as a person or a model names it -> an offset; and the text from there on.

Understands what `Document.place` says (`Install > Linux, p. 3`, `lines 4-9`), a heading alone,
an offset (`from 1200`), and words that stand in the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from knowledge.types import Span

if TYPE_CHECKING:
    from knowledge.types import Document

_PAGE = re.compile(r"\bp(?:p\.?|\.|ages?)?\s*(\d{1,6})", re.IGNORECASE)
_LINE = re.compile(r"\blines?\s*(\d{1,9})", re.IGNORECASE)
_FROM = re.compile(r"(?:from|offset|char(?:acter)?s?)\s*(\d{1,12})\Z", re.IGNORECASE)
_PIECE = 1200
"""Characters of a passage that is cut out of a document, at most."""
_ENDS = (re.compile(r"\n\s*\n"), re.compile(r"[.!?…][\"'”’)]*\s|\n"), re.compile(r"\s"))
"""Where a piece may end, the best first."""
_HEADINGS = 20
"""Headings named where a place is not found."""


class PlaceUnknown(Exception):
    """The document has no such place; `str(error)` says what it has."""


def start_of(document: Document, place: str) -> int:
    """Where a place begins, in characters.

    Args:
        document: In which it is sought.
        place: See the module; empty is the beginning.

    Raises:
        PlaceUnknown: It is not found.
    """
    place = " ".join(place.split())
    if not place:
        return 0
    if match := _FROM.match(place):
        if (offset := int(match[1])) < len(document.text):
            return offset
        raise PlaceUnknown(f"The document has {len(document.text)} characters.")
    found = _heading(document, place)
    if found is None and (match := _PAGE.search(place)) and document.pages:
        found = _page(document, int(match[1]))
    if found is None and (match := _LINE.search(place)):
        found = _line(document, int(match[1]))
    if found is None:
        words = re.search(r"\s+".join(map(re.escape, place.split())), document.text, re.IGNORECASE)
        found = words.start() if words else None
    if found is None:
        raise PlaceUnknown(_what_there_is(document))
    return found


def line_before(document: Document, offset: int, most: int) -> int:
    """Where a line begins before an offset, at most so many characters before; else those."""
    start = max(0, offset - most)
    return document.text.find("\n", start, offset) + 1 or start if start else 0


def pieces(document: Document, start: int, most: int) -> list[Span]:
    """The text from an offset on, cut between paragraphs or sentences where it can be.

    Args:
        document: That is cut.
        start: Where the first piece begins.
        most: How many pieces, at most.

    Returns:
        Spans without white space at their ends, none empty.
    """
    text, found = document.text, list[Span]()
    while len(found) < most and start < len(text):
        end = min(len(text), start + _PIECE)
        if end < len(text):
            end = next(filter(None, (_last(mark, text, start, end) for mark in _ENDS)), end)
        piece = text[start:end]
        if piece.strip():
            lead = len(piece) - len(piece.lstrip())
            found.append(Span(start + lead, start + len(piece.rstrip())))
        start = end
    return found


def _last(mark: re.Pattern[str], text: str, start: int, end: int) -> int | None:
    """Behind the last mark in the second half of a range."""
    last = None
    for match in mark.finditer(text, (start + end) // 2, end):
        last = match.end()
    return last


def _heading(document: Document, place: str) -> int | None:
    """The section of that heading, or of that path of headings; the one most like it."""
    wanted = re.sub(r",\s*(?:pp?\.|lines?)\s*\d+(?:-\d+)?\Z", "", place).casefold()
    if wanted != place.casefold() and (document.pages or "line" in place):
        # A page or a line in a section is nearer than the section.
        return None
    likeness: list[tuple[int, int]] = []
    for section in document.sections:
        path = " > ".join(section.headings).casefold()
        if path == wanted:
            likeness.append((0, section.start))
        elif path and section.headings[-1].casefold() == wanted:
            likeness.append((1, section.start))
        elif wanted in path:
            likeness.append((2, section.start))
    return min(likeness)[1] if likeness else None


def _page(document: Document, number: int) -> int | None:
    return next((page.start for page in document.pages if page.number == number), None)


def _line(document: Document, number: int) -> int | None:
    at = 0
    for _ in range(number - 1):
        if not (at := document.text.find("\n", at) + 1):
            return None
    return at if at < len(document.text) else None


def _what_there_is(document: Document) -> str:
    pages = [page.number for page in document.pages]
    headings = list(dict.fromkeys(s.headings[-1] for s in document.sections if s.headings))
    parts = [f"The document has {len(document.text)} characters"]
    if pages:
        parts.append(f"pages {min(pages)} to {max(pages)}")
    if headings:
        more = " …" if len(headings) > _HEADINGS else ""
        parts.append("the headings " + "; ".join(headings[:_HEADINGS]) + more)
    return ", ".join(parts) + "."

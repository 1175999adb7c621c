"""An answer cut into the sentences that may be restyled; what stands between them stays as it is.

Code, headings, tables, a part of a quotation or formula that goes over several sentences, and a
sentence that says that the sources do not say are never restyled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.claims import abstains
from agent.markers import MarkerFilter
from agent.persona.verbatim import SPANS
from knowledge.sentences import sentences
from knowledge.types import Span

_MARKERS = re.compile(r"[^\S\n]*(?:\[\d{1,3}\])+")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,9}[.)])\s")
_PARAGRAPH = re.compile(r"(?:[^\S\n]*\S[^\n]*\n?)+")
_INDENT = re.compile(r" {4}| {0,3}\t")
_LONGEST = 1200
"""Characters of a sentence that is restyled, and of a group."""
_TOGETHER = 6
"""Sentences of a group at most."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence of an answer that may be restyled, with the markers behind it."""

    start: int
    end: int
    text: str


def pieces(text: str) -> Iterator[Piece]:
    """The sentences of an answer, in order, that may be restyled."""
    markers = MarkerFilter(range(1, 1000))
    shown = markers.feed(text) + markers.flush()
    # Where the filter rewrites something, offsets would not be the answer's.
    code = [Span(*span) for span in markers.code] if shown == text else []
    code += _indented(text)
    verbatim = [
        Span(*match.span())
        for paragraph in _PARAGRAPH.finditer(text)  # an unclosed mark reaches no further
        for match in SPANS.finditer(text, *paragraph.span())
    ]
    end_of_last = 0
    for span in sentences(text):
        start = max(span.start, end_of_last)
        behind = _MARKERS.match(text, span.end)
        end = end_of_last = behind.end() if behind else span.end
        piece = text[start:end]
        lead = len(piece) - len(piece.lstrip())
        piece, start = piece.strip(), start + lead
        end = start + len(piece)
        if any(span.overlaps(block) for block in code) or not _restylable(text, start, piece):
            continue
        if any(Span(start, end).overlaps(v) and (v.start < start or v.end > end) for v in verbatim):
            continue
        yield Piece(start, end, piece)


def groups(found: Sequence[Piece], text: str, *, single: bool) -> Iterator[list[Piece]]:
    """Neighbours of one paragraph together, for a voice to restyle at once.

    Args:
        found: All pieces of `text`.
        text: The answer.
        single: Each by itself.
    """
    group: list[Piece] = []
    for piece in found:
        full = single or len(group) == _TOGETHER
        if group and (
            full
            or "\n\n" in text[group[-1].end : piece.start]
            or piece.end - group[0].start > _LONGEST
        ):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def replaced(text: str, new: Sequence[tuple[Piece, str]]) -> str:
    """The answer with some of its pieces in other words."""
    parts: list[str] = []
    at = 0
    for piece, words in new:
        parts += [text[at : piece.start], words]
        at = piece.end
    return "".join(parts) + text[at:]


def _indented(text: str) -> Iterator[Span]:
    """Lines of code as CommonMark has it, by four blanks; in a list, such lines go on with it."""
    listed = blank = False
    at = 0
    for line in text.splitlines(keepends=True):
        stands = bool(line.strip())
        code = stands and not listed and bool(_INDENT.match(line))
        if code:
            yield Span(at, at + len(line))
        elif _ITEM.match(line):
            listed = True
        elif stands and blank and not line[0].isspace():
            listed = False
        blank = not stands
        at += len(line)


def _restylable(text: str, start: int, piece: str) -> bool:
    line = text[text.rfind("\n", 0, start) + 1 : start].strip()
    if line.startswith("#") or piece.startswith(("#", "|", "```")) or " | " in piece:
        return False
    if "\n" in piece or len(piece) > _LONGEST or abstains(piece):
        return False
    return sum(map(str.isalpha, piece)) > 1

"""A source's text as passages: windows of whole sentences, the ones that may answer first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from knowledge.lexical import index
from knowledge.sentences import sentences
from knowledge.types import Passage, Span

if TYPE_CHECKING:
    from agent.research.types import Source

_WINDOW = 1150
"""Characters at most, as `agent.models.reader.whole` has it; a longer sentence is one."""
_NEAR = 600
"""Characters before and behind a range in which its sentences end."""
_HEADING = re.compile(r"^[^\S\n]{0,3}(#{1,6})[^\S\n]+(.+?)[^\S\n]*#*$", re.MULTILINE)


def windows(source: Source, text: str) -> list[Passage]:
    """All of them, in order, each with the headings it stands under; they do not overlap."""
    found = []
    for start, end in _cut(text):
        place = " > ".join(_headings(text, start))
        found.append(
            Passage(f"{source.sha256}:{start}", source.sha256, source.url, source.title, place,
                    start, end, text[start:end], 1.0)
        )  # fmt: skip
    return found


def likely(passages: list[Passage], query: str, limit: int) -> list[Passage]:
    """Those that share most with a query by BM25, the best first, scored as shares of the best."""
    made = index(f"{p.place}\n{p.text}" for p in passages)
    if made is None:
        return passages[:limit]
    scores = made.scores(query)
    best = float(scores.max())
    order = sorted(range(len(passages)), key=lambda i: -scores[i])[:limit]
    return [replace(passages[i], score=float(scores[i]) / best if best > 0 else 0.0) for i in order]


def around(text: str, span: Span) -> Span:
    """The range with the sentences that it stands in, whole, as far as they lie near."""
    start = max(0, span.start - _NEAR)
    near = text[start : span.end + _NEAR]
    moved = Span(span.start - start, span.end - start)
    spans = [s for s in sentences(near) if s.overlaps(moved)]
    first = min([moved.start, *(s.start for s in spans)])
    last = max([moved.end, *(s.end for s in spans)])
    return Span(start + first, start + last)


def _cut(text: str) -> Iterator[tuple[int, int]]:
    """Runs of whole sentences with the markup before them."""
    start = end = -1
    for span in sentences(text):
        if start >= 0 and span.end - start > _WINDOW:
            yield start, end
            start = -1
        if start < 0:
            between = text[max(end, 0) : span.start]
            start = max(end, 0) + len(between) - len(between.lstrip())
        end = span.end
    if start >= 0:
        yield start, end


def _headings(text: str, at: int) -> list[str]:
    """The path of headings above a place."""
    path: list[tuple[int, str]] = []
    for heading in _HEADING.finditer(text, 0, at):
        level = len(heading[1])
        path = [*(h for h in path if h[0] < level), (level, heading[2])]
    return [words for _, words in path]

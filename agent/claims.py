"""An answer read as claims: its sentences, each with the citation markers that belong to it.

Code, headings, questions and lines that lead in to a list or to code claim nothing. Whether a
claim is borne out is not asked here; that is `citations.py`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from agent.markers import Marker, MarkerFilter
from agent.quotes import normalise
from agent.support import content, numbers
from knowledge.sentences import sentences
from knowledge.types import Span

ABSTENTION = "The sources do not say"
"""How an answer begins, or a sentence of it, that the passages do not hold."""

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_HEADING = re.compile(r"[ \t]*#{1,6}[ \t]+\Z")
_LISTED = re.compile(r"\s*(?:[-*+•|>]\s|\(?(?:[0-9]{1,3}|[A-Za-z])[.)]\s|`{3}|~{3}|\||\$ )")
_PRESENTS = re.compile(
    r"[*_\s]*(?:here(?:['’]s|\s+(?:is|are))|below\s+(?:is|are))\b", re.IGNORECASE
)
_PREDICATES = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|do|does|did|can|could|will|would|may|might|must"
    r"|shall|should|cannot|(?:he|she|it|they|we|this|these|that|those|who)\s+\w)|n['’]t\b|['’]s\b",
    re.IGNORECASE,
)
"""A verb, or a pronoun that has one: with it, one content word is a statement (`He died.`)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the answer."""

    text: str
    """Without its markers; emphasis as the model wrote it."""
    markers: tuple[int, ...]
    """The numbers it carries."""
    nearby: tuple[int, ...]
    """The numbers of its paragraph: a claim without its own is read with these."""
    abstains: bool = False
    """It begins with `ABSTENTION` and cites nothing: it says that nothing is said."""


def claims(text: str, passages: int) -> Iterator[Claim]:
    """Cut an answer into claims.

    A marker belongs to the sentence that it stands in or follows; one that opens a line, to that
    line's. Code between a sentence and its marker belongs to the claim.

    Args:
        text: The answer with its markers.
        passages: How many numbers name something.
    """
    markers = MarkerFilter(range(1, passages + 1))
    text = markers.feed(text) + markers.flush()
    plain, places = _without(text, markers.markers)
    code = [_moved(span, markers.markers, places) for span in markers.code]
    spans = [span for span in sentences(plain) if not any(map(span.overlaps, code))]
    owned: dict[int, list[int]] = {}
    ends = [span.end for span in spans]
    for marker, place in zip(markers.markers, places, strict=True):
        if spans:
            i = _owner(plain, spans, place)
            owned.setdefault(i, []).append(marker.n)
            # Code between a sentence and its marker is a part of what is claimed.
            ends[i] = max(ends[i], place)

    paragraphs = [0, *(blank.end() for blank in _BLANK_LINE.finditer(plain))]
    paragraph = [bisect_left(paragraphs, span.start + 1) for span in spans]
    for i, span in enumerate(spans):
        own = tuple(dict.fromkeys(owned.get(i, ())))
        sentence = plain[span.start : ends[i]].rstrip()
        silent = not own and abstains(sentence)
        if own or silent or _claims(plain, span):
            near = (n for j, ns in owned.items() if paragraph[j] == paragraph[i] for n in ns)
            yield Claim(sentence, own, tuple(dict.fromkeys(near)), silent)


def abstains(text: str) -> bool:
    """Whether a text begins by saying that the sources do not hold it."""
    return normalise(text).text.startswith(ABSTENTION)


def _without(text: str, markers: list[Marker]) -> tuple[str, list[int]]:
    """The text without markers and the blanks before them; where each of them would stand."""
    parts: list[str] = []
    places: list[int] = []
    at = length = 0
    for marker in markers:
        part = text[at : marker.start].rstrip(" \t")
        parts.append(part)
        length += len(part)
        places.append(length)
        at = marker.end
    return "".join(parts) + text[at:], places


def _owner(plain: str, spans: list[Span], place: int) -> int:
    """The sentence that a marker at a place belongs to."""
    i = max(0, bisect_left(spans, place, key=lambda span: span.start) - 1)
    if i + 1 < len(spans) and "\n" in plain[spans[i].end : place]:
        opens_line = "\n" not in plain[place : spans[i + 1].start]
        return i + 1 if opens_line else i
    return i


def _claims(plain: str, span: Span) -> bool:
    """Whether a sentence without a marker says something that should have one."""
    sentence = plain[span.start : span.end]
    bare = sentence.rstrip("*_ ")
    if _HEADING.match(plain[plain.rfind("\n", 0, span.start) + 1 : span.start]):
        return False
    if bare.endswith("?"):
        return False
    if bare.endswith(":") and (_LISTED.match(plain, span.end) or _PRESENTS.match(sentence)):
        return False
    words = len(content(sentence)) + len(numbers(sentence))
    return words > 1 or (words == 1 and bool(_PREDICATES.search(sentence)))


def _moved(span: tuple[int, int], markers: list[Marker], places: list[int]) -> Span:
    """A range of the text without markers in it -> where it lies once all markers are out."""
    i = bisect_right(markers, span[0], key=lambda marker: marker.end)
    shift = markers[i - 1].end - places[i - 1] if i else 0
    return Span(span[0] - shift, span[1] - shift)

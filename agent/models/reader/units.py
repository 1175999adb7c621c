"""What can be quoted: the sentences of the passages, each with what stands around it.

A sentence that announces (`Run this:`) takes along the list or the code that it announces; a lead
in bold (`**Parking.** …`) and what is taken back (`… It is not true.`) the sentence behind them. A
heading, the head of a table or a question is never an answer; it lends its words to what follows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.models.reader.words import Token, tokens
from knowledge.sentences import sentences

if TYPE_CHECKING:
    from knowledge.types import Passage, Span

_ITEM = re.compile(r"[^\S\n]*(?:[-*+•]|\d{1,3}[.)])[^\S\n]+\S")
_FENCE = re.compile(r"[^\S\n]{0,3}(?:`{3,}|~{3,})")
_HEAD_OF_TABLE = re.compile(r"[ \t|]*\n(?=[^\n]*\|)(?=[^\n]*-)[|: \t-]+(?:\n|\Z)")
"""What stands behind the last cell of a table's head: the line of dashes under it."""
_LEAD = re.compile(r"(?:^|\n)[\s>]*(?:(?:[-*+•]|\d{1,3}[.)])\s+)?\*\*(?=\S)[^*\n]{1,60}\*\*[.:]?\Z")
_TAKEN_BACK = re.compile(
    r"(?:but |however, )?(?:it|this|that)(?:['’]s| is| was| has been| has proved| proved)"
    r"(?: \w+)? (?:not (?:true|so|the case|correct)|untrue|false|wrong|incorrect|mistaken|denied"
    r"|disproved|refuted|retracted|withdrawn|cancelled|revoked|an? (?:myth|error|mistake|hoax))\b",
    re.IGNORECASE,
)
"""How a sentence begins that takes back the one before it."""
_POINTING_WORDS = """
he she it they this these that those his her its their such both
"""
_POINTING = frozenset(_POINTING_WORDS.split())
_WORDS = re.compile(r"[^\W_]")
_LONGEST = 700
"""Characters of a quote: longer than that, an announced list or code block is cut at a line."""


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A sentence that may be quoted, and its surroundings."""

    n: int
    """The number of its passage, from 1."""
    start: int
    end: int
    """Its place in the passage's text."""
    text: str
    """`passage.text[start:end]`, as it stands."""
    tokens: tuple[Token, ...]
    """With offsets in `text`."""
    before: tuple[Token, ...]
    """The words of the sentence before it in the passage; empty for the first."""
    after: tuple[Token, ...]
    heading: tuple[Token, ...]
    """The words of the title, the place and the headings over it."""
    leans: bool
    """Whether it points back to, or answers, the sentence before it."""
    position: int
    """How many sentences of the passage stand before it."""

    @property
    def flat(self) -> str:
        """The text on one line, as an embedder wants it."""
        return " ".join(self.text.split())


def units(passages: Sequence[Passage]) -> list[Unit]:
    """The quotable sentences of all passages, in order; one in two chunks comes once."""
    found: list[Unit] = []
    seen: set[tuple[str, int]] = set()
    for n, passage in enumerate(passages, 1):
        for unit in _of_passage(n, passage):
            key = (passage.document_id, passage.start + unit.start)
            if key not in seen:
                seen.add(key)
                found.append(unit)
    return found


def quotable(text: str) -> list[str]:
    """What `units` would quote of a passage, each on one line, without taking it apart in words."""
    spans = sentences(text)
    found: list[str] = []
    taken = 0
    for i, span in enumerate(spans):
        said = text[span.start : span.end]
        if span.start < taken or not _WORDS.search(said) or _asks(said) or _is_heading(text, span):
            continue
        taken = _reach(text, spans, i)
        found.append(" ".join(text[span.start : taken].split()))
    return found


def _of_passage(n: int, passage: Passage) -> list[Unit]:
    text = passage.text
    spans = sentences(text)
    flags = [_is_heading(text, s) for s in spans]
    words = [tokens(text[s.start : s.end]) for s in spans]
    asks = [_asks(text[s.start : s.end]) for s in spans]
    over = tokens(f"{passage.title} {words_of(passage.place)}")
    heading: tuple[Token, ...] = ()
    found: list[Unit] = []
    taken = 0
    for i, span in enumerate(spans):
        if flags[i]:
            # The head of a table stands under the heading that is over it.
            nested = (i and flags[i - 1]) or _heads_table(text, span)
            heading = (heading if nested else ()) + words[i]
            continue
        if span.start < taken or not words[i] or asks[i]:
            continue
        end = taken = _reach(text, spans, i)
        body = text[span.start : end]
        found.append(
            Unit(
                n=n,
                start=span.start,
                end=end,
                text=body,
                tokens=words[i] if end == span.end else tokens(body),
                before=words[i - 1] if i and not flags[i - 1] else (),
                after=words[i + 1] if i + 1 < len(spans) and not flags[i + 1] else (),
                heading=over + heading,
                leans=bool(i and asks[i - 1])
                or any(w.text.lower() in _POINTING for w in words[i][:2]),
                position=len(found),
            )
        )
    return found


def _asks(sentence: str) -> bool:
    return sentence.rstrip("*_\"”' ").endswith("?")


def _is_heading(text: str, span: Span) -> bool:
    line = text.rfind("\n", 0, span.start) + 1
    hashes = re.fullmatch(r"[^\S\n]*#{1,6}[^\S\n]*", text[line : span.start])
    return hashes is not None or _heads_table(text, span)


def _heads_table(text: str, span: Span) -> bool:
    return "|" in text[span.start : span.end] and bool(_HEAD_OF_TABLE.match(text, span.end))


def words_of(place: str) -> str:
    """The headings of a place, without its page and line numbers."""
    return re.sub(r"\b(?:pp?\.|lines?) \d+(?:-\d+)?", "", place)


def _reach(text: str, spans: Sequence[Span], i: int) -> int:
    """Where the unit that begins with sentence `i` ends."""
    span, behind = spans[i], spans[i + 1] if i + 1 < len(spans) else spans[i]
    between, said = text[span.end : behind.start], text[behind.start : behind.end]
    if behind is not span and not between.strip() and between.count("\n") < 2:
        if _TAKEN_BACK.match(said):
            return behind.end
        if _LEAD.match(text[max(0, text.rfind("\n", 0, span.start)) : span.end]) and not _asks(
            said
        ):
            return _announced(text, spans, i + 1)
    return _announced(text, spans, i)


def _announced(text: str, spans: Sequence[Span], i: int) -> int:
    """Where sentence `i` ends: past the list or code it announces."""
    end = spans[i].end
    if not text[spans[i].start : end].rstrip("*_ ").endswith(":"):
        return end
    at = text.find("\n", end)
    if at < 0 or text[end:at].strip():
        return end
    fence = ""
    blank = False
    last = end
    kind = ""
    for line in text[at + 1 :].split("\n"):
        start, at = at + 1, at + 1 + len(line)
        if start - spans[i].start + len(line) > _LONGEST:
            break
        mark = _FENCE.match(line)
        if fence:
            last = at
            if mark and line.strip().startswith(fence):
                break
        elif not line.strip():
            blank = kind != ""
        elif mark and not kind:
            fence = kind = line.strip()[:3]
            last = at
        elif _ITEM.match(line) and kind in ("", "list"):
            kind, blank, last = "list", False, at
        elif not kind and line.startswith(("    ", "\t")):
            kind, last = "indented", at
        elif kind and not blank and line[:1].isspace():
            last = at
        else:
            break
    return len(text[:last].rstrip()) if kind else end

"""Plain text in somebody's voice, cut into units: a definition, a paragraph, a reply.

Here: which form a text has, and the forms that are read by paragraphs (a dictionary, prose).
Turns of chats and e-mail are read in `voice_turns.py`; what units become, in `pairs.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Form = Literal["dictionary", "prose", "chat", "email"]
FORMS: tuple[Form, ...] = ("dictionary", "prose", "chat", "email")

SHORTEST = 40
"""Characters below which a passage shows no voice worth learning."""
SHORTEST_DEFINITION = 8
"""Likewise of a definition, which says much in few words."""
LONGEST = 1500
"""Characters of a unit of prose; a longer paragraph is cut at the ends of its sentences."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of the voice."""

    text: str
    line: int
    """Where it begins, from 1."""
    asked: str = ""
    """What it replies to, or the headword that it defines; empty in prose."""
    kind: Literal["definition", "passage", "reply"] = "passage"
    part: str = ""
    """The part of speech of a headword, as the dictionary writes it (`n.`)."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A piece of the text that nothing is learnt from."""

    line: int
    reason: str


_NARROW = 80
"""Characters of a line of verse, its indentation included."""

_HEADWORD = re.compile(
    r"([A-Z][A-Z'’\-. ]{0,40}?(?:, [A-Z][A-Z'’\- ]+)*),\s+"
    r"((?:n|v|adj|adv|pp|pron|prep|conj|interj|x|art|p|vt|vi|pl)\.(?:\s?[a-z]{1,3}\.)*)\s+(\S.*)",
    re.DOTALL,
)
_BARE = re.compile(r"([A-Z][A-Z'’\-. ]{1,40}?)(?:, ((?:n|v|adj|adv)\.(?:[a-z]{1,3}\.)*)|\.)")
"""A headword with nothing after it but verse."""
_START = re.compile(r"\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG", re.IGNORECASE)
_END = re.compile(
    r"(?:\*\*\* ?END OF (?:THE|THIS)|End of (?:the )?)\s*Project Gutenberg", re.IGNORECASE
)
_ITALIC = re.compile(r"(?<![\w_])_([^_\n][^_]*?)_(?![\w_])")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+(?=[\"'“‘(]?[A-ZÀ-ÖØ-Þ0-9])")
_MAIL = re.compile(r"(?:From|To|Subject|Date|Message-ID|Return-Path|Received):\s", re.IGNORECASE)
_MBOX = re.compile(r"From \S+ .*\d{4}")
_TURN = re.compile(
    r"(?:\[?\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? [^\]\-]{4,12}\]?(?: -)?\s+)?"
    r"([^\W\d_][^:\n]{0,40}?):\s+(\S.*)"
)
_SAMPLE = 2000


def turn_of(line: str) -> tuple[str, str] | None:
    """The speaker and the words of a line of a chat (`Ann: hello`, with or without a date)."""
    found = _TURN.fullmatch(line.strip().lstrip("\u200e\u202f"))
    return (found[1].strip(), found[2].strip()) if found else None


def form_of(path: Path) -> Form:
    """The form of a text, by its first lines."""
    lines = [line for _, line in zip(range(_SAMPLE), read_lines(path), strict=False)]
    texts = [text.rstrip("\n") for _, text in lines]
    first = next((text for text in texts if text.strip()), "")
    heads = sum(bool(_MAIL.match(text)) for text in texts[:30])
    if path.suffix.lower() in (".eml", ".mbox") or (
        heads >= 2 and (_MAIL.match(first) or _MBOX.match(first))
    ):
        return "email"
    whole = list(_paragraphs(iter(lines)))
    defined = sum(bool(_HEADWORD.match(paragraph.text)) for paragraph in whole)
    if defined >= 5 and defined >= len(whole) / 8:
        return "dictionary"
    there = [text for text in texts if text.strip()]
    turns = [turn for text in there if (turn := turn_of(text))]
    speakers = {speaker for speaker, _ in turns}
    if len(turns) >= max(2, len(there) * 0.6) and 2 <= len(speakers) <= len(turns) / 2 + 1:
        return "chat"
    return "prose"


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text with their numbers, without Project Gutenberg's own words around it.

    Bytes that are no UTF-8 become lone surrogates; what holds one is refused later.
    """
    starts = _has_frame(path)
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
        for number, text in enumerate(stream, 1):
            if starts:
                starts = not _START.search(text)
                continue
            if _END.search(text):
                return
            yield number, text


def units(path: Path, form: Form) -> Iterator[Unit | LeftOut]:
    """The pieces of a dictionary or of prose, in order."""
    paragraphs = _paragraphs(read_lines(path))
    yield from _definitions(paragraphs) if form == "dictionary" else _passages(paragraphs)


@dataclass(frozen=True, slots=True)
class _Paragraph:
    line: int
    text: str
    """Its lines made one, without marks of italics."""
    is_set_in: bool
    """Whether it is indented: verse, or a quotation."""


def _paragraphs(lines: Iterable[tuple[int, str]]) -> Iterator[_Paragraph]:
    held: list[str] = []
    begins = 0
    for number, line in lines:
        if line.strip():
            if not held:
                begins = number
            held.append(line.rstrip())
        elif held:
            yield _paragraph(begins, held)
            held = []
    if held:
        yield _paragraph(begins, held)


def _paragraph(line: int, lines: list[str]) -> _Paragraph:
    # A hyphen at a line's end may be the word's own: "cannon-\nshot" stays "cannon-shot".
    text = re.sub(r"(?<=\w)-\n(?=\w)", "-", "\n".join(part.strip() for part in lines))
    text = _ITALIC.sub(r"\1", " ".join(text.split()))
    # A long line that is set in begins a paragraph of prose; verse and quotations are narrow.
    set_in = [part for part in lines if part[:1].isspace() and len(part) <= _NARROW]
    return _Paragraph(line, text, len(set_in) * 2 > len(lines))


def _definitions(paragraphs: Iterator[_Paragraph]) -> Iterator[Unit | LeftOut]:
    """An entry is its headword's paragraph and those of prose that follow it."""
    head: tuple[str, str, int] | None = None
    body: list[str] = []

    def entry() -> Iterator[Unit | LeftOut]:
        if head is None:
            return
        word, part, line = head
        parts = _filled(body)
        if not parts or len(parts[0]) < SHORTEST_DEFINITION:
            yield LeftOut(line, "an entry without words of its own")
            return
        yield Unit(parts[0], line, asked=word, kind="definition", part=part)
        for text in parts[1:]:  # a story that the entry tells
            yield Unit(text, line)

    after_verse = False
    for paragraph in paragraphs:
        found = None if paragraph.is_set_in else _HEADWORD.fullmatch(paragraph.text)
        if found:
            yield from entry()
            head, body = (_as_word(found[1]), found[2], paragraph.line), [found[3]]
        elif bare := None if paragraph.is_set_in else _BARE.fullmatch(paragraph.text):
            yield from entry()
            head, body = (_as_word(bare[1]), bare[2] or "", paragraph.line), []
        elif head is None:
            yield LeftOut(paragraph.line, "before the first headword")
        elif paragraph.is_set_in:
            yield LeftOut(paragraph.line, "set in: verse or a quotation")
        elif after_verse and len(paragraph.text) < SHORTEST:
            yield LeftOut(paragraph.line, "a name under a quotation")
        elif paragraph.text.isupper() and len(paragraph.text) < SHORTEST:
            yield LeftOut(paragraph.line, "a heading")
        else:
            body.append(paragraph.text)
        after_verse = paragraph.is_set_in
    yield from entry()


def _filled(paragraphs: list[str]) -> list[str]:
    """Paragraphs put together up to `LONGEST` characters, and cut where one alone is longer."""
    whole: list[str] = []
    for text in (part for paragraph in paragraphs for part in _cut(paragraph)):
        if whole and len(whole[-1]) + len(text) < LONGEST:
            whole[-1] += "\n\n" + text
        else:
            whole.append(text)
    return whole


def _passages(paragraphs: Iterator[_Paragraph]) -> Iterator[Unit | LeftOut]:
    for paragraph in paragraphs:
        if paragraph.is_set_in:
            yield LeftOut(paragraph.line, "set in: verse or a quotation")
            continue
        for text in _cut(paragraph.text):
            if len(text) < SHORTEST:
                yield LeftOut(paragraph.line, "too short to show a voice")
            else:
                yield Unit(text, paragraph.line)


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph; joined by blanks they are the paragraph again."""
    return [part for part in _SENTENCE_END.split(text) if part]


def _cut(text: str) -> Iterator[str]:
    if len(text) <= LONGEST:
        yield text
        return
    held = ""
    for sentence in sentences(text):
        if held and len(held) + len(sentence) >= LONGEST:
            yield held
            held = ""
        held = f"{held} {sentence}".strip()
    if held:
        yield held


def _as_word(headword: str) -> str:
    """`ABASEMENT` as one would write it; initials (`R.I.P.`) stay."""
    return headword if "." in headword else headword.lower()


def _has_frame(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
        return any(_START.search(line) for _, line in zip(range(1000), stream, strict=False))

"""Whether two claims about the same thing cannot both be right: figures, dates, names, denials.

By words: the claims must share most of theirs, or both hold nearly all words of the question that
they answer, before a difference counts. Made to be right where it speaks rather than to see all:
two figures for two years, a rounded figure beside an exact one, one measure in two units, a year
within a span that the other gives, or what a story or a forgery says beside a fact are no
contradiction. Taken for one are two things that are
called by the same words, such as a tower and the house beside that tower. English only where it
reads months and denials.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from agent.frames import framed
from agent.models.reader.question import analyse
from agent.names import names, unknown
from agent.numerals import NUMBER_WORDS, figures
from agent.research.about import speaks_of
from agent.research.measures import converted, measure
from agent.research.years import apart, days, years
from agent.support import content, opposes
from knowledge.lexical import terms
from knowledge.sentences import sentences

_SHARED = 0.6
"""The share of the shorter sentence's words of content that the other must hold."""
_CLOSE = 0.75
"""Likewise, where nothing but those words says that they speak of one thing."""
_LEAST = 2
"""Words that must be shared."""
_ROUNDED = Decimal("0.05")
"""How far a round or an approximate figure may be from an exact one."""
_COMPARABLE = 3
"""How many times the one measure the other may be for both to be of one thing."""

_ABOUT = re.compile(
    r"\b(?:about|around|roughly|nearly|almost|approximately|some|more than|over|at least|up to"
    r"|fewer than|less than|under|estimated)\b",
    re.IGNORECASE,
)
_ONCE_WORDS = """
built born died founded established opened invented discovered launched signed completed
constructed published released created erected introduced
"""
_ONCE = frozenset(terms(_ONCE_WORDS))
"""Stems of what happens to a thing once, so that two dates of it cannot both be right."""
_WHICH = re.compile(
    r"\b(?:the|an?|its|his|her|their|this|that|\w+['’]s)\s+(?:very\s+)?"
    r"(first|original|second|third|fourth|fifth|former|previous|earlier|old(?:er)?"
    r"|present|current|existing|modern|new(?:er)?|later|last)\s+(?!time\b)([^\W\d_]+)",
    re.IGNORECASE,
)
"""Which one of several; not how often: "it was first lit", "for the first time"."""
_ALIKE = {"original": "first", "previous": "former", "earlier": "former", "older": "old"}
_NOW = frozenset(("present", "current", "existing", "modern", "new", "newer", "later", "last"))
_TELLING = frozenset(("first", "second", "third", "fourth", "fifth", "former"))
"""Words for one that is not simply the one there is."""
_THING = "#"
"""What stands before the stem of a thing that is counted, so that it is no unit."""
_NUMBER_STEMS = frozenset(stem for word in NUMBER_WORDS for stem in terms(word))


@dataclass(frozen=True, slots=True)
class Difference:
    """How two claims differ."""

    about: str
    """The words that they share, in the order of the first."""
    why: str
    """A sentence."""
    sides: frozenset[str]
    """What each says, for telling the same difference again."""


def difference(one: str, other: str, question: str) -> Difference | None:
    """What contradicts between two claims; None where nothing does, as far as is seen.

    Args:
        one: A claim of one or a few sentences.
        other: Likewise, of another source.
        question: That both were noted for.
    """
    for a in _sentences(one):
        for b in _sentences(other):
            if found := _between(a, b, question):
                return found
    return None


def common(one: str, other: str) -> str:
    """The words of content that two claims share, in the order of the first, each once."""
    return _listing(one, content(one).keys() & content(other).keys())


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    words: frozenset[str]
    """Stems of content, without numbers."""


def _sentences(claim: str) -> list[_Said]:
    said = [claim[span.start : span.end] for span in sentences(claim)]
    found = []
    for text in said:
        stems = {s for s in content(text) if s not in _NUMBER_STEMS and not s[0].isdigit()}
        found.append(_Said(text, frozenset(stems)))
    return found


def _between(a: _Said, b: _Said, question: str) -> Difference | None:
    shared = a.words & b.words
    share = len(shared) / max(1, min(len(a.words), len(b.words)))
    if len(shared) < _LEAST or a.text == b.text:
        return None
    if _apart(a.text, b.text, question) or framed(a.text) or framed(b.text):
        return None
    kind = analyse(question).kind
    # Both say what was asked for, so that they speak of one thing whatever else they say.
    asked = speaks_of(question, a.text) and speaks_of(question, b.text)
    sides = None
    if (asked and kind == "date") or (share >= _SHARED and (kind == "date" or shared & _ONCE)):
        sides = _dates(a.text, b.text)
    if sides is None and (
        (asked and kind == "number") or share >= (_SHARED if kind == "number" else _CLOSE)
    ):
        sides = _amounts(a.text, b.text)
    if sides is None and kind in ("person", "place"):
        sides = _named(a, b, question)
    if sides is not None:
        return _told(a, shared, f"One says {sides[0]}, the other {sides[1]}.", sides)
    if share >= _CLOSE and len(shared) > _LEAST and opposes(a.text, b.text):
        return _told(a, shared, "One says the opposite of the other.", ("", ""))
    return None


def _apart(one: str, other: str, question: str) -> bool:
    """Whether they tell of different ones: the first lighthouse, and the present tower.

    What the question says (the first lighthouse) both take for granted.
    """
    asked = _which(question, question)
    mine, theirs = _which(one, question) - asked, _which(other, question) - asked
    if mine and theirs:
        return not mine & theirs
    return bool((mine | theirs) & _TELLING)


def _which(text: str, question: str) -> set[str]:
    """Which one it speaks of, at its beginning or where it names what the question is about.

    Not beside that: "the aqueduct was built in the first year of the war".
    """
    about, found = content(question).keys(), set[str]()
    for phrase in _WHICH.finditer(text):
        begins = not re.search(r"\w", text[: phrase.start()])
        if begins or content(phrase[2]).keys() & about:
            word = phrase[1].lower()
            found.add("now" if word in _NOW else _ALIKE.get(word, word))
    return found


def _told(a: _Said, shared: frozenset[str], why: str, sides: tuple[str, str]) -> Difference:
    return Difference(_listing(a.text, shared), why, frozenset(sides))


def _listing(text: str, stems: Set[str]) -> str:
    """The words of a text that have some stems."""
    words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", text)
    return " ".join(dict.fromkeys(word for word in words if stems & content(word).keys()))


def _dates(one: str, other: str) -> tuple[str, str] | None:
    """Years that differ; or in the same year, or without one, days."""
    mine, theirs = years(one), years(other)
    if apart(mine, theirs):
        return _listed({year.said for year in mine}), _listed({year.said for year in theirs})
    if bool(mine) != bool(theirs):
        return None
    here, there = set(days(one)), set(days(other))
    if here and there and not here & there:
        return _listed(here), _listed(there)
    return None


def _amounts(one: str, other: str) -> tuple[str, str] | None:
    """Figures of one unit, or of one counted thing, that differ; not those of other years."""
    if apart(years(one), years(other)):
        return None
    mine, theirs = _counted(one), _counted(other)
    loose = bool(_ABOUT.search(one) or _ABOUT.search(other))
    if any(converted(x, u, y, v) for u, xs in mine.items() for x in xs
           for v, ys in theirs.items() for y in ys if u != v):  # fmt: skip
        return None
    for unit in sorted(mine.keys() & theirs.keys()):
        a, b = mine[unit], theirs[unit]
        if not any(x == y or _near(x, y, loose) for x in a for y in b):
            shown = "" if unit.startswith(_THING) else unit
            return _listed(a, shown), _listed(b, shown)
    return _of_two_units(mine, theirs)


def _of_two_units(mine: dict[str, set[str]], theirs: dict[str, set[str]]) -> tuple[str, str] | None:
    """What differs where each gives one measure of a kind, in a unit of its own.

    Of two that are far from each other, one measures something else: its length, its width.
    """
    here, there = _measures(mine), _measures(theirs)
    for kind in sorted(here.keys() & there.keys()):
        if len(here[kind]) == len(there[kind]) == 1:
            (a, said), (b, other) = here[kind][0], there[kind][0]
            if min(a, b) > 0 and max(a, b) <= _COMPARABLE * min(a, b):
                return said, other
    return None


def _measures(counted: dict[str, set[str]]) -> dict[str, list[tuple[Decimal, str]]]:
    """By kind, how much, and how it is said."""
    found: dict[str, list[tuple[Decimal, str]]] = {}
    for unit, values in counted.items():
        for value in values:
            if known := measure(value, unit):
                found.setdefault(known[0], []).append((known[1], f"{value} {unit}"))
    return found


def _counted(text: str) -> dict[str, set[str]]:
    """Figures by their unit of measure, or else by `_THING` and what is counted; no years."""
    found: dict[str, set[str]] = {}
    dated = {str(end) for year in years(text) for end in (year.first, year.last)}
    dated |= {day.split()[0] for day in days(text)}
    for figure in figures(text):
        if figure.bare or (figure.value in dated and not figure.unit):
            continue
        if unit := figure.unit or _thing(text, figure.value):
            found.setdefault(unit, set()).add(figure.value)
    return found


def _thing(text: str, value: str) -> str:
    """`_THING` and the stem of the word behind a figure in digits; empty where none is found."""
    plain = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    found = re.search(rf"(?<![\w.]){re.escape(value)}\s+([^\W\d_]+)", plain)
    stems = terms(found[1]) if found else []
    return _THING + stems[-1] if stems and stems[-1] not in _NUMBER_STEMS else ""


def _near(one: str, other: str, loose: bool) -> bool:
    """Whether a figure may be another one rounded."""
    try:
        a, b = Decimal(one), Decimal(other)
    except InvalidOperation:
        return False
    if not loose and len(one.rstrip("0.")) == len(other.rstrip("0.")):
        return False
    return abs(a - b) <= _ROUNDED * max(abs(a), abs(b))


def _named(a: _Said, b: _Said, question: str) -> tuple[str, str] | None:
    """Who or where, where all else is the same."""
    mine, theirs = names(a.text), names(b.text)
    only = [n for n in mine if n in unknown(mine, f"{b.text}\n{question}")]
    there = [n for n in theirs if n in unknown(theirs, f"{a.text}\n{question}")]
    if not only or not there:
        return None
    named = set(content(" ".join((*only, *there))))
    left, right = a.words - named, b.words - named
    shared = left & right
    if len(shared) < _LEAST or len(shared) < _CLOSE * min(len(left), len(right)):
        return None
    return " ".join(dict.fromkeys(only)), " ".join(dict.fromkeys(there))


def _listed(values: set[str], unit: str = "") -> str:
    return f"{' and '.join(sorted(values))} {unit}".strip()

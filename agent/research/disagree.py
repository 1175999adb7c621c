"""Whether two claims about the same thing cannot both be right: figures, dates, names, denials.

By words: the claims must share most of theirs, or both hold nearly all words of the question that
they answer, before a difference counts. Made to be right where it speaks rather than to see all:
two figures for two years, a rounded figure beside an exact one, one measure in two units, a year
within a span that the other gives, or what a story or a forgery says beside a fact are no
contradiction, and neither is what is said of two places, two groups or two measures of a thing.
Taken for one are two things that are called by the same words, such as a tower and the house beside
that tower. English only where it reads months and denials. Figures are of `amounts`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Set
from dataclasses import dataclass
from itertools import pairwise

from agent.denial import denies
from agent.frames import framed
from agent.models.reader.question import analyse
from agent.names import names, unknown
from agent.numerals import NUMBER_WORDS, figures, joined
from agent.research.about import speaks_of
from agent.research.amounts import INHABITANTS, amounts_apart
from agent.research.years import Years, apart, days, years
from agent.support import content, opposes
from knowledge.lexical import terms
from knowledge.sentences import sentences

_SHARED = 0.6
"""The share of the shorter sentence's words of content that the other must hold."""
_CLOSE = 0.75
"""Likewise, where nothing but those words says that they speak of one thing."""
_LEAST = 2
"""Words that must be shared."""

_ONCE_WORDS = """
built born died founded established opened invented discovered launched signed completed
constructed published released created erected introduced
"""
_ONCE = frozenset(terms(_ONCE_WORDS))
"""Stems of what happens to a thing once, so that two dates of it cannot both be right."""
_ANYWHERE = frozenset(terms("released published launched introduced"))
"""Of these, what happens once in each place: "released in 2019 in Japan, in 2020 in Europe"."""
_PLACED = """
lie lay located situated stand stood buried headquartered based begin end rise sank sunk crashed
wrecked fought held capital birthplace source mouth happened occurred
"""
_IN_ONE_PLACE = _ONCE | frozenset(terms(_PLACED))
"""Stems of what has one place, so that two places of it cannot both be right."""
_WHERE_IS = re.compile(
    r"\bwhere\s+(?:is|are)\b(?!.*(?-i:[a-z])(?:ed|wn|old|ken|und|ade|ught)\W*\Z)", re.I
)
"""Not "where is it sold"."""
_CLAUSE = re.compile(
    r"[,;:()–—](?=\s|\Z)|\s(?=[(–—])|\b(?:but|because|although|though|while|whereas|which|who|when|after"
    r"|before|until|where|then)\b|\b(?:and|or)\b(?=\s+[^\W\d])"
)
_VERB = re.compile(
    r"\b(?:\w{2,}ed|was|were|is|are|ha[sd]|have|rebuilt|burnt|fell|sank|made|sold|bought|won|became"
    r"|began|came|went|took|gave|got|left|built|born|lost|struck|shut|led|rose|grew)\b",
    re.IGNORECASE,
)
_PREPOSITION = r"in|on|at|for|by|to|from|with|under|during|against|of|across"
_OBJECT = re.compile(
    rf"\b({_PREPOSITION})\s+((?:(?!(?:{_PREPOSITION}|and|or|but|is|are|was|were|be|been|ha[sd]|have"
    r"|do|does|did|can|could|will|would|may|must|not|never|that|which|who)\b)"
    r"[^\W\d_][\w'’-]*(?:\s+|(?=[^\w\s])|\Z)){1,4})",
    re.IGNORECASE,
)
_CORRECTED = re.compile(
    r"\b(?:not|never)\b(?!\s+(?:only|just|merely|simply)\b)[^.;:!?]{1,100}?\bbut\b|,\s*not\b[^.,;:!?]*",
    re.IGNORECASE,
)
"""What a text denies in the same breath as it says what is so: "not in 1850, but in 1855"."""
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
_INHABITANT = terms("inhabitants")[0]
_PEOPLE = INHABITANTS | set(terms("people population"))
"""Stems that speak of one matter, whether or not the same people are counted."""
_UNIT_AT = re.compile(
    r"[\s\u00a0-]*(?:(?:square|cubic|nautical|degrees?|per)\s+)?(?:°?[^\W\d_]+|[%€$£°])[²³]?(?:/\w+)?"
)
_MONEY = re.compile(r"[$€£]\s?\Z")
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
    """Stems of content, without numbers and their units."""
    measured: bool
    """It gives a figure with a unit."""


def _sentences(claim: str) -> list[_Said]:
    said = [claim[span.start : span.end] for span in sentences(claim)]
    found = []
    for text in said:
        rest, measured = _without_units(text)
        stems = {s for s in content(rest) if s not in _NUMBER_STEMS and not s[0].isdigit()}
        words = {_INHABITANT if s in _PEOPLE else s for s in stems}
        found.append(_Said(text, frozenset(words), measured))
    return found


def _without_units(text: str) -> tuple[str, bool]:
    """A text without its units of measure, and whether it has one: they are no matter shared."""
    rest = plain = joined(text)
    measured = [figure for figure in figures(text) if figure.unit]
    for figure in reversed(measured):
        money = _MONEY.search(plain, max(0, figure.at.start - 2), figure.at.start)
        if not money and (unit := _UNIT_AT.match(plain, figure.at.end)):
            rest = rest[: unit.start()] + " " + rest[unit.end() :]
    return rest, bool(measured)


def _between(a: _Said, b: _Said, question: str) -> Difference | None:
    shared = a.words & b.words
    share = len(shared) / max(1, min(len(a.words), len(b.words)))
    if len(shared) + (a.measured and b.measured) < _LEAST or not shared or a.text == b.text:
        return None
    if _apart(a.text, b.text, question) or framed(a.text) or framed(b.text):
        return None
    kind = analyse(question).kind
    # Both say what was asked for, so that they speak of one thing whatever else they say.
    asked = speaks_of(question, a.text) and speaks_of(question, b.text)
    sides = None
    once = shared & _ONCE
    if (asked and kind == "date") or (share >= _SHARED and (kind == "date" or once)):
        wanted = shared & content(question).keys()
        verbs = once & wanted or once or wanted
        each = verbs and verbs <= _ANYWHERE
        if not (each and _own(a, b, question) and _own(b, a, question)):
            sides = _dates(_said_of(a.text, verbs), _said_of(b.text, verbs))
    if sides is None and (
        (asked and kind == "number") or share >= (_SHARED if kind == "number" else _CLOSE)
    ):
        sides = amounts_apart(a.text, b.text)
    if sides is None and kind in ("person", "place"):
        sides = _named(a, b, question, kind)
    if sides is not None:
        return _told(a, shared, f"One says {sides[0]}, the other {sides[1]}.", sides)
    alike = share >= _CLOSE and (len(shared) > _LEAST or a.words == b.words)
    said = (_CORRECTED.sub(" ", a.text), _CORRECTED.sub(" ", b.text))
    if alike and opposes(*said) and _of_one_matter(a, b, question):
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
    mine = [year for year in years(one) if not year.denied]
    theirs = [year for year in years(other) if not year.denied]
    if apart(mine, theirs):
        return _years_listed(mine), _years_listed(theirs)
    if bool(mine) != bool(theirs):
        return None
    here, there = set(days(one)), set(days(other))
    if here and there and not here & there:
        return " and ".join(sorted(here)), " and ".join(sorted(there))
    return None


def _years_listed(said: Collection[Years]) -> str:
    return " and ".join(sorted({year.said for year in said}))


def _named(a: _Said, b: _Said, question: str, kind: str) -> tuple[str, str] | None:
    """Who or where, where all else is the same, and neither is denied."""
    mine, theirs = _own(a, b, question), _own(b, a, question)
    if not mine or not theirs or denies(a.text) or denies(b.text):
        return None
    named = set(content(" ".join((*mine, *theirs))))
    left, right = a.words - named, b.words - named
    shared = left & right
    if len(shared) < _LEAST or len(shared) < _CLOSE * min(len(left), len(right)):
        return None
    # What is sold in Norway may be sold in Sweden.
    if kind == "place" and not (shared & _IN_ONE_PLACE or _WHERE_IS.search(question)):
        return None
    return " ".join(dict.fromkeys(mine)), " ".join(dict.fromkeys(theirs))


def _own(a: _Said, b: _Said, question: str) -> list[str]:
    """The names of a sentence that the other does not know, nor the question."""
    said = names(a.text)
    strange = unknown(said, f"{b.text}\n{question}")
    return [name for name in said if name in strange]


def _of_one_matter(a: _Said, b: _Said, question: str) -> bool:
    """Whether, of two that say the opposite, none says it of what the other does not speak of.

    What is not approved in America may be approved in Europe, or for children, or in another year.
    """
    mine, theirs = _own(a, b, question), _own(b, a, question)
    then, other = years(a.text), years(b.text)
    denied = [year for year in then if year.denied], [year for year in other if year.denied]
    if (mine and theirs) or any(map(apart, (then, *denied), (other, other, then))):
        return False
    here, there = denies(a.text), denies(b.text)
    if (mine and (here or not there)) or (theirs and (there or not here)):
        return False
    left, right = _objects(a.text), _objects(b.text)
    both = left.keys() & right.keys()
    return not any(left[word] - right[word] and right[word] - left[word] for word in both)


def _objects(text: str) -> dict[str, set[str]]:
    """By preposition, the first stem of what stands behind it: a verb may follow."""
    found: dict[str, set[str]] = {}
    for phrase in _OBJECT.finditer(text):
        if stem := next(iter(content(phrase[2])), ""):
            found.setdefault(phrase[1].lower(), set()).add(stem)
    return found


def _said_of(text: str, verbs: Set[str]) -> str:
    """A text without its clauses that give a year for something else than what some words say."""
    cuts = [0, *(cut.start() for cut in _CLAUSE.finditer(text)), len(text)]
    parts = (text[start:end] for start, end in pairwise(cuts))
    return "".join(
        part
        for part in parts
        if not (years(part) and _VERB.search(part) and verbs.isdisjoint(content(part)))
    )

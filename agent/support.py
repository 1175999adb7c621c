"""How well a passage bears out a claim that does not quote it: by words, numbers and negation.

A measure of overlap, not of truth. A number that the passage does not hold, or in another row of a
table, another unit of measure at a number, a name it does not know, a "not" or a "myth" on one side
only, "rose" for "fell", a condition, a story or a hope taken for a fact: each alone keeps a claim
from being supported. Not seen are two things that have changed places, a name or a number of the
passage's prose that belongs to something else in it, and one wrong word among many that is none of
these. Its threshold and what that lets through are in docs/LOG.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.denial import opposed
from agent.frames import unreal
from agent.hedges import hedged
from agent.names import names, unknown
from agent.numerals import NUMBER_WORDS, Figure, figures, rates, times
from agent.tables import of_another_row
from knowledge.lexical import terms
from knowledge.sentences import sentences
from knowledge.types import Span

ENOUGH = 0.6
"""From this score on a claim counts as supported."""
_LONGEST = 3
"""Sentences in a row that may be quoted for one claim."""
_EACH_MORE = 0.1
"""What a further sentence must add to the score to be quoted too."""
_ELSEWHERE = 0.5
"""What a word counts that stands in the passage, but not in the sentences quoted."""
_UNSUPPORTED = ENOUGH - 0.1
"""The highest score of a claim with a name that is not known, or that is contradicted."""

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_]+(?:['’][^\W\d_]+)?")
_ADDED = """
accord source sourc passag document text state say said mention describ note report also howev
therefor thus yes there s t
"""
_WEIGHED_OTHERWISE = "who what which when where how why not no never nor neither cannot"
_WITHOUT_CONTENT = frozenset(f"{_ADDED} {_WEIGHED_OTHERWISE}".split())
"""Stems that a claim adds by telling where it has something from, that ask, or that deny."""
_NUMBER_STEMS = frozenset(stem for word in NUMBER_WORDS for stem in terms(word))
_SCALES_OF_DEGREES = ({"degree", "°c"}, {"degree", "°f"})


@dataclass(frozen=True, slots=True)
class Support:
    """What a passage says for a claim."""

    score: float
    """In [0, 1]; see `ENOUGH`."""
    span: Span
    """The sentences, in the passage's text, that say it best."""


def content(text: str) -> dict[str, float]:
    """The words of a text that carry content, stemmed, with their weight: a name counts twice."""
    found: dict[str, float] = {}
    for word in _WORD.findall(text):
        stems = terms(word.replace("’", "'").removesuffix("'s"))
        if stems and stems[-1] not in _WITHOUT_CONTENT:
            weight = 2.0 if word[0].isupper() else 1.0
            found[stems[-1]] = max(found.get(stems[-1], 0.0), weight)
    return found


def numbers(text: str) -> set[str]:
    """The numbers of a text, in digits, without separators of thousands: `1,000` is `1000`."""
    return {figure.value for figure in figures(text)}


def support(claim: str, passage: str, about: str = "") -> Support | None:
    """Weigh a claim against a passage.

    The score is the share of the claim's content words, by weight, that the quoted sentences (or
    `about`) hold, those elsewhere in the passage counting half. A number that does not stand in
    the passage, or not with that unit, makes it 0. A name that stands nowhere, a number of another
    row (see `tables`), or what `contradicts` the claim, keeps it below `ENOUGH`.

    Args:
        claim: A sentence without markers.
        passage: The text that it is said to come from.
        about: The passage's title and place, whose words its sentences take for granted. Their
            numbers say nothing: a page or a line is no fact.

    Returns:
        None where the passage holds no sentence.
    """
    spans = sentences(passage)
    if not spans:
        return None
    wanted = {stem: w for stem, w in content(claim).items() if stem not in _NUMBER_STEMS}
    wanted_numbers = {figure.value for figure in figures(claim) if not figure.bare}
    held = [_held(passage[s.start : s.end]) for s in spans]
    named = [name for name in names(claim) if content(name)]
    strange = unknown(named, f"{passage}\n{about}")
    # A name that is known in another form counts as there: "the German army", "army of Germany".
    given = (content(about).keys() | content(" ".join(set(named) - strange)).keys()) - _NUMBER_STEMS
    total = sum(wanted.values()) + len(wanted_numbers)

    def covered(words: set[str]) -> float:
        known = wanted_numbers & words
        return (sum(w for stem, w in wanted.items() if stem in words) + len(known)) / (total or 1)

    best, first, last = -1.0, 0, 0
    for i in range(len(spans)):
        words: set[str] = set()
        for j in range(i, min(i + _LONGEST, len(spans))):
            words |= held[j]
            score = covered(words) - _EACH_MORE * (j - i)
            if score > best + 1e-9:
                best, first, last = score, i, j
    quoted = set().union(*held[first : last + 1])
    everything = set().union(given, *held)
    span = Span(spans[first].start, spans[last].end)
    if not total or _misnumbered(claim, wanted_numbers, passage):
        return Support(0.0, span)
    near = covered(quoted | given)
    score = near + _ELSEWHERE * (covered(everything) - near)
    if (
        any(everything.isdisjoint(terms(name)) for name in strange)
        or of_another_row(claim, passage, _words, numbers)
        or contradicts(claim, passage[span.start : span.end])
    ):
        score = min(score, _UNSUPPORTED)
    return Support(score, span)


def says_something(claim: str) -> bool:
    """Whether a claim holds a word or a number that could be borne out."""
    return bool(content(claim) or numbers(claim))


def contradicts(claim: str, said: str) -> bool:
    """Whether a sentence speaks against a claim in its words: see `opposes`, `frames`, `hedges`.

    So it does where it says under a condition, in a story, by a forgery, as a hope or a guess what
    is claimed as a fact.
    """
    return unreal(claim, said, _held) or hedged(claim, said, _held) or opposes(claim, said)


def opposes(claim: str, said: str) -> bool:
    """Whether a claim says what a sentence denies, or denies what it says, or says the opposite."""
    return opposed(claim, said, _held)


def _misnumbered(claim: str, wanted: set[str], passage: str) -> bool:
    """Whether a number of the claim is not the passage's, or measures or counts by another unit."""
    there: dict[str, list[Figure]] = {}
    for figure in figures(passage):
        there.setdefault(figure.value, []).append(figure)
    if wanted - there.keys():
        return True
    for figure in figures(claim):
        known = there.get(figure.value)
        if known and not any(_of_one_measure(figure, other) for other in known):
            return True
    counted, by = rates(claim), rates(passage)
    return bool(counted - by if by else counted - times(passage))


def _of_one_measure(one: Figure, other: Figure) -> bool:
    """Whether two figures of one value may measure the same: neither has a unit that bars it.

    Two counted things may be one by two names; a thing and a unit are not.
    """
    if one.unit and other.unit:
        return one.unit == other.unit or {one.unit, other.unit} in _SCALES_OF_DEGREES
    return not (one.unit and other.thing) and not (one.thing and other.unit)


def _words(text: str) -> set[str]:
    return content(text).keys() - _NUMBER_STEMS


def _held(text: str) -> set[str]:
    return content(text).keys() | numbers(text)

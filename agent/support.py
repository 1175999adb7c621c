"""How well a passage bears out a claim that does not quote it: by words, numbers and negation.

A measure of overlap, not of truth: it sees a number that the passage does not hold, a name it does
not know, a "not" too many; it does not see that two things have changed places. Its threshold and
what that lets through are in docs/LOG.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
_UNDENIED, _DENIED = 0.5, 0.75
"""Factors where only the claim denies, and where only the quoted sentences do."""

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_]+(?:['’][^\W\d_]+)?")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot)\b|n['’]t\b", re.IGNORECASE
)
_ADDED = """
accord source sourc passag document text state say said mention describ note report also howev
therefor thus yes there s t
"""
_WEIGHED_OTHERWISE = "who what which when where how why not no never nor neither cannot"
_WITHOUT_CONTENT = frozenset(f"{_ADDED} {_WEIGHED_OTHERWISE}".split())
"""Stems that a claim adds by telling where it has something from, that ask, or that deny."""
_NUMBER_WORDS = "two three four five six seven eight nine ten eleven twelve"
_DIGITS = {word: str(n) for n, word in enumerate(_NUMBER_WORDS.split(), start=2)}


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
            stem = _DIGITS.get(stems[-1], stems[-1])
            found[stem] = max(found.get(stem, 0.0), 2.0 if word[0].isupper() else 1.0)
    return found


def numbers(text: str) -> set[str]:
    """The numbers of a text, without separators of thousands: `1,000` is `1000`."""
    plain = re.sub(r"(?<=\d)[,\u00a0\u202f](?=\d{3}(?!\d))", "", text)
    return {number.lstrip("0") or "0" for number in _NUMBER.findall(plain)}


def support(claim: str, passage: str, about: str = "") -> Support | None:
    """Weigh a claim against a passage.

    The score is the share of the claim's content words, by weight, that the quoted sentences (or
    `about`) hold, those elsewhere in the passage counting half. A number that stands nowhere in
    them makes it 0; a negation on one side only lowers it.

    Args:
        claim: A sentence without markers.
        passage: The text that it is said to come from.
        about: The passage's title and place, which its sentences take for granted.

    Returns:
        None where the passage holds no sentence.
    """
    spans = sentences(passage)
    if not spans:
        return None
    wanted, wanted_numbers = content(claim), numbers(claim)
    held = [_held(passage[s.start : s.end]) for s in spans]
    given = _held(about)
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
    if wanted_numbers - everything:
        return Support(0.0, span)
    near = covered(quoted | given)
    score = near + _ELSEWHERE * (covered(everything) - near)
    denies = bool(_NEGATION.search(claim))
    denied = bool(_NEGATION.search(passage, span.start, span.end))
    if denies != denied:
        score *= _UNDENIED if denies else _DENIED
    return Support(score if total else 0.0, span)


def _held(text: str) -> set[str]:
    return content(text).keys() | numbers(text)

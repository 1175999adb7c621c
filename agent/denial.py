"""Whether a claim says the opposite of a sentence that holds its words: denials, and who disowns.

English and by words: a denial reaches to the end of its clause, a word such as "myth" over its
whole sentence; words of opposite meaning are told by `opposites`. Irony and denials in other words
("failed to", "lacks") are not seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agent.opposites import opposites

_NEGATION = re.compile(
    r"\bnot\b(?!\s+(?:only|just|merely|least)\b)"
    r"|\bno\b(?!\.|\s+(?:doubt\b|(?:fewer|less|more|later|earlier|sooner)\s+than\b))"
    r"|\b(?:never|none|nobody|nothing|neither|nor|without|cannot)\b|n['’]t\b"
    r"|\b(?:deny|den(?:ies|ied|ying)|refut(?:e[sd]?|ing)|disprov(?:e[sdn]?|ing)"
    r"|reject(?:s|ed|ing)?)\b",
    re.IGNORECASE,
)
_DISOWNED = re.compile(
    r"\b(?:myths?|misconceptions?|hoax(?:es)?|fallac(?:y|ies)|debunked|falsely|mistakenly"
    r"|erroneously|contrary\s+to|supposedly|alleg(?:ed|edly|es?|ations?)|purported(?:ly)?"
    r"|rumou?r(?:s|ed)?)\b"
    r"|\b(?:is|are|was|were|be|been|it['’]?s|proved|proven)\s+(?:\w+\s+)?"
    r"(?:false|untrue|not\s+true|wrong|incorrect|mistaken|a\s+lie)\b"
    r"|\b(?:false|untrue|wrong|incorrect)\s+(?:that|to\s+(?:say|think|claim|believe)"
    r"|claims?|beliefs?|ideas?|statements?|reports?)\b"
    r"|\b(?:claim(?:s|ed|ing)?|pretend(?:s|ed)?)\s+that\b",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[,;:.!?()–—](?=\s|$)|\b(?:but|because|although|though|while|whereas)\b")
_SHARE = 0.25
"""The share of a claim's words that a denial must reach, unless it denies one of them at once."""
_UNTIL = re.compile(r"\b(?:until|till|before)\b", re.IGNORECASE)


def denies(text: str) -> bool:
    """Whether a text denies something, or disowns it as a myth or as what others claim."""
    return bool(_NEGATION.search(text) or _DISOWNED.search(text))


def opposed(claim: str, said: str, content: Callable[[str], set[str]]) -> bool:
    """Whether exactly one of the two denies what both speak of, or they say opposite things of it.

    Args:
        claim: What is claimed.
        said: The sentences that are to bear it out.
        content: The words of a text that count.
    """
    if opposites(claim, said, content):
        return True
    if denies(claim):
        return not denies(said)
    if _DISOWNED.search(said):
        return True
    words = content(claim)
    for negation in _NEGATION.finditer(said):
        end = _CLAUSE_END.search(said, negation.end())
        reach = said[negation.end() : end.start() if end else len(said)]
        until = _UNTIL.search(reach)
        if until and not words.isdisjoint(content(reach[until.end() :])):
            # What was "not seen until 1959" was seen in 1959.
            continue
        within = words & content(reach)
        first = next((found for word in reach.split() if (found := content(word))), set())
        if within and (not within.isdisjoint(first) or len(within) >= _SHARE * len(words)):
            return True
    return False

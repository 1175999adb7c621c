"""Whether a claim says the opposite of a sentence that holds its words: denials, and who disowns.

English and by words: a denial reaches to the end of its clause, a word such as "myth" over its
whole sentence; words of opposite meaning are told by `opposites`. Irony and denials in other words
("lacks", "hardly") are not seen.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import islice

from agent.opposites import opposites
from knowledge.sentences import sentences

FAILED = r"(?:fail(?:s|ed|ing)?|unable|refus(?:es?|ed|ing)|declin(?:es?|ed|ing))\s+to\b"
"""A pattern of verbs behind which stands what was not done."""
_NEGATION = re.compile(
    r"\bnot\b(?!\s+(?:only|just|merely|least)\b)"
    r"|\bno\b(?!\.|\s+(?:doubt\b|(?:fewer|less|more|later|earlier|sooner)\s+than\b))"
    r"|\b(?:never|none|nobody|nothing|neither|nor|without|cannot)\b|n['’]t\b"
    r"|\b(?:deny|den(?:ies|ied|ying)|refut(?:e[sd]?|ing)|disprov(?:e[sdn]?|ing)"
    r"|reject(?:s|ed|ing)?)\b"
    rf"|(?<!not )(?<!never )(?<!n['’]t )\b{FAILED}"
    # Where nothing goes on behind it: in "all except Jones voted" the verb is not denied.
    r"|\bexcept\b(?=(?:\s+(?:for|on|in|at|by|to|the|an?|his|her|its|their))*(?:\s+[\w'’-]+){1,2}"
    r"\s*(?:[,;:.!?)]|\Z))"
    # German, Dutch, French.
    r"|\b(?:nicht|nichts|kein(?:e[mnrs]?)?|niemand|niemals|nirgends|niet|geen|nooit)\b"
    r"|\b(?:ne\b|n['’])(?=[^,;:.!?]{0,80}\b(?:pas|jamais|aucune?|rien|personne|plus)\b)",
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
_CLAUSE_START = re.compile(rf"{_CLAUSE_END.pattern}|\b(?:and|or)\b")
_APART = re.compile(
    r"\bwithout\Z|\b(?:in|at|by|to|of|on|for|with|from|as|under)\s+(?:no|none|nothing|nobody)\Z",
    re.IGNORECASE,
)
"""Denials that leave the verb before them as it is: "with no warning", not "it paid no tax"."""
_VERBAL = re.compile(r"not|never|cannot|n['’]t", re.IGNORECASE)
"""Denials behind which the verb stands that they deny."""
_LONGEST = 400
"""Characters behind a denial that it reaches at most: a clause is seldom as long."""
_MANY = 100
"""Denials of one text that are held against the words of another, one by one."""
_NEAR = 16
"""Characters before a denial in which its preposition is looked for."""
_SHARE = 0.25
"""The share of a claim's words that a denial must reach, unless it denies one of them at once."""
_UNTIL = re.compile(r"\b(?:until|till|before)\b", re.IGNORECASE)

Content = Callable[[str], set[str]]
"""The words of a text that count."""


def denies(text: str) -> bool:
    """Whether a text denies something, or disowns it as a myth or as what others claim."""
    return bool(_NEGATION.search(text) or _DISOWNED.search(text))


def opposed(claim: str, said: str, content: Content) -> bool:
    """Whether one of the two denies what the other says, or they say opposite things of it.

    Where both deny something, each denial is held against what the other one denies: "nobody was
    hurt" does not bear out that nothing burned.

    Args:
        claim: What is claimed.
        said: The sentences that are to bear it out.
        content: The words of a text that count.
    """
    if opposites(claim, said, content):
        return True
    if denies(claim):
        return not denies(said) or _denies_alone(claim, said, content)
    return bool(_DISOWNED.search(said)) or _hits(content(claim), said, content)


def of_the_same(words: set[str], said: str, content: Content) -> list[str]:
    """The sentences of a text that hold at least half of a claim's words."""
    told = (said[span.start : span.end] for span in sentences(said))
    return [each for each in told if 2 * len(words & content(each)) >= len(words)]


def first_hit(reach: str, words: set[str], content: Content) -> bool:
    """Whether the first word of content in a reach is one of the words."""
    first = next((found for word in reach.split() if (found := content(word))), set())
    return not words.isdisjoint(first)


def _denies_alone(claim: str, said: str, content: Content) -> bool:
    """Whether, of two texts that both deny, one denies what the other one says."""
    mine, theirs = _denied(claim, content), _denied(said, content)
    words, known = content(claim), content(said)
    if any(_hits(words - mine, same, content) for same in of_the_same(words, said, content)):
        return True
    for negation in islice(_NEGATION.finditer(claim), _MANY):
        reach = _reach(claim, negation)
        within = content(reach) & known
        # What the other says without denying it.
        plain = within - theirs
        verb = _VERBAL.fullmatch(negation[0]) and first_hit(reach, plain, content)
        if verb or 2 * len(plain) > len(within):
            return True
    return False


def _hits(words: set[str], said: str, content: Content) -> bool:
    """Whether a denial of a text reaches what the words claim."""
    for negation in islice(_NEGATION.finditer(said), _MANY):
        reach = _reach(said, negation)
        until = _UNTIL.search(reach)
        if until and not words.isdisjoint(content(reach[until.end() :])):
            # What was "not seen until 1959" was seen in 1959.
            continue
        within = words & content(reach)
        if within and (first_hit(reach, within, content) or len(within) >= _SHARE * len(words)):
            return True
    return False


def _denied(text: str, content: Content) -> set[str]:
    """All words of a text's denied clauses, and of its sentences that disown something."""
    found: set[str] = set()
    starts = [0, *(end.end() for end in _CLAUSE_START.finditer(text))]
    # Each part is read once, however many denials a clause has: of a clause the last has most
    # before it.
    before: dict[int, int] = {}
    behind: list[tuple[int, int]] = []
    for negation in _NEGATION.finditer(text):
        start, end = negation.end(), negation.end() + len(_reach(text, negation))
        if behind and start <= behind[-1][1]:
            start, _ = behind.pop()
        behind.append((start, end))
        if not _APART.search(text, max(0, negation.start() - _NEAR), negation.end()):
            before[starts[bisect_right(starts, negation.start()) - 1]] = negation.start()
    for start, end in (*before.items(), *behind):
        found |= content(text[start:end])
    for span in sentences(text):
        sentence = text[span.start : span.end]
        if _DISOWNED.search(sentence):
            found |= content(sentence)
    return found


def _reach(text: str, negation: re.Match[str]) -> str:
    """What stands behind a negation, up to the end of its clause."""
    furthest = min(len(text), negation.end() + _LONGEST)
    end = _CLAUSE_END.search(text, negation.end(), furthest)
    return text[negation.end() : end.start() if end else furthest]

"""Facts of a text that rules can see: numbers, names, negations; compared, or made wrong.

Words are English; of other languages only numbers and names count. What rules cannot see, a wrong
relation between right names, passes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from random import Random

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?!\w)")
_NAME = re.compile(r"(?<=[\w,;] )[A-Z][a-z]{2,}\b")
"""A capitalised word that begins no sentence."""
_NEGATION = re.compile(r"\b(?:not|never|no|none|nobody|nothing|without|cannot)\b|n['’]t\b", re.I)
_IS = re.compile(r"\b(is|are|was|were|can|will|has|had|must|should|may)\b(?! not\b)")
_IS_NOT = re.compile(r"\b(is|are|was|were|can|will|has|had|must|should|may) not\b")
_OPPOSITES = {
    "more": "less", "before": "after", "above": "below", "first": "last", "always": "never",
    "all": "none", "largest": "smallest", "increase": "decrease", "increases": "decreases",
    "higher": "lower", "older": "younger", "with": "without", "true": "false", "good": "bad",
    "greater": "lesser", "most": "least", "many": "few", "early": "late",
}  # fmt: skip
_OPPOSITES |= {b: a for a, b in _OPPOSITES.items()}
_OPPOSITE = re.compile(r"\b(" + "|".join(_OPPOSITES) + r")\b")


def numbers(text: str) -> Counter[str]:
    """The numbers of a text, each as often as it stands there."""
    return Counter(match.group().replace(",", "") for match in _NUMBER.finditer(text))


def moved(before: str, after: str) -> str:
    """What a rewriting moved, in words; empty where rules see nothing."""
    if numbers(before) != numbers(after):
        return "its numbers differ"
    held = after.casefold()
    if lost := [name for name in _NAME.findall(before) if name.casefold() not in held]:
        return f"it does not name {lost[0]}"
    if bool(_NEGATION.search(after)) and not _NEGATION.search(before):
        return "it negates what was not negated"
    return ""


def wrong(text: str, random: Random) -> str | None:
    """The text with one fact changed: a number, else a negation, else a word for its opposite.

    None where no rule finds anything to change.
    """
    if found := list(_NUMBER.finditer(text)):
        return _with(text, random.choice(found), _other_number, random)
    if match := _IS_NOT.search(text):
        return _with(text, match, lambda words, _: words.removesuffix(" not"), random)
    if found := list(_OPPOSITE.finditer(text)):
        return _with(text, random.choice(found), lambda word, _: _OPPOSITES[word], random)
    if match := _IS.search(text):
        return _with(text, match, lambda word, _: f"{word} not", random)
    return None


def _with(
    text: str, match: re.Match[str], change: Callable[[str, Random], str], random: Random
) -> str:
    return text[: match.start()] + change(match.group(), random) + text[match.end() :]


def _other_number(number: str, random: Random) -> str:
    """Another number of as many digits, so that only the fact is wrong."""
    digits = [i for i, sign in enumerate(number) if sign.isdigit()]
    at = random.choice(digits)
    others = [d for d in "123456789" if d != number[at]]
    return number[:at] + random.choice(others) + number[at + 1 :]

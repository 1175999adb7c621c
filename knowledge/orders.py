"""Whether and where a text gives orders to whoever reads it for a person, by a list of phrases.

It finds the common payloads, in letters of any width and with anything invisible between; a text
about them is found as well. What is done about it is for the caller to say.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from knowledge.types import Span

_FILE = Path(__file__).with_name("orders.txt")
_UNSEEN = re.compile("[\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")
_LIMIT = 1_000_000
"""Characters that are looked at."""
_ALSO_TO_PEOPLE = "? "
"""Before a phrase that ordinary texts hold, too."""


@cache
def _order(sure: bool) -> re.Pattern[str]:
    parts: dict[str, str] = {}
    phrases = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        doubtful = line.startswith(_ALSO_TO_PEOPLE)
        phrase = line.removeprefix(_ALSO_TO_PEOPLE)
        for name, part in parts.items():
            phrase = phrase.replace("{" + name + "}", part)
        if named := re.match(r"([A-Z]+) = ", phrase):
            parts[named[1]] = phrase[named.end() :]
        elif not (sure and doubtful):
            phrases.append(f"(?:{phrase})")
    return re.compile("|".join(phrases), re.IGNORECASE)


def first_order(text: str, *, sure: bool = False) -> str:
    """The first phrase that sounds like an order to a model, at most 80 characters; or empty.

    Args:
        text: To look at.
        sure: Pass over phrases that are said to people as well, such as "use the search function
            to": where a text is not under suspicion.
    """
    text = text[:_LIMIT]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text))
    found = _order(sure).search(text)
    return " ".join(found[0].split())[:80] if found else ""


def order_spans(
    text: str, *, sure: bool = False, also: Iterable[re.Pattern[str]] = ()
) -> list[Span]:
    """Where a text gives orders, by their first characters, each as far as its phrase goes.

    A phrase may go on behind a blank line.

    Args:
        text: To look at, as far as `first_order` does.
        sure: As for `first_order`.
        also: What is taken for an order as well; looked for in the letters that a reader sees.
    """
    shown, places = _shown(text[:_LIMIT])
    found: list[Span] = []
    for pattern in (_order(sure), *also):
        for match in pattern.finditer(shown):
            start, end = match.span()
            if end > start:
                found.append(Span(places[start], places[end - 1] + 1))
    return sorted(found, key=lambda span: (span.start, span.end))


def _shown(text: str) -> tuple[str, range | list[int]]:
    """The letters that a reader sees, and where each stands in the text."""
    if text.isascii():
        return text, range(len(text))
    seen: list[str] = []
    places: list[int] = []
    for at, character in enumerate(text):
        if not _UNSEEN.match(character):
            plain = unicodedata.normalize("NFKC", character)
            seen.append(plain)
            places += [at] * len(plain)
    return "".join(seen), places

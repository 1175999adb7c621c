"""Whether and where a text gives orders to whoever reads it for a person, by a list of phrases.

It finds the common payloads, in letters of any width, with anything invisible between and with
Cyrillic or Greek letters in the place of some Latin ones; a text about them is found as well. What
is done about it is for the caller to say.
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
_LOOKALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d"
    "\u043a\u043c\u0442\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423"
    "\u0425\u0406\u0408\u0405\u03b1\u03bf\u03bd\u03b9\u03c1\u03c4\u03c5\u03ba\u03b5\u0391"
    "\u0392\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7\u03a5\u0396",
    "aeopcyxijshdqwkmtABEKMHOPCTYXIJSaoviptukeABEHIKMNOPTXYZ",
)
"""Cyrillic and Greek letters that look like Latin ones."""
_FOREIGN = re.compile("[\u0370-\u03ff\u0400-\u052f]")
_LATIN = re.compile("[a-z]", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
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
        text = _latin(unicodedata.normalize("NFKC", _UNSEEN.sub("", text)))
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
    return _latin("".join(seen)), places


def _latin(text: str) -> str:
    """A text with the Latin letters that stand-ins look like, in words that have Latin ones."""
    return _WORD.sub(_unmasked, text) if _FOREIGN.search(text) else text


def _unmasked(word: re.Match[str]) -> str:
    mixed = _FOREIGN.search(word[0]) and _LATIN.search(word[0])
    return word[0].translate(_LOOKALIKES) if mixed else word[0]

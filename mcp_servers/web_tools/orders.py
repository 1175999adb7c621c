"""Whether a text gives orders to whoever reads it for a person, by a list of phrases.

It finds the common payloads, in letters of any width and with anything invisible between; a text
about them is found as well. What it says is a flag for people and models, never a filter.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("orders.txt")
_UNSEEN = re.compile("[\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")
_LIMIT = 1_000_000
"""Characters that are looked at."""


@cache
def _order() -> re.Pattern[str]:
    parts: dict[str, str] = {}
    phrases = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        for name, part in parts.items():
            line = line.replace("{" + name + "}", part)
        if named := re.match(r"([A-Z]+) = ", line):
            parts[named[1]] = line[named.end() :]
        else:
            phrases.append(f"(?:{line})")
    return re.compile("|".join(phrases), re.IGNORECASE)


def first_order(text: str) -> str:
    """The first phrase that sounds like an order to a model, at most 80 characters; or empty."""
    text = text[:_LIMIT]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text))
    found = _order().search(text)
    return " ".join(found[0].split())[:80] if found else ""

"""Whether a text gives orders to whoever reads it for a person, by a list of phrases.

It finds the common payloads, in letters of any width and with anything invisible between; a text
about them is found as well. What is done about it is for the caller to say.
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

"""The years and days that a claim gives, as spans of time: "around 1890", "1885-87", "the 1880s".

English. A figure that measures or counts something is no year: "1850 metres", "1500 inhabitants".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from agent.numerals import figures

_YEAR = re.compile(r"(?<![\w.,$€£])(1[0-9]{3}|20[0-9]{2})(s?)(?![\w%]|[.,]\d)")
_TO = re.compile(r"\s*(?:[-–—/]|\s(?:to|until|till|and)\s)\s*(\d{4}|\d{2})(?![\w%]|[.,]\d)")
_BETWEEN = re.compile(r"\b(?:between|from)\s+(?:the\s+years\s+)?\Z", re.IGNORECASE)
_ABOUT = re.compile(
    r"(?:\b(?:about|around|roughly|approximately|circa|ca\.|c\.|some\s+time\s+in|near)|~)\s*\Z",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"\b(?:before|until|till|by|prior\s+to|no\s+later\s+than)\s+\Z", re.IGNORECASE)
_AFTER = re.compile(r"\b(?:after|since|from|no\s+earlier\s+than)\s+\Z", re.IGNORECASE)
_DATED = re.compile(
    r"(?:\b(?:in|of|by|since|until|till|from|to|and|before|after|around|about|during|circa|year|the"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?)|,|\d)\s+\Z",
    re.IGNORECASE,
)
"""What stands before a year that a plural follows: "in 1887 ships", "the 1990 elections"."""
_LOOSE = 10
"""Years by which an approximate one may be another."""
_MONTHS = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
_MONTH = r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_DAY = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}\b|\b{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?\b"
)
_PEOPLE = re.compile(r"\s+(?:people|men|women|children|inhabitants|souls)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Years:
    """A year, or a span in which it lies."""

    first: int
    last: int
    said: str
    """As the text gives it, its figures in digits."""

    def meets(self, other: Years) -> bool:
        """Whether both may be one year."""
        return self.first <= other.last and other.first <= self.last


def years(text: str) -> list[Years]:
    """The years of a text, in order."""
    found: list[Years] = []
    at = 0
    for year in _YEAR.finditer(text):
        if year.start() < at or _counts(text, year):
            continue
        first, before = int(year[1]), text[: year.start()]
        to = None if year[2] else _TO.match(text, year.end())
        between = bool(_BETWEEN.search(before))
        if to and (last := _completed(first, to[1])) > first and (between or " and " not in to[0]):
            found.append(Years(first, last, f"{first}–{last}"))
            at = to.end()
        elif year[2]:
            found.append(Years(first, first + 9, f"{first}s"))
        elif _ABOUT.search(before):
            found.append(Years(first - _LOOSE, first + _LOOSE, f"about {first}"))
        elif _BEFORE.search(before):
            found.append(Years(0, first, f"until {first}"))
        elif _AFTER.search(before):
            found.append(Years(first, 9999, f"from {first}"))
        else:
            found.append(Years(first, first, str(first)))
    return found


def apart(one: Collection[Years], other: Collection[Years]) -> bool:
    """Whether both give years, and no year of the one may be one of the other."""
    return bool(one and other) and not any(a.meets(b) for a in one for b in other)


def days(text: str) -> Iterator[str]:
    """The days of a text without their year: `4 May`."""
    for found in _DAY.finditer(text):
        month = (found[2] or found[3]).lower()
        yield f"{int(found[1] or found[4])} {_MONTHS[_MONTHS.index(month)].capitalize()}"


def _counts(text: str, year: re.Match[str]) -> bool:
    """Whether a figure in the form of a year measures or counts something."""
    if year[2]:
        return False
    figure = next(figures(text[year.start() :]))
    if figure.unit:
        return True
    counted = figure.thing or _PEOPLE.match(text, year.end())
    return bool(counted) and not _DATED.search(text[: year.start()])


def _completed(first: int, last: str) -> int:
    """The year that `87` is behind `1885`."""
    return int(last) if len(last) == 4 else first - first % 100 + int(last)

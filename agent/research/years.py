"""The years and days that a claim gives, as spans: "around 1890", "1885-87", "the 18th century".

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
_NOT_BEFORE = re.compile(
    r"(?:\b(?:not|never)\b|n['’]t\b)[^,;:.!?()]*\b(?:until|till)\s+\Z", re.IGNORECASE
)
"""What was "not opened until 1959" was opened in 1959."""
_AFTER = re.compile(r"\b(?:after|since|from|no\s+earlier\s+than)\s+\Z", re.IGNORECASE)
_DATED = re.compile(
    r"(?:\b(?:in|of|by|since|until|till|from|to|and|before|after|around|about|during|circa|year|the"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?)|,|\d)\s+\Z",
    re.IGNORECASE,
)
"""What stands before a year that a plural follows: "in 1887 ships", "the 1990 elections"."""
_NEAR = 80
"""Characters before a year that say how it is meant, and behind it that it counts."""
_NTHS = """
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first
"""
_CENTURY_WORDS = _NTHS.split()
_NTH = rf"(?:(\d{{1,2}})(?:st|nd|rd|th)|({'|'.join(_CENTURY_WORDS)}))"
_CENTURY = re.compile(
    rf"\b(?:{_NTH}(?:\s+centur(?:y|ies))?\s*(?:[-–—]|\b(?:to|and|or)\b)\s*(?:the\s+)?)?"
    rf"{_NTH}[-\s]+centur(?:y|ies)\b(?!\s+(?:BCE?\b|B\.C\.))",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"(?:\b(?:not|never)\b|n['’]t\b)(?!\s+(?:only|just|merely|simply|until|till|before|later|earlier"
    r"|after|long|more|less|fewer|over|under|above|below|exceeding|yet)\b)"
    r"(?:(?!\b(?:but|until|till|before|only|and|than)\b)[^,;:.!?()–—])*\Z",
    re.IGNORECASE,
)
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
    denied: bool = False
    """That it was then is what the text denies: "not in 1850, but in 1855"."""

    def meets(self, other: Years) -> bool:
        """Whether both may be one year."""
        return self.first <= other.last and other.first <= self.last


def years(text: str) -> list[Years]:
    """The years of a text, and behind them its centuries, each in order."""
    found: list[Years] = []
    at = 0
    for year in _YEAR.finditer(text):
        if year.start() < at or _counts(text, year):
            continue
        first, before = int(year[1]), text[max(0, year.start() - _NEAR) : year.start()]
        no = denied_at(text, year.start())
        to = None if year[2] else _TO.match(text, year.end())
        between = bool(_BETWEEN.search(before))
        if to and (last := _completed(first, to[1])) > first and (between or " and " not in to[0]):
            found.append(Years(first, last, f"{first}–{last}", no))
            at = to.end()
        elif year[2]:
            # "The 1800s" are a century, "the 1850s" are ten years.
            span = 99 if first % 100 == 0 else 9
            found.append(Years(first, first + span, f"{first}s", no))
        elif _ABOUT.search(before):
            found.append(Years(first - _LOOSE, first + _LOOSE, f"about {first}", no))
        elif _BEFORE.search(before) and not _NOT_BEFORE.search(before):
            found.append(Years(0, first, f"until {first}", no))
        elif _AFTER.search(before):
            found.append(Years(first, 9999, f"from {first}", no))
        else:
            found.append(Years(first, first, str(first), no))
    return found + [_century(text, named) for named in _CENTURY.finditer(text)]


def denied_at(text: str, at: int) -> bool:
    """Whether what stands at a place is what a text denies: "not 1850, but 1855"."""
    return bool(_NOT.search(text, max(0, at - _NEAR), at))


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
    figure = next(figures(text[year.start() : year.end() + _NEAR]))
    if figure.unit:
        return True
    counted = figure.thing or _PEOPLE.match(text, year.end())
    return bool(counted) and not _DATED.search(text, max(0, year.start() - _NEAR), year.start())


def _century(text: str, named: re.Match[str]) -> Years:
    """A century, or several; the year that ends one is taken for one of the next, too."""
    digits, word = named[3], named[4]
    last = int(digits) if digits else _CENTURY_WORDS.index(word.lower()) + 1
    digits, word = named[1], named[2]
    first = last
    if digits or word:
        first = int(digits) if digits else _CENTURY_WORDS.index(word.lower()) + 1
    said = " ".join(named[0].split())
    return Years(100 * (first - 1), 100 * last, said, denied_at(text, named.start()))


def _completed(first: int, last: str) -> int:
    """The year that `87` is behind `1885`."""
    return int(last) if len(last) == 4 else first - first % 100 + int(last)

"""Numbers, dates and yes or no, as people write them; and the place where a value stands in a text.

What can be read in two ways is read in none: `03/04/2025` is no date. Numbers are the exception:
`1.234` is taken for one and a bit unless a currency or a second group says that it is thousands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple

_NUMBER = re.compile(
    r"(?<![\w.,])[-−]?\d{1,3}(?:(?P<group>[.,'’\u00a0\u202f ])\d{3})(?:(?P=group)\d{3})*"
    r"(?:[.,]\d{1,8})?(?![\w]|[.,]\d)"
    r"|(?<![\w.,])[-−]?\d{1,15}(?:[.,]\d{1,8})?(?!\d|[.,]\d)"
)
_CURRENCY = re.compile(r"[$€£¥₹₽]|\b(?:USD|EUR|GBP|JPY|CHF|INR|kr|zł)\b", re.IGNORECASE)
_YES = frozenset({"yes", "true", "✓", "✔", "ja", "oui", "sí", "да"})
_NO = frozenset({"no", "false", "✗", "✘", "nein", "non", "нет"})
_MONTHS = (
    "jan janv ene enero januar january janvier",
    "feb fev fév févr februar february février febrero",
    "mar mär mars märz march marzo", "apr avr april avril abr abril", "may mai mayo",
    "jun juin june juni junio", "jul juil july juli juillet julio", "aug août august ago agosto",
    "sep sept september septembre septiembre", "oct okt october oktober octobre octubre",
    "nov november novembre noviembre", "dec dez déc december dezember décembre dic diciembre",
)  # fmt: skip
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_NAMES = "|".join(sorted(_MONTH, key=len, reverse=True))
_DATES = (
    re.compile(r"(?<!\d)(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<y>\d{4})年(?P<m>\d{1,2})月(?P<d>\d{1,2})日"),
    re.compile(r"(?<!\d)(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.\s?(?P<y>\d{4})(?!\d)"),
    re.compile(r"(?<![\d/])(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y>\d{4})(?![\d/])"),
    re.compile(
        rf"(?<!\d)(?P<d>\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?\s+(?:de\s+|of\s+)?(?P<n>{_NAMES})\b\.?,?"
        r"\s+(?:de\s+)?(?P<y>\d{4})(?!\d)",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?P<n>{_NAMES})\b\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y>\d{{4}})(?!\d)",
        re.IGNORECASE,
    ),
)
_TIME = re.compile(r"T(\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?$")
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Place(NamedTuple):
    """Where something stands in a text: a half-open range of characters."""

    start: int
    end: int


def number_of(text: str) -> float | None:
    """The one number in a text (`$1,299.00`, `1.299,00 €`, `42 pages`); None of none or several."""
    found = list(_NUMBER.finditer(text))
    if len(found) != 1:
        return None
    return _number(found[0], text)


def date_of(text: str) -> str | None:
    """The one day that a text names, as ISO 8601; None of none, several or an ambiguous one."""
    days = {day for day, _ in _days(text)}
    return days.pop() if len(days) == 1 else None


def moment_of(text: str) -> str | None:
    """An ISO 8601 date and time, as it stands; None where no time zone or no time is told."""
    if not (time := _TIME.search(text)) or not time[2]:
        return None
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return text


def boolean_of(text: str) -> bool | None:
    """Yes or no; None of anything else."""
    word = text.strip().rstrip(".").lower()
    return True if word in _YES else False if word in _NO else None


def places_of(text: str, raw: str) -> Iterator[Place]:
    """Where a string stands, whatever its case and white space, as words of their own."""
    words = raw.split()
    if not words:
        return
    pattern = r"[\s\u00a0]+".join(map(re.escape, words))
    before = r"(?<!\w)" if raw.strip()[0].isalnum() and raw.isascii() else ""
    after = r"(?!\w)" if raw.strip()[-1].isalnum() and raw.isascii() else ""
    for found in re.finditer(before + pattern + after, text, re.IGNORECASE):
        yield Place(*found.span())


def places_of_value(text: str, value: object) -> Iterator[Place]:
    """Where a number or a day stands, however it is written."""
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        for found in _NUMBER.finditer(text):
            if _number(found, text) == value:
                yield Place(*found.span())
    elif isinstance(value, str) and _ISO_DAY.fullmatch(value):
        for day, place in _days(text):
            if day == value:
                yield place


def _days(text: str) -> Iterator[tuple[str, Place]]:
    for pattern in _DATES:
        for found in pattern.finditer(text):
            part = found.groupdict()
            year = int(part["y"])
            if "a" in part:
                a, b = int(part["a"]), int(part["b"])
                if a <= 12 and b <= 12 and a != b:
                    continue  # which of them is the month is anyone's guess
                month, day = (b, a) if a > 12 else (a, b)
            else:
                name = part.get("n")
                month = _MONTH[name.lower()] if name else int(part["m"])
                day = int(part["d"])
            try:
                yield date(year, month, day).isoformat(), Place(*found.span())
            except ValueError:
                continue


def _number(found: re.Match[str], text: str) -> float:
    """`1,234.5`, `1.234,5`, `1 234` and `1.234`: the last mark is the decimal one, if one is."""
    digits = found[0].replace("−", "-")
    for space in "\u00a0\u202f '’":
        digits = digits.replace(space, "")
    marks = [mark for mark in digits if mark in ".,"]
    if len(set(marks)) == 2:
        digits = digits.replace(marks[0], "").replace(marks[-1], ".")
    elif len(marks) > 1:
        digits = digits.replace(marks[0], "")
    elif marks:
        whole, _, rest = digits.partition(marks[0])
        around = text[max(0, found.start() - 5) : found.end() + 5]
        grouped = len(rest) == 3 and whole.lstrip("-") not in ("", "0")
        thousands = grouped and (marks[0] == "," or bool(_CURRENCY.search(around)))
        digits = whole + rest if thousands else f"{whole}.{rest}"
    return float(digits)

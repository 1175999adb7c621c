"""Figures in a text: what number they are, and what unit of measure stands at them.

Reads digits and English number words alike, so that `1,200`, `twelve hundred` and `1.2 thousand`
are one number. It converts no units; of dates it knows no more than that a day of a month is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from knowledge.types import Span

_SMALL = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SCALES = {
    "dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9,
    "trillion": 10**12,
}  # fmt: skip
_VALUES = {
    **{word: n for n, word in enumerate(_SMALL.split())},
    **{word: n for n, word in zip(range(20, 100, 10), _TENS.split(), strict=True)},
    **_SCALES,
}
NUMBER_WORDS = frozenset(_VALUES)
"""In lower case, each a word of its own."""

_UNITS = {
    "second": "seconds sec secs", "minute": "minutes min mins minutely",
    "hour": "hours h hr hrs hourly", "day": "days daily", "week": "weeks weekly",
    "month": "months monthly", "quarter": "quarters quarterly",
    "year": "years yr yrs yearly annum annual annually", "decade": "decades",
    "century": "centuries", "mg": "milligram milligrams", "g": "gram grams gramme grammes",
    "kg": "kilogram kilograms kilo kilos", "tonne": "tonnes", "ton": "tons", "oz": "ounce ounces",
    "lb": "lbs", "mm": "millimetre millimetres millimeter millimeters",
    "cm": "centimetre centimetres centimeter centimeters", "m": "metre metres meter meters",
    "km": "kilometre kilometres kilometer kilometers", "mile": "miles", "inch": "inches",
    "ft": "foot feet", "yard": "yards", "ml": "millilitre millilitres milliliter milliliters",
    "l": "litre litres liter liters", "gallon": "gallons", "percent": "%",
    "dollar": "$ dollars usd", "euro": "€ euros eur", "pound": "£ pounds gbp", "cent": "cents",
    "°c": "celsius", "°f": "fahrenheit",
    "byte": "bytes", "kb": "", "mb": "", "gb": "", "tb": "", "watt": "watts w", "kw": "", "mw": "",
    "acre": "acres", "hectare": "hectares ha", "knot": "knots kn kt kts", "fathom": "fathoms",
    "league": "leagues", "furlong": "furlongs", "degree": "degrees °", "kelvin": "kelvins",
    "volt": "volts", "ampere": "amperes amps", "hertz": "hz", "joule": "joules",
    "calorie": "calories",
}  # fmt: skip
_PHRASES = {
    "percentage point": r"percentage\s+points?|pp\b|p\.p\.",
    "percent": r"per\s+cent\b",
    "nautical mile": r"nautical\s+miles?|nmi\b",
    "°c": r"(?:degrees?|°)\s*(?:c\b|celsius|centigrade)",
    "°f": r"(?:degrees?|°)\s*(?:f\b|fahrenheit)",
    "mile": r"mph\b",
    "km": r"k(?:m/?h|ph)\b",
    "am": r"a\.?m\b",
    "pm": r"p\.?m\b",
}
"""Units of several words or signs, speeds by what is covered, the halves of a day; patterns."""
_UNIT = {word: unit for unit, words in _UNITS.items() for word in (unit, *words.split())}
_LENGTHS = frozenset(["mm", "cm", "m", "km", "mile", "inch", "ft", "yard"])
_TIME_WORDS = "second minute hour day week month quarter year decade century"
_ADVERB_WORDS = "minutely hourly daily weekly monthly quarterly yearly annual annually"
_TIMES = frozenset(_TIME_WORDS.split())
_ADVERBS = frozenset(_ADVERB_WORDS.split())

_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_MINUS = re.compile(r"(?:(?<![\w)\].])(?<!\d\s)[-−–]|\b(?:minus|negative)\s+)\Z", re.IGNORECASE)
_SEPARATOR = re.compile(r"[\s\u00a0\u202f]+|-")
_GAP = r"[\s\u00a0\u202f-]*"
_UNIT_AT = re.compile(rf"{_GAP}(°?[^\W\d_²³]+|[%€$£°])(?:([²³])|([23])\b)?")
_RAISED_AT = re.compile(rf"{_GAP}(sq|square|cu|cubic)\b\.?\s*(?=([^\W\d_]+))", re.IGNORECASE)
_PHRASE_AT = [
    (unit, re.compile(_GAP + rf"(?:{pattern})", re.IGNORECASE))
    for unit, pattern in _PHRASES.items()
]
_THING_AT = re.compile(r"[\s\u00a0\u202f-]+([^\W\d_]{3,}s)\b")
_MONTH_AT = re.compile(
    r"\s+(?:of\s+)?(Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b"
)
_NO_THING = frozenset(["less", "plus", "minus", "times", "across", "versus", "perhaps", "always"])
_CURRENCY = re.compile(r"([$€£]|\b(?:USD|EUR|GBP))\s?\Z")
_RATE = re.compile(
    r"(?:\b(?:per|each|every)\s+|/\s?|\ban?\s+)([^\W\d_]+)\b(?!\s+(?:ago|later|after|before|earlier))",
    re.IGNORECASE,
)
_POWER = re.compile(r"\d\s?(?:mm|cm|km|m|ft)[23]\Z")
"""The 2 of km2, which counts nothing."""
_BEFORE = 16
"""Characters before a number in which its sign, its currency or its unit's power is looked for."""
_MOST = 10**30
"""Beyond which further number words belong to no number: "hundred hundred hundred …"."""
_SEPARATED = re.compile(r"(?<=\d)[,\u00a0\u202f](?=\d{3}(?!\d))")
_SPEED = re.compile(r"\d\s?(?:mph|kph|kmh)\b", re.IGNORECASE)


class Figure(NamedTuple):
    """A number of a text."""

    value: str
    """In digits, with a leading minus if it has one, without separators of thousands."""
    unit: str
    """What measures it, singular; empty where no known unit stands at it."""
    bare: bool
    """It is the word `one` alone, which seldom counts."""
    thing: str
    """The plural that stands at it and is no known unit, or the month of which it is a day; empty
    where none does."""
    at: Span
    """Where it stands in the text that `joined` gives; its unit is beside it."""


def joined(text: str) -> str:
    """A text without separators of thousands: `1,000` is `1000`."""
    return _SEPARATED.sub("", text)


def figures(text: str) -> Iterator[Figure]:
    """The numbers of a text, in order. Number words that belong together are one number."""
    text = joined(text)
    tokens = [token for token in _TOKEN.finditer(text) if not _ends(_POWER, text, token.end())]
    i = 0
    while i < len(tokens):
        first = tokens[i]
        if not first[0][0].isdigit() and first[0].lower() not in _SMALL_AND_TENS:
            counts = first[0].lower() in _SCALES and i and tokens[i - 1][0].lower() == "a"
            if not counts:
                i += 1
                continue
        value, last = _read(text, tokens, i)
        start, end = first.start(), tokens[last].end()
        sign = "-" if value != "0" and _ends(_MINUS, text, start) else ""
        bare = first[0].lower() == "one" and last == i
        unit = _unit(text, start, end)
        thing = "" if unit else _thing(text, end)
        yield Figure(sign + value, unit, bare, thing, Span(start, end))
        i = last + 1


def rates(text: str) -> set[str]:
    """The units of time that something is counted by: `per day`, `a day`, `daily` give `day`."""
    found = {_UNIT.get(rate[1].lower(), "") for rate in _RATE.finditer(text)} & _TIMES
    if _SPEED.search(text):
        found.add("hour")
    return found | {_UNIT[word] for word in _words(text) if word in _ADVERBS}


def times(text: str) -> set[str]:
    """All units of time that a text names."""
    return {_UNIT[word] for word in _words(text) if word in _UNIT} & _TIMES


_SMALL_AND_TENS = NUMBER_WORDS - _SCALES.keys()


def _ends(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
    """What a pattern for the end of a text finds right before a place."""
    return pattern.search(text, max(0, at - _BEFORE), at)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.lower())


def _read(text: str, tokens: list[re.Match[str]], i: int) -> tuple[str, int]:
    """The number that begins at a token, and the last token that belongs to it."""
    word = tokens[i][0].lower()
    if word[0].isdigit():
        digits = word.lstrip("0") or "0"
        digits = f"0{digits}" if not digits[0].isdigit() else digits
        scale, last = Decimal(1), i
        while scale < _MOST and (after := _next(text, tokens, last)) and after in _SCALES:
            scale, last = scale * _SCALES[after], last + 1
        try:
            return (digits if last == i else _plain(Decimal(digits) * scale)), last
        except InvalidOperation:
            return digits, i
    total, current, last = 0, _VALUES[word], i
    while total + current < _MOST and (after := _next(text, tokens, last)):
        step = 1
        if after == "and" and (current >= 100 or (total and not current)):
            after = _next(text, tokens, last + 1) or ""
            step = 2
        value = _VALUES.get(after, -1)
        if after in _SCALES and step == 1:
            if value <= 100:
                current *= value
            else:
                total, current = total + current * value, 0
        elif (current or total) and _fits(value, current):
            current += value
        else:
            break
        last += step
    return str(total + current), last


def _fits(value: int, current: int) -> bool:
    """Whether a number word goes on with what was read: `twenty` `one`, `hundred` `twelve`."""
    if 0 < value < 10:
        return current % 10 == 0 and current % 100 != 10
    return 10 <= value < 100 and current % 100 == 0


def _next(text: str, tokens: list[re.Match[str]], i: int) -> str | None:
    """The word behind a token, where but a blank or a hyphen lies between them."""
    if i + 1 >= len(tokens):
        return None
    between = text[tokens[i].end() : tokens[i + 1].start()]
    return tokens[i + 1][0].lower() if _SEPARATOR.fullmatch(between) else None


def _unit(text: str, start: int, end: int) -> str:
    if money := _ends(_CURRENCY, text, start):
        return _UNIT[money[1].lower()]
    for unit, phrase in _PHRASE_AT:
        if phrase.match(text, end):
            return unit
    power = ""
    if raised := _RAISED_AT.match(text, end):
        if raised[2].lower() not in _UNIT:
            return ""
        power, end = ("square" if raised[1][0] in "sS" else "cubic"), raised.end()
    after = _UNIT_AT.match(text, end)
    unit = _UNIT.get(after[1].lower(), "") if after else ""
    if after and unit in _LENGTHS and (mark := after[2] or after[3]):
        power = "square" if mark in "²2" else "cubic"
    return f"{power} {unit}".strip()


def _thing(text: str, end: int) -> str:
    if month := _MONTH_AT.match(text, end):
        return month[1].lower()
    after = _THING_AT.match(text, end)
    return after[1].lower() if after and after[1].lower() not in _NO_THING else ""


def _plain(value: Decimal) -> str:
    digits = f"{value:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits

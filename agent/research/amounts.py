"""Whether the figures of two claims differ: by unit or by what is counted, as spans of amounts.

A bound ("more than 1,000"), a range ("340 to 350") and a rounded figure are what they say; one
measure in two units is one. English where it reads bounds. Years are of `years`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from agent.numerals import NUMBER_WORDS, Figure, figures, joined
from agent.research.measures import far, measure, rounded
from agent.research.years import apart, days, denied_at, years
from knowledge.lexical import terms

_ROUNDED = Decimal("0.05")
"""How far a round or an approximate figure may be from an exact one."""
_COMPARABLE = 3
"""How many times the one measure the other may be for both to be of one thing."""
_NEAR = 48
"""Characters around a figure in which its bound stands."""
_NO_END = Decimal("Infinity")

_ABOUT = re.compile(
    r"\b(?:about|around|roughly|nearly|almost|approximately|some|more than|over|at least|up to"
    r"|fewer than|less than|under|estimated|circa|close to|just)\b",
    re.IGNORECASE,
)
_BOUND = re.compile(
    r"\b(?<!just\s)(?<!slightly\s)(?<!little\s)(?:"
    r"(?P<most>(?:no|not)\s+(?:more|over|above)\s+than|not\s+(?:over|above|exceeding)"
    r"|(?:fewer|less|smaller|lower)\s+than|under|below|up\s+to|at\s+most|(?:a\s+)?maximum\s+of"
    r"|as\s+(?:many|much)\s+as)"
    r"|(?P<least>(?:no|not)\s+(?:fewer|less)\s+than|(?:more|greater|larger|higher)\s+than|over"
    r"|above|at\s+least|upwards?\s+of|in\s+excess\s+of|exceed(?:s|ed|ing)?|(?:a\s+)?minimum\s+of"
    r"|beyond)"
    r")\s+(?:(?:some|a\s+total\s+of)\s+)?[$€£]?\s?\Z",
    re.IGNORECASE,
)
_BOUND_BEHIND = re.compile(
    r"(?P<plus>\+)|(?:[\s-]+[^\W\d_]+){0,2}?\s+or\s+(?:(?P<least>more|above|over|greater|higher"
    r"|longer)|(?P<most>fewer|less|below|under|lower))\b",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(?:[\s-]*[^\W\d_]+)?(?:\s*[-–—]\s*|\s+to\s+)")
_RANGE_AND = re.compile(r"(?:[\s-]*[^\W\d_]+)?\s+and\s+")
_BETWEEN = re.compile(r"\bbetween\s+[$€£]?\s?\Z", re.IGNORECASE)
_COUNTED_AT = re.compile(r"\+?\s+([^\W\d_]+)")
_THING = "#"
"""What stands before the stem of a thing that is counted, so that it is no unit."""
_NUMBER_STEMS = frozenset(stem for word in NUMBER_WORDS for stem in terms(word))

INHABITANTS = frozenset(terms("inhabitants residents souls"))
"""Stems that are one counted thing."""
_LIVING = f"{_THING}{terms('inhabitants')[0]}"
_PEOPLE_AT = re.compile(
    r"\s+people\s*(?:(?P<live>(?:who\s+|still\s+)?(?:live[sd]?|living|resid(?:e[sd]?|ing)))\b"
    r"|(?=[.,;!?]|\Z|(?:in|on|today|now|and)\b))",
    re.IGNORECASE,
)
_HAS = re.compile(
    r"\b(?:ha[sd]|have|home\s+to|there\s+(?:are|were))\s+(?:\w+\s+){0,3}\Z", re.IGNORECASE
)
_POPULATION = re.compile(
    r"\bpopulation(?:\s+(?:of|is|was|stands|stood|at|about|around|roughly|nearly|over|more|less"
    r"|fewer|than|some|estimated))+\s+\Z",
    re.IGNORECASE,
)

_DIMENSIONS = {
    "height": r"tall|high|heights?|elevation|altitude",
    "width": r"wide|widths?|broad|breadth",
    "length": r"long|lengths?",
    "depth": r"deep|depths?",
    "thickness": r"thick|thickness",
    "diameter": r"diameters?|across",
    "circumference": r"circumference|girth|perimeter",
    "radius": r"radius",
    "distance": r"away|distance",
}
_DIMENSION = {
    name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for name, words in _DIMENSIONS.items()
}


@dataclass(frozen=True, slots=True)
class _Amount:
    """A figure, or the span in which one lies."""

    first: Decimal
    last: Decimal
    said: str

    def meets(self, other: _Amount, loose: bool) -> bool:
        """Whether both may be one amount, the one of them rounded."""
        ends = _ends(self, other)
        return ends is None or _near(*ends, loose)


def amounts_apart(one: str, other: str) -> tuple[str, str] | None:
    """Figures of one unit, or of one counted thing, that differ; not those of other years.

    Returns:
        What each says, with its unit; None where nothing differs.
    """
    if apart(years(one), years(other)):
        return None
    mine, theirs = _counted(one), _counted(other)
    if not (_dimensions(one) & _dimensions(other)) and _dimensions(one) and _dimensions(other):
        # The height of the one and the width of the other.
        mine, theirs = _without_lengths(mine), _without_lengths(theirs)
    here, there = _measured(mine), _measured(theirs)
    if any(_one_measure(a, b) for a in here for b in there if a.unit != b.unit):
        return None
    loose = bool(_ABOUT.search(one) or _ABOUT.search(other))
    shared = mine.keys() & theirs.keys()
    for unit in sorted(shared):
        a, b = mine[unit], theirs[unit]
        if not any(x.meets(y, loose) for x in a for y in b):
            shown = "" if unit.startswith(_THING) else unit
            return _listed(a, shown), _listed(b, shown)
    return _of_two_units(
        [each for each in here if each.unit not in shared],
        [each for each in there if each.unit not in shared],
    )


@dataclass(frozen=True, slots=True)
class _Measured:
    kind: str
    unit: str
    amount: _Amount
    """In the kind's first unit."""


def _measured(counted: dict[str, list[_Amount]]) -> list[_Measured]:
    found = []
    for unit, values in counted.items():
        for value in values:
            first, last = measure(value.first, unit), measure(value.last, unit)
            if first and last:
                amount = _Amount(first[1], last[1], f"{value.said} {unit}")
                found.append(_Measured(first[0], unit, amount))
    return found


def _one_measure(one: _Measured, other: _Measured) -> bool:
    """Whether two measures are one, as far as such figures are rounded."""
    if one.kind != other.kind:
        return False
    ends = _ends(one.amount, other.amount)
    return ends is None or rounded(one.kind, *ends)


def _of_two_units(here: list[_Measured], there: list[_Measured]) -> tuple[str, str] | None:
    """What differs where each gives one measure of a kind, in a unit of its own.

    Of two that are very far from each other, one measures something else.
    """
    for kind in sorted({each.kind for each in here} & {each.kind for each in there}):
        mine = [each for each in here if each.kind == kind]
        theirs = [each for each in there if each.kind == kind]
        if len(mine) == len(theirs) == 1 and (ends := _ends(mine[0].amount, theirs[0].amount)):
            low, high = sorted(ends)
            if low > 0 and high <= _COMPARABLE * low and far(kind, low, high):
                return mine[0].amount.said, theirs[0].amount.said
    return None


def _counted(text: str) -> dict[str, list[_Amount]]:
    """Amounts by their unit of measure, or else by `_THING` and what is counted; no years."""
    found: dict[str, list[_Amount]] = {}
    dated = {digits for year in years(text) for digits in re.findall(r"\d{4}", year.said)}
    dated |= {day.split()[0] for day in days(text)}
    plain = joined(text)
    last: tuple[Figure, str] | None = None
    for figure in figures(text):
        before, last = last, None
        dates = figure.value in dated and not figure.unit
        if figure.bare or dates or _number(figure) is None:
            continue
        unit = figure.unit or _thing(plain, figure)
        last = figure, unit
        if unit and not denied_at(plain, figure.at.start):
            low = None
            if before and before[1] in ("", unit) and _in_range(plain, before[0], figure):
                low = before[0]
                if before[1] and unit in found:
                    found[unit].pop()
            found.setdefault(unit, []).append(_amount(plain, figure, low))
    return found


def _amount(plain: str, figure: Figure, low: Figure | None) -> _Amount:
    value = _number(figure) or Decimal(0)
    if low:
        return _Amount(_number(low) or Decimal(0), value, f"{low.value}–{figure.value}")
    start, end = figure.at.start, figure.at.end
    bound = _BOUND.search(plain, max(0, start - _NEAR), start)
    behind = None if bound else _BOUND_BEHIND.match(plain, end, end + _NEAR)
    said = " ".join(bound[0].lower().rstrip("$€£ ").split()) if bound else ""
    if (bound and bound["least"]) or (behind and not behind["most"]):
        return _Amount(value, _NO_END, f"{said or 'at least'} {figure.value}")
    if bound or behind:
        return _Amount(-_NO_END, value, f"{said or 'at most'} {figure.value}")
    return _Amount(value, value, figure.value)


def _in_range(plain: str, low: Figure, high: Figure) -> bool:
    """Whether two figures are the ends of a range."""
    between = plain[low.at.end : high.at.start].rstrip("$€£")
    near = max(0, low.at.start - _NEAR)
    return (_number(low) or 0) < (_number(high) or 0) and bool(
        _RANGE.fullmatch(between)
        or (_RANGE_AND.fullmatch(between) and _BETWEEN.search(plain, near, low.at.start))
    )


def _number(figure: Figure) -> Decimal | None:
    """None for what is no number, such as `1.2.3`. A comma that is left is a decimal one."""
    try:
        return Decimal(figure.value.replace(",", "."))
    except InvalidOperation:
        return None


def _thing(plain: str, figure: Figure) -> str:
    """`_THING` and the stem of the word behind a figure in digits; empty where none is found."""
    start, end = figure.at.start, figure.at.end
    if not plain[start].isdigit():
        return ""
    near = max(0, start - _NEAR)
    people = _PEOPLE_AT.match(plain, end)
    if _POPULATION.search(plain, near, start) or (
        people and (people["live"] or _HAS.search(plain, near, start))
    ):
        return _LIVING
    found = _COUNTED_AT.match(plain, end)
    stems = terms(found[1]) if found else []
    if not stems or stems[-1] in _NUMBER_STEMS:
        return ""
    return _LIVING if stems[-1] in INHABITANTS else _THING + stems[-1]


def _ends(one: _Amount, other: _Amount) -> tuple[Decimal, Decimal] | None:
    """What is nearest to each other of two amounts; None where they meet."""
    if one.last < other.first:
        return one.last, other.first
    return (one.first, other.last) if other.last < one.first else None


def _near(one: Decimal, other: Decimal, loose: bool) -> bool:
    """Whether a figure may be another one rounded."""
    if not loose and _exactness(one) == _exactness(other):
        return False
    return abs(one - other) <= _ROUNDED * max(abs(one), abs(other))


def _exactness(value: Decimal) -> tuple[int, int]:
    """How many digits a figure has without its last zeros, and how many are decimals."""
    _, digits, exponent = value.normalize().as_tuple()
    return len(digits), min(0, int(exponent))


def _dimensions(text: str) -> set[str]:
    return {name for name, words in _DIMENSION.items() if words.search(text)}


def _without_lengths(counted: dict[str, list[_Amount]]) -> dict[str, list[_Amount]]:
    known = {unit: measure(Decimal(1), unit) for unit in counted}
    return {u: a for u, a in counted.items() if not (kind := known[u]) or kind[0] != "length"}


def _listed(values: list[_Amount], unit: str) -> str:
    return f"{' and '.join(sorted({value.said for value in values}))} {unit}".strip()

"""Stretches of a sentence that have the form of an answer: dates, amounts, names, reasons, ways.

Regular expressions over the letters; nothing here looks at the question's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.models.reader.question import Kind
from agent.models.reader.words import STOP, rarity, stem

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_YEAR = r"(?:1\d{3}|20\d{2}|[3-9]\d{2}(?=\s+(?:AD|BC|CE)))"
_ERA = r"(?:\s+(?:AD|BC|BCE|CE))?"
_DATE = re.compile(
    rf"""\b(?:
      \d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR})?
    | {_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+{_YEAR})?\b
    | {_MONTH},?\s+(?:of\s+)?{_YEAR}
    | (?:(?:early|mid|late|the|first|second|half)[\s-]+(?:of\s+the\s+)?)*
      (?:\d{{1,2}}(?:st|nd|rd|th)|[a-z]+(?:th|st|nd))\s+(?:and\s+\d{{1,2}}(?:st|nd|rd|th)\s+)?
      centur(?:y|ies){_ERA}
    | \d{{4}}-\d{{2}}-\d{{2}}
    | (?:(?:early|mid|late)[\s-]+)?(?:the\s+)?{_YEAR}s?(?:\s*[-–—]\s*\d{{2,4}})?{_ERA}
    | (?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day
    | \d{{1,2}}(?::\d{{2}})?\s*(?:a\.?m\.?|p\.?m\.?)
    | \d{{1,2}}:\d{{2}}
    )\b""",
    re.VERBOSE,
)
_SMALL = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    r"|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    r"|dozens?|hundreds?|thousands?|millions?|billions?|half|a\s+third|a\s+quarter|twice|zero)"
)
_NUMBER = re.compile(
    rf"""(?:[$£€¥]\s?)?\b(?:
      \d+(?:[.,]\d+)*(?:\s*(?:million|billion|trillion|thousand|hundred|dozen))?
    | {_SMALL}(?:[\s-]+{_SMALL})*
    )\b
    (?:\s?(?:%|°[CF]?)|\s+(?:percent|per\s+cent|pounds?|dollars?|euros?|miles?|km|kilomet\w+|met(?:er|re)s?
    |feet|foot|inch(?:es)?|acres?|years?|months?|weeks?|days?|hours?|minutes?|seconds?|degrees?
    |tonn?e?s?|kg|grams?|people|times|bits?|[KMGT]i?B|bytes?|ms)\b)?""",
    re.VERBOSE | re.IGNORECASE,
)
_CAPITAL = r"(?:[A-Z][^\W_]*(?:['’.&-][^\W_]+)*\.?(?<!\w{4}\.))"
_NAME = re.compile(
    rf"\b{_CAPITAL}(?:\s+(?:(?:of|the|de|du|la|le|von|van|der|da|di|al|bin|y)\s+)"
    rf"{{0,2}}{_CAPITAL}|\s+(?:[IVXLC]+|\d{{1,2}})\b)*"
)
_QUOTED = re.compile(r"[“\"']([^”\"'“]{2,80})[”\"']|`([^`\n]{1,120})`|\*([^*\n]{2,80})\*")
_REASON = re.compile(
    r"\b(?:because(?:\s+of)?|due\s+to|in\s+order\s+to|so\s+that|so\s+as\s+to|as\s+a\s+result\s+of"
    r"|owing\s+to|thanks\s+to|since|caused\s+by|the\s+reason|in\s+response\s+to|to\s+(?=[a-z]+\b))",
    re.IGNORECASE,
)
_WAY = re.compile(
    r"\b(?:by\s+(?=\w+)|via\b|using\b|through\b|with\s+the\s+help\b|by\s+means\s+of\b"
    r"|run\b|type\b|press\b|set\b|use\b)",
    re.IGNORECASE,
)
_LOCATES = re.compile(
    r"(?:\b(?:in|at|near|from|to|of|on|into|through|across|around|outside|between|and|or"
    r"|called|named|is|was)|,)\s+(?:the\s+)?\Z",
    re.IGNORECASE,
)
"""What stands before the name of a place."""
_COMMAND = re.compile(r"^\s*(?:\$ |```|`|[-*] |\d+\. )|`[^`\n]+`", re.MULTILINE)

Stretch = tuple[int, int]


def dates(text: str) -> Iterator[Stretch]:
    """Dates, years, decades, centuries, days of the week, times of day."""
    for match in _DATE.finditer(text):
        yield match.span()


def numbers(text: str) -> Iterator[Stretch]:
    """Amounts with their unit, in digits or words; a bare year is not one."""
    taken = list(dates(text))
    for match in _NUMBER.finditer(text):
        if not any(a < match.end() and match.start() < b for a, b in taken):
            yield match.span()


def names(text: str) -> Iterator[Stretch]:
    """Runs of capitalised words. A sentence's first word counts if it is no everyday word."""
    for match in _NAME.finditer(text):
        start, end = match.span()
        first = re.match(r"[^\W_]+", match[0])
        opening = text[:start].rstrip(" \"'“‘(*_")
        if first and (not opening or opening[-1] in ".!?:;\n"):
            lower = first[0].lower()
            if lower in STOP or (rarity(stem(lower)) < 0.7 and first[0] == match[0]):
                start += len(first[0]) + 1
                while start < end and not text[start].isupper():
                    start += 1
        if start < end:
            yield start, end


def quoted(text: str) -> Iterator[Stretch]:
    """What stands in quotation marks, code marks or emphasis, without them."""
    for match in _QUOTED.finditer(text):
        if group := match.lastindex:
            yield match.span(group)


def of_kind(kind: Kind, text: str) -> Iterator[Stretch]:
    """The stretches that have the form of an answer of a kind; none for kinds without a form."""
    if kind == "date":
        yield from dates(text)
    elif kind == "number":
        yield from numbers(text)
    elif kind == "person":
        yield from names(text)
    elif kind == "place":
        yield from (s for s in names(text) if _LOCATES.search(text, 0, s[0]))
    elif kind == "reason":
        for match in _REASON.finditer(text):
            yield match.end(), len(text)
    elif kind == "way":
        for match in _WAY.finditer(text):
            yield match.start(), len(text)
        for match in _COMMAND.finditer(text):
            yield match.span()

"""What of a source is not to be noted: stubs before a wall, pages of errors, orders to a reader.

By its words and its length alone. A page that is wrongly taken for one of these costs a source; one
that slips through is still only quoted, never obeyed.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from knowledge.orders import first_order, order_spans
from knowledge.types import Span

if TYPE_CHECKING:
    from agent.research.types import Source

_HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_HAN}]|[^\W{_HAN}]+")
"""Chinese and Japanese write no spaces: a character is about a word."""
_LEAST = 8
"""Words below which a page says nothing that could be noted."""
_WALL_WORDS = 300
"""Words from which a text with such a phrase is an article that also wants subscribers."""
_ERROR_WORDS = 150
_PAGE = r"\b(?:page|file|site|website|article|story|content|text|post|link|url|document)s?\b"
"""What a wall or an error is about; the same is said of clubs and lamps."""
_WALL = re.compile(
    r"subscribe (?:now )?to (?:continue|read|keep reading|unlock)"
    r"|to (?:continue|keep) reading\b"
    r"|already a (?:subscriber|member)\?|(?:sign|log) in to (?:read|continue|view)"
    rf"|{_PAGE}[^.!?]{{0,40}}\b(?:only for|for our|available to|reserved for|exclusive to)"
    rf" (?:paying )?(?:subscribers|members)|\b(?:subscribers?|members?)[- ]only {_PAGE}"
    rf"|{_PAGE} (?:is|are) (?:for )?(?:subscribers?|members?)[- ]only"
    r"|(?:register|create an? (?:free )?account) to (?:read|continue)"
    r"|unlock (?:this|the full) (?:article|story)|you have (?:reached|used) (?:your|all)"
    r" .{0,30}\bfree articles",
    re.IGNORECASE,
)
_SIGN = (
    r"(?:access denied|just a moment|attention required|(?:service|temporarily) unavailable"
    r"|(?:page )?not found|no longer (?:exists|available)|(?:has been )?(?:removed|deleted))"
)
"""An error where it is a title, or a line of its own."""
_ERROR = re.compile(
    rf"{_PAGE}(?: (?:that )?you [^.!?\n]{{0,40}}?)?\s+"
    r"(?:(?:was|is|could|can|has|have|does|did|may)\s*)*(?:(?:not|n['’]t) (?:be )?"
    r"(?:found|exist|available)\b|unavailable\b|no longer (?:exists?|available)\b"
    r"|been (?:removed|deleted)\b)"
    r"|\berror 4\d\d\b"
    r"|\b(?:404|403|410|500|502|503)\b.{0,20}\b(?:error|found|gone|forbidden|unavailable|gateway)"
    r"|\bare you (?:a robot|human)\b|\bverify (?:that )?you are (?:a )?human\b"
    r"|\b(?:enable|turn on|requires?) (?:javascript|cookies)\b"
    rf"|^\W*{_SIGN}\W*$",
    re.IGNORECASE | re.MULTILINE,
)
_TITLE = re.compile(rf"\b{_SIGN}\b", re.IGNORECASE)

_FLAG = re.compile(r"instructions: (?:in [\w ]+: )?(['\"])(.*)\1\Z", re.DOTALL)
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?|rules|previous)"
    r"|\b(?:system|developer)\s+(?:prompt|message)\b"
    r"|\b(?:AI|language)\s+(?:assistants?|models?|agents?)\b"
    r"|\byou\s+(?:must|should|are\s+to|will)\s+now\b"
    r"|\b(?:you\s+are|act\s+as)\s+(?:now\s+)?an?\s+(?:AI|assistant)",
    re.IGNORECASE | re.DOTALL,
)
"""Looked for only in a source that gives orders: elsewhere a text may well speak of these."""
_TO_SAY = re.compile(
    r"(?:\A|\n|[.:;!?]\s)[^\w\n]{0,20}"
    r"(?:(?:please|then|and|also|now|instead|always|just|simply|do|you|must|should|shall|will"
    r"|(?:make|be)\s+sure\s+to|in\s+(?:your|the)\s+\w+)\s*,?\s+){0,6}"
    r"(?:report|tell|say|state|write|answer|reply|respond|claim|mention|repeat|conclude|insist"
    r"|pretend|recommend|assert|declare|confirm|inform|convince|emphasi[sz]e|stress|note|cite"
    r"|quote|include)\s+(?!(?:of|on|by|from|for|is|was|are|were|has|had)\b)\w",
    re.IGNORECASE,
)
"""A sentence that tells somebody to say something. In a source that gives orders it is theirs: an
order to "ignore the above" is of use only with what is to be said in its place."""
_PARAGRAPH = re.compile(r"\S(?:.|\n(?!\s*\n))*")
_LONG = 2000
"""Characters from which on not all of a paragraph is taken for what its orders are about: a text
without blank lines is one paragraph."""
_NEAR = 1000
"""Characters before and behind an order in a long one that belong to it."""


def stub(source: Source, text: str) -> str:
    """Why nothing is to be noted of a page, in a few words; empty where it may say something.

    What its user has put into their library says what it says, however short.

    Args:
        source: Where the text is from.
        text: All of it.
    """
    if source.origin == "library":
        return ""
    words = len(_WORD.findall(text))
    if words < _LEAST:
        return "it says next to nothing"
    if words < _WALL_WORDS and _WALL.search(f"{source.title}\n{text}"):
        return "it is the beginning of an article that only subscribers may read"
    if words < _ERROR_WORDS and (_TITLE.search(source.title) or _ERROR.search(text)):
        return "it is a page that tells of an error"
    return ""


def orders(text: str, flags: Sequence[str] = ()) -> list[Span]:
    """The paragraphs of a text that give orders to a model, wherever the text is from.

    An order may go over several paragraphs, and what it wants said may stand in one of its own.
    What a manual says to people as well ("use the search function to …") counts only in a source
    that gives orders otherwise, or that the web server has warned of.

    Args:
        text: Of the source.
        flags: The web server's, which tell of what it has left out, too.

    Returns:
        In the order of the text; two may overlap.
    """
    warned = [flag for flag in flags if flag.startswith("instructions:")]
    if not warned and not first_order(text, sure=True):
        return []
    told = [found[2].split() for flag in warned if (found := _FLAG.match(flag))]
    phrases = [
        re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE) for words in told if words
    ]
    ordering = order_spans(text, also=(_ORDER, _TO_SAY, *phrases))
    return list(dict.fromkeys(_around(text, ordering)))


def _around(text: str, ordering: Sequence[Span]) -> Iterator[Span]:
    """The paragraphs that orders touch; of a long one, what is near them."""
    paragraphs = [Span(*found.span()) for found in _PARAGRAPH.finditer(text)]
    starts, ends = [p.start for p in paragraphs], [p.end for p in paragraphs]
    for order in ordering:
        first, end = bisect_right(ends, order.start), bisect_left(starts, order.end)
        # "Say the following:"
        end += end < len(paragraphs) and text[ends[end - 1] - 1] == ":"
        for paragraph in paragraphs[first:end]:
            if len(paragraph) <= _LONG:
                yield paragraph
            else:
                start = max(paragraph.start, order.start - _NEAR)
                yield Span(start, max(start, min(paragraph.end, order.end + _NEAR)))

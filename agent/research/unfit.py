"""What of a source is not to be noted: stubs before a wall, pages of errors, orders to a reader.

By its words and its length alone. A page that is wrongly taken for one of these costs a source; one
that slips through is still only quoted, never obeyed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from knowledge.orders import first_order
from knowledge.sentences import sentences
from knowledge.types import Span

_WORD = re.compile(r"\w+")
_LEAST = 8
"""Words below which a text says nothing that could be noted."""
_WALL_WORDS = 300
"""Words from which a text with such a phrase is an article that also wants subscribers."""
_ERROR_WORDS = 150
_WALL = re.compile(
    r"subscribe (?:now )?to (?:continue|read|keep reading|unlock)|to (?:continue|keep) reading"
    r"|already a (?:subscriber|member)|(?:sign|log) in to (?:read|continue|view)"
    r"|(?:only for|for our|available to|reserved for|exclusive to) (?:paying )?"
    r"(?:subscribers|members)|(?:subscribers?|members?)[- ]only"
    r"|(?:register|create an? (?:free )?account) to (?:read|continue)"
    r"|unlock (?:this|the full) (?:article|story)|you have (?:reached|used) (?:your|all)"
    r" .{0,30}\bfree articles",
    re.IGNORECASE,
)
_ERROR = re.compile(
    r"\b(?:page|file|site|article) (?:was |could )?(?:not|n['’]t) (?:be )?found\b|\berror 4\d\d\b"
    r"|\b(?:404|403|410|500|502|503)\b.{0,20}\b(?:error|found|gone|forbidden|unavailable|gateway)"
    r"|\baccess denied\b|\bjust a moment\b|\battention required\b|\bare you (?:a robot|human)\b"
    r"|\bverify (?:that )?you are (?:a )?human\b|\b(?:service|temporarily) unavailable\b"
    r"|\b(?:no longer (?:exists|available)|has been (?:removed|deleted))\b"
    r"|\b(?:enable|turn on|requires?) (?:javascript|cookies)\b",
    re.IGNORECASE,
)
_FLAG = re.compile(r"instructions: (?:in [\w ]+: )?(['\"])(.*)\1\Z", re.DOTALL)
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?|rules|previous)"
    r"|\b(?:system|developer) (?:prompt|message)\b"
    r"|\b(?:AI|language) (?:assistants?|models?|agents?)\b"
    r"|\byou (?:must|should|are to|will) now\b|\b(?:you are|act as) (?:now )?an? (?:AI|assistant)",
    re.IGNORECASE,
)
"""Looked for only in a source that gives orders: elsewhere a text may well speak of these."""
_PARAGRAPH = re.compile(r"\S(?:.|\n(?!\s*\n))*")
_LONG = 2000
"""Characters from which on not all of a paragraph is taken for what its orders are about: a text
without blank lines is one paragraph."""
_NEAR = 1000
"""Characters before and behind an order in a long one that belong to it."""


def stub(text: str, title: str = "") -> str:
    """Why nothing is to be noted of a text, in a few words; empty where it may say something."""
    words = len(_WORD.findall(text))
    if words < _LEAST:
        return "it says next to nothing"
    if words < _WALL_WORDS and _WALL.search(text):
        return "it is the beginning of an article that only subscribers may read"
    if words < _ERROR_WORDS and _ERROR.search(f"{title}\n{text}"):
        return "it is a page that tells of an error"
    return ""


def orders(text: str, flags: Sequence[str] = ()) -> list[Span]:
    """The paragraphs of a text that give orders to a model, wherever the text is from.

    What a manual says to people as well ("use the search function to …") counts only in a source
    that gives orders otherwise, or that the web server has warned of.

    Args:
        text: Of the source.
        flags: The web server's, which tell of what it has left out, too.
    """
    warned = [flag for flag in flags if flag.startswith("instructions:")]
    if not warned and not first_order(text, sure=True):
        return []
    phrases = [_plain(found[2]) for flag in warned if (found := _FLAG.match(flag))]

    def ordering(said: str) -> bool:
        plain = _plain(said)
        known = any(phrase and phrase in plain for phrase in phrases)
        return known or bool(_ORDER.search(plain) or first_order(said))

    spans: list[Span] = []
    for found in _PARAGRAPH.finditer(text):
        if not ordering(found[0]):
            continue
        start, end = found.span()
        said = sentences(found[0]) if end - start > _LONG else []
        near = [
            Span(max(start, start + s.start - _NEAR), min(end, start + s.end + _NEAR))
            for s in said
            if ordering(found[0][s.start : s.end])
        ]
        spans += near or [Span(start, end)]
    return spans


def _plain(text: str) -> str:
    return " ".join(text.split()).lower()

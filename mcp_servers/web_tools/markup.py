"""HTML to its tags, texts and comments, with the place of each. Builds no tree and repairs nothing.

The readers of `knowledge.read` make text of a page; this is for what they drop: metadata, links,
and what is hidden. It takes time in proportion to the page, however hostile: every expression is
possessive, and an element or a quote that is never closed ends the search for its end.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Literal, NamedTuple

LIMIT = 4 * 1024 * 1024
"""Characters that are looked at: pages are smaller, and data dumps have no metadata."""
_ATTRIBUTES = 200
"""Attributes of one tag that are kept."""
_NEXT = re.compile(r"<(?:(!--)|([!?])|(/?)([a-zA-Z][^\s/>]*+))")
_ATTRIBUTE = re.compile(
    r"[\s/]*+([^\s/>][^\s/>=]*+)"
    r"(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>\"'][^\s>]*+)))?+"
)
_TAG_END = re.compile(r"[^>]*+(>?)")
_RAW = frozenset({"script", "style", "xmp", "noembed", "noframes", "iframe", "textarea", "title"})
"""Elements whose content is text up to their own end, whatever it looks like."""
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in _RAW}
VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
     "wbr"}
)  # fmt: skip
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "div", "dl", "fieldset", "footer", "form", "h1",
     "h2", "h3", "h4", "h5", "h6", "header", "hr", "main", "nav", "ol", "p", "pre", "section",
     "table", "ul"}
)  # fmt: skip
_CLOSED_BY = {
    **dict.fromkeys(_BLOCKS, ("p",)),
    "li": ("li",), "dt": ("dt", "dd"), "dd": ("dt", "dd"), "tr": ("tr", "td", "th"),
    "td": ("td", "th"), "th": ("td", "th"), "option": ("option",),
}  # fmt: skip
"""By a tag that opens: what is open just before it and ends there, as the HTML standard says."""


class Token(NamedTuple):
    """A piece of a page; the tokens tile what was looked at."""

    kind: Literal["open", "close", "text", "comment"]
    name: str
    """Of a tag, in lower case; of a text, the element whose raw content it is, or empty."""
    text: str
    """Of texts (entities resolved but in scripts and styles) and comments."""
    attributes: Mapping[str, str]
    start: int
    end: int


def tokens(markup: str) -> Iterator[Token]:
    """Take a page apart."""
    size, at = min(len(markup), LIMIT), 0
    while at < size:
        found = _NEXT.search(markup, at, size)
        if found is None:
            yield Token("text", "", unescape(markup[at:size]), {}, at, size)
            return
        start = found.start()
        if start > at:
            yield Token("text", "", unescape(markup[at:start]), {}, at, start)
        if found[1]:
            close = markup.find("-->", found.end(), size)
            at = size if close < 0 else close + 3
            yield Token("comment", "", markup[found.end() : close if close >= 0 else size], {},
                        start, at)  # fmt: skip
            continue
        if found[2]:
            at = _TAG_END.match(markup, found.end(), size).end()  # type: ignore[union-attr]
            yield Token("comment", "", "", {}, start, at)
            continue
        name = found[4].lower()
        attributes, at = _attributes(markup, found.end(), size)
        yield Token("close" if found[3] else "open", name, "", attributes, start, at)
        if name in _RAW and not found[3]:
            close_at = _RAW_END[name].search(markup, at, size)
            until = close_at.start() if close_at else size
            if until > at:
                raw = markup[at:until]
                plain = name in ("title", "textarea")
                yield Token("text", name, unescape(raw) if plain else raw, {}, at, until)
            at = until


def _attributes(markup: str, at: int, size: int) -> tuple[dict[str, str], int]:
    """The attributes of a tag, and where it ends."""
    attributes: dict[str, str] = {}
    while (found := _ATTRIBUTE.match(markup, at, size)) is not None:
        at = found.end()
        if len(attributes) < _ATTRIBUTES:
            value = found[2] or found[3] or found[4] or ""
            attributes.setdefault(found[1].lower(), unescape(value))
    end = _TAG_END.match(markup, at, size)
    return attributes, end.end() if end else size


class Nesting:
    """Which elements are open, kept in step with tokens; unclosed ones end as browsers end them."""

    def __init__(self) -> None:
        self._open: list[tuple[str, int]] = []
        self._count: Counter[str] = Counter()
        self._serial = 0

    def enter(self, name: str) -> int:
        """An element opens. Gives a number by which to ask whether it is still open."""
        for closed in _CLOSED_BY.get(name, ()):
            if self._open and self._open[-1][0] == closed:
                self._pop()
        self._serial += 1
        if name not in VOID:
            self._open.append((name, self._serial))
            self._count[name] += 1
        return self._serial

    def leave(self, name: str) -> None:
        """An end tag. One of an element that is not open means nothing."""
        if self._count[name]:
            while self._pop() != name:
                pass

    def is_open(self, serial: int) -> bool:
        """Whether the element, or one within it, is the innermost."""
        low, high = 0, len(self._open)
        while low < high:  # serials rise along the stack
            middle = (low + high) // 2
            if self._open[middle][1] < serial:
                low = middle + 1
            else:
                high = middle
        return low < len(self._open) and self._open[low][1] == serial

    def _pop(self) -> str:
        name, _ = self._open.pop()
        self._count[name] -= 1
        return name

"""HTML: all text that a browser would show, as Markdown-like text (door: lxml, for files).

Other readers have HTML inside of their files, and XML, and come here with it.

Nothing is judged to be boilerplate: a file on the user's disk loses no content. Web pages that
are fetched go another way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from knowledge.errors import ReadError
from knowledge.read.encodings import codec_of
from knowledge.read.outline import Heading, sections_of
from knowledge.read.text import TEXT_LIMIT, decode, tidy, too_large
from knowledge.types import Document

if TYPE_CHECKING:
    from lxml.etree import _Element

    Element = _Element
    """What other modules call it: they take trees from here, and import no lxml."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DROPPED = frozenset(
    {"script", "style", "noscript", "template", "title", "iframe", "object", "canvas", "datalist"}
)
_BLOCKS = _words(
    "address article aside blockquote body caption center dd details dialog dir div dl dt "
    "fieldset figcaption figure footer form header hgroup hr html legend li main menu nav ol "
    "optgroup option p pre search section select summary table tbody td tfoot th thead tr ul"
)
_LINES = frozenset({"caption", "dd", "div", "dt", "legend", "option", "summary", "td", "th", "tr"})
"""Blocks that stand on lines of their own without a blank line around them."""
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\xa0]+")
_INVISIBLE = re.compile("[\xad\u200b\u2060\ufeff]")
"""Hints for breaking lines: soft hyphen, zero-width space, word joiner."""


_ATTRIBUTE = r"[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?+)?+"
_TAG = re.compile(rf"<[a-z][^\s/>]*+(?:[\s/]++|{_ATTRIBUTE})*+", re.IGNORECASE)
_ATTRIBUTES = 5_000
"""Attributes of one tag; libxml2 takes the square of their number in time."""


class Converted(NamedTuple):
    """What an HTML page says."""

    text: str
    """Empty where it shows none."""
    headings: list[Heading]
    title: str
    """Of its `<title>`, in one line."""


def read_html(data: bytes, name: str) -> Document:
    """Read an HTML file: headings as `# `, lists as `- `, table rows with ` | `, code fenced.

    Raises:
        ReadError: There is no text in it.
    """
    markup, notes = decode_html(data)
    text, headings, title = convert(markup)
    if not text.strip():
        raise ReadError("it holds no text: perhaps its content is made by scripts")
    if not title:
        title = next((h.title for h in headings if h.level == 1), "")
    return Document(text, "html", title=title, sections=sections_of(text, headings), notes=notes)


def convert(markup: str) -> Converted:
    """Turn HTML, whole or a part of a page, to text.

    Raises:
        ReadError: It nests too deeply, or nothing can be made of it.
    """
    root = parse_html(markup)
    if root is None:
        return Converted("", [], "")
    writer = _Writer()
    _walk(root, writer)
    titles = ("".join(node.itertext()) for node in root.iter("title"))
    title = next((" ".join(t.split()) for t in titles if t.strip()), "")
    return Converted(writer.text(), writer.headings, title)


def parse_html(markup: str) -> _Element | None:
    """The root of an HTML page, comments and processing instructions gone; None of an empty one.

    Raises:
        ReadError: It nests too deeply, or nothing can be made of it.
    """
    from lxml import etree

    for tag in _TAG.finditer(markup):
        if len(tag[0]) > 2 * _ATTRIBUTES:
            count = sum(1 for _ in re.finditer(_ATTRIBUTE, tag[0]))
            if count > _ATTRIBUTES:
                raise ReadError(f"the HTML is damaged: a tag has {count:,} attributes")
    # Bytes of a known encoding: of a string, lxml refuses one that declares its own.
    parser = etree.HTMLParser(
        encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(tidy(markup).encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        raise ReadError(f"the HTML cannot be parsed: {error.msg}") from None
    if parser.error_log.filter_from_fatals():
        # Past 2,048 levels libxml2 gives up and keeps nothing of what follows.
        raise ReadError("the HTML is nested too deeply, or damaged beyond reading")
    return root


def parse_xml(data: bytes) -> _Element:
    """The root of an XML document. Entities are not resolved, nothing is loaded.

    Raises:
        ReadError: It is not well formed, or nests deeper than 256 levels.
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ReadError(f"its XML cannot be parsed: {error}") from None


def decode_html(data: bytes) -> tuple[str, tuple[str, ...]]:
    """The markup: by its byte order mark, by what it declares, or as any text.

    Raises:
        ReadError: It is too large, or no text.
    """
    if len(data) > TEXT_LIMIT:
        raise too_large(len(data), TEXT_LIMIT)
    declared = _CHARSET.search(data[:4096])
    marked = data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"))
    encoding = codec_of(declared[1].decode("ascii", "replace")) if declared else None
    if encoding and not marked:
        with suppress(ValueError):
            return data.decode(encoding), ()
    return decode(data)


class _Writer:
    """Gathers text as HTML lays it out: white space collapses, blocks stand apart."""

    def __init__(self) -> None:
        self.headings: list[Heading] = []
        self._parts: list[str] = []
        self._length = 0
        self._break = 0
        """Line breaks owed before the next word."""
        self._space = False
        self._prefix = ""
        """Markup owed before the next word: a list marker, heading hashes, a cell's border."""
        self._level = 0
        """The open heading's level; 0: none is open."""
        self._start = self._first = -1
        """Where the open heading begins, and the first part of its words; -1: no word yet."""

    def words(self, text: str) -> None:
        """Add running text."""
        collapsed = _SPACE.sub(" ", _INVISIBLE.sub("", tidy(text)))
        words = collapsed.strip(" ")
        if not words:
            self._space = self._space or bool(collapsed)
            return
        self._open(collapsed.startswith(" "))
        self._put(words)
        self._space = collapsed.endswith(" ")

    def verbatim(self, text: str) -> None:
        """Add text as it stands, fenced as code where it is of several lines."""
        text = tidy(text).strip("\n").rstrip()
        if text:
            self.line(2)
            self._open(False)
            longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
            fence = "`" * max(3, longest + 1)
            self._put(f"{fence}\n{text}\n{fence}")
            self.line(2)

    def line(self, count: int) -> None:
        """Owe at least so many line breaks."""
        self._break = max(self._break, count)

    def another_line(self) -> None:
        """Owe one line break more, two at most."""
        self._break = min(2, self._break + 1)

    def owe(self, prefix: str) -> None:
        """Owe markup before the next word."""
        self._prefix = prefix

    def owe_cell(self) -> None:
        """Owe a border: the next cell of a row. Empty cells keep theirs."""
        self._prefix += " | "

    def open_heading(self, level: int) -> None:
        """Begin a heading. One inside of another goes on with it."""
        self.line(2)
        if not self._level:
            self._level, self._start = level, -1
            self.owe("#" * level + " ")

    def close_heading(self) -> None:
        """End the heading, and note it if it had words."""
        if self._level and self._start >= 0:
            title = "".join(self._parts[self._first :])
            self.headings.append(Heading(self._start, self._level, title))
        self._level = 0
        self.owe("")
        self.line(2)

    def text(self) -> str:
        """What has been written."""
        return "".join(self._parts)

    def _open(self, space: bool) -> None:
        """Pay what is owed."""
        inside = self._level and self._start >= 0
        if inside and self._break:
            self._break, space = 0, True  # a heading is one line
        if self._length and self._break:
            self._put("\n" * self._break)
        elif self._length and not self._prefix and (space or self._space):
            self._put(" ")
        if self._level and not inside:
            self._start = self._length
        if self._prefix:
            first_cell = self._prefix.startswith(" |") and (self._break or not self._length)
            self._put(self._prefix.lstrip() if first_cell else self._prefix)
        if self._level and not inside:
            self._first = len(self._parts)
        self._break, self._space, self._prefix = 0, False, ""

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)


def _walk(root: _Element, out: _Writer) -> None:
    """Write a tree. Without recursion: a hostile page nests deeper than Python's stack."""
    lists: list[int | None] = []
    row_is_line = False
    for event, node in _events(root):
        tag, opening = node.tag, event == "start"
        if event == "tail":
            out.words(node.tail or "")
            continue
        if tag == "table" and _is_data(node):
            out.line(2)
            row_is_line = opening
        elif row_is_line:
            _in_table(tag, node, opening, out)
        elif tag in _HEADINGS:
            if opening:
                out.open_heading(int(tag[1]))
            else:
                out.close_heading()
        elif tag == "pre":
            if opening:
                out.verbatim("".join(_verbatim(node)))
            continue
        elif tag == "br":
            if opening:
                out.another_line()
        elif tag in ("ul", "ol", "menu", "dir"):
            if opening:
                lists.append(_number(node.get("start")) if tag == "ol" else None)
            elif lists:
                lists.pop()
            out.line(1 if lists else 2)
        elif tag == "li":
            out.line(1)
            out.owe(_marker(lists) if opening else "")
        elif tag in _BLOCKS:
            out.line(1 if tag in _LINES else 2)
        if opening:
            out.words(node.text or "")


def _in_table(tag: str, node: _Element, opening: bool, out: _Writer) -> None:
    """Inside of a data table: a row is a line, whatever its cells hold."""
    if tag in ("tr", "caption"):
        out.line(1)
        out.owe("")
    elif tag in ("td", "th"):
        if opening and node.getprevious() is not None:
            out.owe_cell()
    elif tag == "br" or tag in _BLOCKS:
        out.words(" ")


def _marker(lists: list[int | None]) -> str:
    """The marker of the next item of the innermost list, indented by its depth."""
    count = lists[-1] if lists else None
    if count is None:
        return "  " * min(len(lists) - 1, 10) + "- "
    lists[-1] = count + 1
    return "  " * min(len(lists) - 1, 10) + f"{count}. "


def _events(root: _Element) -> Iterator[tuple[str, Any]]:
    """`start`, `end` and `tail` of each visible element, in document order."""
    stack: list[tuple[Any, Iterator[Any]]] = []
    node: Any = root
    while True:
        if isinstance(node.tag, str) and not _is_hidden(node):
            yield "start", node
            stack.append((node, iter(()) if node.tag == "pre" else iter(node)))
        elif node is not root:
            yield "tail", node
        if not stack:
            return
        while (following := next(stack[-1][1], None)) is None:
            done, _ = stack.pop()
            yield "end", done
            if not stack:
                return
            yield "tail", done
        node = following


def _verbatim(pre: _Element) -> Iterator[str]:
    """The text of a preformatted block, line breaks kept."""
    yield pre.text or ""
    for child in pre:
        for event, each in _events(child):
            if event == "start":
                yield "\n" if each.tag == "br" else each.text or ""
            elif event == "tail":
                yield each.tail or ""
        yield child.tail or ""


def _is_hidden(node: Any) -> bool:
    attributes = node.attrib
    return node.tag in _DROPPED or (
        bool(attributes)
        and ("hidden" in attributes or bool(_HIDDEN.search(attributes.get("style", ""))))
    )


def _is_data(table: Any) -> bool:
    """Whether a table holds data: one that holds headings, tables or code lays out a page."""
    return next(table.iterdescendants("table", "pre", *_HEADINGS), None) is None


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else 1

"""A fetched web page to a document: its article, without what stands around it (door: trafilatura).

Fetches nothing. Files on the user's disk go another way, and lose no content.
"""

from __future__ import annotations

import logging
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from knowledge.errors import ReadError
from knowledge.read.article import article_of
from knowledge.read.encodings import codec_of
from knowledge.read.files import read_bytes
from knowledge.read.html import convert, decode_html
from knowledge.read.kinds import binary_format, kind_of_content, kind_of_name
from knowledge.read.outline import sections_of
from knowledge.read.text import decode
from knowledge.types import Document

if TYPE_CHECKING:
    from knowledge.guard import Fetched

_ARTICLE_LIMIT = 4 * 1024 * 1024
_TAGS_LIMIT = 100_000
"""Characters and tags of a page in which an article is looked for: for more, the search takes ten
seconds and hundreds of megabytes. Of a larger page all text is kept."""
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_NAMES = {
    "application/pdf": "page.pdf",
    "application/x-pdf": "page.pdf",
    "application/json": "page.json",
    "text/json": "page.json",
    "application/x-ndjson": "page.jsonl",
    "application/jsonl": "page.jsonl",
    "text/markdown": "page.md",
    "text/x-markdown": "page.md",
    "text/x-rst": "page.rst",
    "text/csv": "page.csv",
    "text/tab-separated-values": "page.tsv",
    "application/xml": "page.xml",
    "text/xml": "page.xml",
    "application/epub+zip": "page.epub",
    "application/x-ipynb+json": "page.ipynb",
    "message/rfc822": "page.eml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "page.docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "page.pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "page.xlsx",
}
"""By content type: a name whose ending leads to the reader."""
_UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream", "text/plain"})
"""Types that servers send for files that they do not know: the URL's ending tells more."""


class _Article(NamedTuple):
    markup: str
    title: str


def read_page(fetched: Fetched) -> Document:
    """Read what was fetched, by what the server says that it is.

    Of HTML, the article is kept with its title and headings; where none can be told from what
    stands around it, all text of the page, with a note. Others are read as files of their type.

    Raises:
        ReadError: It is of a type that is not read here, or cannot be understood.
    """
    if not fetched.data:
        raise ReadError("the page is empty")
    kind = fetched.content_type
    shown = kind_of_content(fetched.data)
    if kind in _HTML or (kind in _UNTOLD - {"text/plain"} and shown and shown.kind == "html"):
        return _read_html(fetched)
    name = _name(fetched)
    if not name and not shown:
        what = binary_format(fetched.data) or kind or "of a type that the server does not tell"
        raise ReadError(
            f"it is no page that can be read: it is {what}",
            hint="Add web pages, text, Markdown, JSON, PDF or office files.",
        )
    return read_bytes(_in_utf8(fetched, name), name or "page")


def _name(fetched: Fetched) -> str:
    """A file name that leads to the right reader; empty where there is none."""
    kind = fetched.content_type
    if name := _NAMES.get(kind):
        return name
    own = PurePosixPath(unquote(urlsplit(fetched.url).path)).name
    told = kind_of_name(own)
    if kind.endswith("+json"):
        return "page.json"
    if kind.endswith("+xml"):
        return "page.xml"
    if kind in _UNTOLD or kind.startswith("text/") or (told and told.kind == "code"):
        if told and told.kind != "html":
            return own
        return "page.txt" if kind.startswith("text/") else ""
    return ""


def _in_utf8(fetched: Fetched, name: str) -> bytes:
    """The bytes of a text in UTF-8, where the server declares another encoding that fits."""
    told = kind_of_name(name)
    if not fetched.charset or not told or told.kind not in ("text", "markdown", "code", "csv"):
        return fetched.data
    text = _declared(fetched)
    return fetched.data if text is None else text.encode("utf-8")


def _declared(fetched: Fetched) -> str | None:
    """The text in the encoding of the header, which a byte order mark overrules."""
    if fetched.data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return None
    codec = codec_of(fetched.charset)
    if codec is None:
        return None
    try:
        text = fetched.data.decode(codec)
    except ValueError:
        return None
    # Checked like any text: the declared encoding may be one that takes every byte.
    decode(text.encode("utf-8", "replace"))
    return text


def _read_html(fetched: Fetched) -> Document:
    markup = _declared(fetched) if fetched.charset else None
    notes: tuple[str, ...] = ()
    if markup is None:
        markup, notes = decode_html(fetched.data)
    article = _article(markup, fetched.url)
    text, headings, title = convert(article.markup if article else markup)
    if article is None or not text.strip():
        text, headings, title = convert(markup)
        notes = (*notes, "no article was told apart: all text of the page was kept")
    if not text.strip():
        raise ReadError(
            "the page holds no text: perhaps its content is made by scripts",
            hint="Save the page from a browser, and add the file.",
        )
    if article and article.title:
        title = article.title
    if not title:
        title = next((h.title for h in headings if h.level == 1), "")
    return Document(text, "html", title=title, sections=sections_of(text, headings), notes=notes)


def _article(markup: str, url: str) -> _Article | None:
    """The article of a page as plain HTML; None where none is found."""
    if len(markup) > _ARTICLE_LIMIT or markup.count("<") > _TAGS_LIMIT:
        return None
    strict = _extracted(markup, url, favor_precision=True, with_metadata=True)
    lenient = _extracted(markup, url, fast=True, include_links=True)
    try:
        main = article_of(
            None if strict is None else strict.find("main"),
            None if lenient is None else lenient.find("main"),
        )
    except RecursionError:  # a hostile page nests deeper than the comparison goes
        return None
    if main is None:
        return None
    _as_html(main)
    title = " ".join((strict.get("title") or "").split()) if strict is not None else ""
    return _Article(ElementTree.tostring(main, encoding="unicode", method="html"), title)


def _extracted(markup: str, url: str, **options: bool) -> ElementTree.Element | None:
    """One reading of a page, as TEI-like XML; None where it finds no article."""
    from trafilatura import extract

    # It tells of every page without an article on the log, which is no error here.
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    try:
        found = extract(
            markup,
            url=url,
            include_comments=False,
            include_formatting=False,
            output_format="xml",
            **options,
        )
        return ElementTree.fromstring(found) if found else None
    except Exception:  # any fault of the search on a hostile page costs the article, not the text
        return None


_TAGS = {"row": "tr", "item": "li", "quote": "blockquote", "lb": "br", "del": "s"}
_TAGS |= {"hi": "span", "ref": "span"}


def _part_links(node: ElementTree.Element) -> None:
    """Put a space between two links in a row, which trafilatura takes away."""
    for link, following in pairwise(node):
        if link.tag == following.tag == "ref" and not link.tail:
            link.tail = " "


def _as_html(main: ElementTree.Element) -> None:
    """Turn trafilatura's names of elements, those of TEI, into HTML's."""
    for node in main.iter():
        tag, rend = node.tag, node.get("rend", "")
        if tag == "head":
            node.tag = rend if rend in ("h1", "h2", "h3", "h4", "h5", "h6") else "h2"
        elif tag == "list":
            node.tag = "ol" if rend == "ol" else "ul"
        elif tag == "cell":
            node.tag = "th" if node.get("role") == "head" else "td"
        elif tag == "code":
            node.tag = "pre" if "\n" in "".join(node.itertext()) else "code"
        else:
            node.tag = _TAGS.get(tag, tag)
        node.attrib.clear()
        _part_links(node)
    main.tag = "body"

"""RSS, Atom and sitemaps: lists of pages, as data. Fetches none of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urljoin

from knowledge.errors import ReadError
from knowledge.read.html import convert, parse_xml
from mcp_servers.web_tools.facts import day
from mcp_servers.web_tools.untrusted import clean_markup

ENTRIES = 200
"""Of one feed, from its beginning."""
_SITEMAP_URLS = 50_000
"""Of one sitemap: what the protocol allows."""
_ROOT = re.compile(rb"<(?:\w+:)?(rss|feed|RDF|urlset|sitemapindex)[\s>]")
_FEEDS = frozenset({b"rss", b"feed", b"RDF"})


class Entry(NamedTuple):
    """One item of a feed."""

    title: str
    url: str
    date: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed."""

    title: str
    url: str
    """The page that it stands for."""
    language: str
    entries: tuple[Entry, ...]
    more: int
    """Entries beyond those."""


class Sitemap(NamedTuple):
    """A sitemap, or an index of sitemaps."""

    pages: tuple[str, ...]
    sitemaps: tuple[str, ...]


def is_feed(data: bytes) -> bool:
    """Whether a document is RSS or Atom, by its root."""
    found = _root(data)
    return found in _FEEDS


def is_sitemap(data: bytes) -> bool:
    """Whether a document is a sitemap, or an index of them, by its root."""
    return _root(data) in (b"urlset", b"sitemapindex")


def read_feed(data: bytes, url: str) -> Feed:
    """Read RSS 0.9 to 2.0, or Atom.

    Raises:
        ReadError: It is not well formed, or no feed.
    """
    root = parse_xml(data)
    if _local(root) == "feed":
        head, items = root, _children(root, "entry")
    else:
        head = next(_each(root, "channel"), None)
        if head is None:
            raise ReadError("it is no feed: it has no channel")
        items = _children(head, "item") or _children(root, "item")  # RSS 1.0: beside the channel
    language = _text(head, "language") or str(root.get(_XML_LANG, ""))
    return Feed(
        title=_text(head, "title"),
        url=_link(head, url),
        language=language,
        entries=tuple(_entry(item, url) for item in items[:ENTRIES]),
        more=max(0, len(items) - ENTRIES),
    )


def read_sitemap(data: bytes) -> Sitemap:
    """Read a sitemap.

    Raises:
        ReadError: It is not well formed.
    """
    root = parse_xml(data)
    pages: list[str] = []
    sitemaps: list[str] = []
    for entry in root:
        kind = _local(entry)
        if kind in ("url", "sitemap") and (place := _text(entry, "loc")):
            (pages if kind == "url" else sitemaps).append(place)
            if len(pages) + len(sitemaps) >= _SITEMAP_URLS:
                break
    return Sitemap(tuple(pages), tuple(sitemaps))


def feed_text(feed: Feed) -> str:
    """A feed as Markdown: an entry is a section."""
    parts = [f"# {feed.title or 'Feed'}"]
    for entry in feed.entries:
        title = entry.title or entry.date or "Entry"
        parts.append(f"## [{_plain(title)}]({entry.url})" if entry.url else f"## {_plain(title)}")
        told = ", ".join(word for word in (entry.date, entry.author) if word)
        parts += [part for part in (told, entry.text) if part]
    if feed.more:
        parts.append(f"({feed.more} more entries were left out.)")
    return "\n\n".join(parts)


_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def _entry(item: Any, url: str) -> Entry:
    author = next(_each(item, "author"), None)
    name = _text(author, "name") if author is not None else ""
    dates = (_text(item, tag) for tag in ("pubDate", "published", "updated", "date"))
    bodies = (_body(item, tag) for tag in ("encoded", "content", "description", "summary"))
    return Entry(
        title=_text(item, "title"),
        url=_link(item, url),
        date=day(next((date for date in dates if date), "")),
        author=name or _text(item, "creator") or _text(item, "author"),
        text=next((body for body in bodies if body), ""),
    )


def _body(item: Any, tag: str) -> str:
    node = next(_each(item, tag), None)
    if node is None:
        return ""
    markup = "".join(node.itertext())
    if "<" not in markup:
        return markup.strip()
    try:
        return convert(clean_markup(markup).text).text.strip()
    except ReadError:
        return ""


def _link(node: Any, base: str) -> str:
    """Atom's `alternate`, or RSS's text."""
    for link in _each(node, "link"):
        if link.get("href") and link.get("rel", "alternate") == "alternate":
            return str(urljoin(base, str(link.get("href"))))
        if (link.text or "").strip():
            return urljoin(base, str(link.text).strip())
    guid = next(_each(node, "guid"), None)
    text: str = (guid.text or "").strip() if guid is not None else ""
    return text if text.startswith(("http://", "https://")) else ""


def _text(node: Any, tag: str) -> str:
    found = next(_each(node, tag), None)
    return " ".join("".join(found.itertext()).split()) if found is not None else ""


def _plain(title: str) -> str:
    return title.replace("[", "(").replace("]", ")")


def _children(node: Any, tag: str) -> list[Any]:
    return list(_each(node, tag))


def _each(node: Any, tag: str) -> Any:
    return (child for child in node if _local(child) == tag)


def _local(node: Any) -> str:
    tag = node.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _root(data: bytes) -> bytes:
    head = data[:4096]
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return b""
    head = re.sub(rb"<!--.*?-->", b"", head, flags=re.DOTALL)
    first = re.search(rb"<(?![?!])[^>\s]*[\s>]", head)
    found = _ROOT.match(head, first.start()) if first else None
    return found[1] if found else b""

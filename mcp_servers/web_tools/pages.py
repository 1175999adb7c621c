"""A kept copy to what is told of it: Markdown, metadata, headings, links, and warnings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from knowledge.errors import ReadError
from knowledge.guard import Fetched
from knowledge.read.encodings import codec_of
from knowledge.read.kinds import kind_of_content
from knowledge.types import Document
from mcp_servers.web_tools.facts import Facts, Link, facts_of
from mcp_servers.web_tools.feed import feed_text, is_feed, read_feed
from mcp_servers.web_tools.fetcher import Copy
from mcp_servers.web_tools.links import safe_url
from mcp_servers.web_tools.snapshots import Snapshot
from mcp_servers.web_tools.untrusted import clean_markup, clean_text, line

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream"})


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page as it is told. All text is the page's own, cleaned: data, and no instruction."""

    snapshot: Snapshot
    url: str
    kind: str
    """`html`, `feed`, or what files are called: `pdf`, `markdown`, `json` …"""
    title: str
    author: str
    date: str
    language: str
    text: str
    """Markdown."""
    headings: tuple[tuple[int, str], ...]
    """Level, from 1, and words."""
    links: tuple[Link, ...]
    """To the public eye safe ones; those that stand in the text first."""
    flags: tuple[str, ...]
    """What a reader should be wary of: `hidden-text: …`, `instructions: …`."""
    notes: tuple[str, ...]
    """What was lost in reading."""
    follow: bool
    """Whether its maker lets robots follow its links."""


def read(copy: Copy) -> WebPage:
    """Read a copy. Blocks for as long as it takes to find an article, or read a PDF.

    Raises:
        ReadError: It holds no text, or nothing that is read here.
    """
    fetched = copy.snapshot.fetched(copy.data)
    if not fetched.data:
        raise ReadError("the page is empty")
    if is_feed(fetched.data):
        return _read_feed(copy.snapshot, fetched)
    if is_html(fetched):
        return _read_html(copy.snapshot, fetched)
    from knowledge.read.page import read_page

    return _told(copy.snapshot, read_page(fetched), Facts(), ())


def is_html(fetched: Fetched) -> bool:
    """Whether it is a page of HTML, as its server says, or where that says nothing, as it shows."""
    if fetched.content_type in _HTML:
        return True
    shown = kind_of_content(fetched.data) if fetched.content_type in _UNTOLD else None
    return shown is not None and shown.kind == "html"


def markup_of(fetched: Fetched) -> str:
    """The markup of a page: by the encoding that its server or it itself declares, or guessed.

    Raises:
        ReadError: It is no text.
    """
    from knowledge.read.html import decode_html

    codec = codec_of(fetched.charset) if fetched.charset else None
    if codec and not fetched.data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        try:
            return fetched.data.decode(codec)
        except ValueError:
            pass
    return decode_html(fetched.data)[0]


def _read_html(snapshot: Snapshot, fetched: Fetched) -> WebPage:
    from knowledge.read.page import read_page

    markup = markup_of(fetched)
    shown = clean_markup(markup)
    facts = facts_of(markup, fetched.url)
    visible = replace(fetched, data=shown.text.encode("utf-8", "replace"), charset="utf-8")
    return _told(snapshot, read_page(visible), facts, shown.flags)


def _read_feed(snapshot: Snapshot, fetched: Fetched) -> WebPage:
    feed = read_feed(fetched.data, fetched.url)
    facts = Facts(
        title=feed.title,
        language=feed.language,
        date=feed.entries[0].date if feed.entries else "",
        links=[Link(entry.title, entry.url) for entry in feed.entries if entry.url],
    )
    page = _told(snapshot, Document(feed_text(feed), "text", title=feed.title), facts, ())
    headings = tuple((2, line(entry.title)) for entry in feed.entries if entry.title)
    return replace(page, kind="feed", headings=headings)


def _told(snapshot: Snapshot, document: Document, facts: Facts, flags: tuple[str, ...]) -> WebPage:
    cleaned = clean_text(document.text)
    sections = [section.headings for section in document.sections if section.headings]
    return WebPage(
        snapshot=snapshot,
        url=snapshot.final_url,
        kind=document.kind,
        title=line(document.title or facts.title),
        author=line(facts.author, 200),
        date=line(facts.date, 40),
        language=facts.language,
        text=cleaned.text,
        headings=tuple((len(path), line(path[-1], 200)) for path in sections),
        links=tuple(_safe(facts.links, cleaned.text, snapshot.final_url)),
        flags=tuple(dict.fromkeys((*flags, *cleaned.flags))),
        notes=document.notes,
        follow=not {"nofollow", "none"} & facts.robots,
    )


def _safe(links: Iterable[Link], text: str, own: str) -> list[Link]:
    """Each page once, those whose words stand in the text first."""
    words = set(text.split("\n"))
    found: dict[str, Link] = {}
    for link in links:
        url = safe_url(link.url)
        if url and url != own and (url not in found or not found[url].text):
            found[url] = Link(line(link.text, 120), url)
    host = urlsplit(own).netloc

    def order(link: Link) -> tuple[bool, bool]:
        stands = bool(link.text) and (link.text in words or f" {link.text}" in text)
        return (
            not (stands and len(link.text) > 2),
            urlsplit(link.url).netloc == host and not stands,
        )

    return sorted(found.values(), key=order)

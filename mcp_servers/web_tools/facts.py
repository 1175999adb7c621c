"""What a page says of itself: author, date, language, links, wishes to robots. Not its text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urljoin

from mcp_servers.web_tools.markup import Token, tokens

LINKS = 5_000
"""Links of one page that are kept."""
_LD_LIMIT = 300_000
_LD_NODES = 2_000
_AUTHORS = (
    "author", "article:author", "dc.creator", "citation_author", "parsely-author",
    "sailthru.author", "byl",
)  # fmt: skip
_DATES = (
    "article:published_time", "datepublished", "citation_publication_date", "citation_date",
    "dc.date", "dc.date.issued", "dcterms.created", "date", "pubdate", "publish-date",
    "parsely-pub-date", "og:published_time", "article:modified_time",
)  # fmt: skip
_DAY = re.compile(r"(\d{4})[-/](\d{1,2})(?:[-/](\d{1,2}))?")
_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(?:[-_][a-zA-Z0-9]{2,8})*")


class Link(NamedTuple):
    """A link of a page."""

    text: str
    url: str
    """Absolute, as written; not judged."""


@dataclass(slots=True)
class Facts:
    """What is known of a page. Empty where it does not say."""

    title: str = ""
    author: str = ""
    date: str = ""
    """`2026-11-03`, `2026-11`, or as it stands there."""
    language: str = ""
    """As a tag: `en`, `pt-BR`."""
    robots: frozenset[str] = frozenset()
    """`noindex`, `nofollow` …"""
    links: list[Link] = field(default_factory=list)


def facts_of(markup: str, url: str) -> Facts:
    """Look a page over.

    Args:
        markup: Of the page.
        url: Where it was found.
    """
    facts = Facts()
    metas: dict[str, str] = {}
    data: list[str] = []
    base, titled, ld, time = url, False, False, ""
    anchor: list[str] | None = None
    href = ""
    for token in tokens(markup):
        if token.kind == "text":
            if token.name == "title" and not titled:
                facts.title, titled = _line(token.text), True
            elif token.name == "script" and ld and len(token.text) <= _LD_LIMIT:
                data.append(token.text)
            elif anchor is not None and not token.name:
                anchor.append(token.text)
            continue
        if anchor is not None and token.name == "a":
            _add_link(facts, _line(" ".join(anchor)), base, href)
            anchor = None
        if token.kind != "open":
            continue
        own = token.attributes
        match token.name:
            case "html":
                facts.language = facts.language or own.get("lang", own.get("xml:lang", ""))
            case "base" if own.get("href"):
                base = _joined(url, own["href"]) or url
            case "meta":
                _note_meta(metas, token)
            case "script":
                ld = own.get("type", "").strip().lower() == "application/ld+json"
            case "time" if not time:
                time = own.get("datetime", "")
            case "a" | "area" if own.get("href"):
                anchor, href = ([], own["href"]) if token.name == "a" else (anchor, href)
    author, date, language = _linked_data(data)
    facts.author = _person(author or _first(metas, _AUTHORS))
    facts.date = day(date or _first(metas, _DATES) or time)
    language = facts.language or metas.get("content-language", "") or language
    found = _LANGUAGE.match((language or metas.get("og:locale", "")).strip())
    facts.language = found[0].replace("_", "-") if found else ""
    facts.title = _line(metas.get("og:title", "")) or facts.title
    facts.robots = frozenset(re.split(r"[\s,]+", metas.get("robots", "").lower())) - {""}
    return facts


def day(text: str) -> str:
    """A date as it is written somewhere, as `YYYY-MM-DD` where it can be told."""
    text = _line(text)[:60]
    if found := _DAY.match(text):
        year, month, date = found[1], int(found[2]), found[3]
        if date is None:
            return f"{year}-{month:02d}" if 1 <= month <= 12 else text
        try:
            return datetime(int(year), month, int(date)).date().isoformat()
        except ValueError:
            return text
    try:
        return parsedate_to_datetime(text).date().isoformat()
    except (TypeError, ValueError, OverflowError):
        return text


def _note_meta(metas: dict[str, str], token: Token) -> None:
    own = token.attributes
    name = own.get("name") or own.get("property") or own.get("itemprop") or own.get("http-equiv")
    content = own.get("content", "")
    if name and content:
        metas.setdefault(name.strip().lower(), content)


def _add_link(facts: Facts, text: str, base: str, href: str) -> None:
    if href.lstrip().startswith("#") or len(facts.links) >= LINKS:
        return
    if url := _joined(base, href):
        facts.links.append(Link(text, url))


def _joined(base: str, href: str) -> str:
    # As browsers do: white space around it and line breaks within are no part of a URL.
    href = re.sub(r"[\t\n\r]", "", href.strip()).replace(" ", "%20")
    if not href or len(href) > 8_000:
        return ""
    try:
        return urljoin(base, href)
    except ValueError:
        return ""


def _linked_data(scripts: list[str]) -> tuple[str, str, str]:
    """Author, date and language of the JSON-LD on a page."""
    author = date = language = ""
    for node in _nodes(scripts):
        author = author or _name(node.get("author"))
        date = date or _text(node.get("datePublished"))
        language = language or _text(node.get("inLanguage"))
    return author, date, language


def _nodes(scripts: list[str]) -> Iterator[dict[str, Any]]:
    stack: list[Any] = []
    for script in scripts:
        try:
            stack.append(json.loads(script.strip().removesuffix(";")))
        except (ValueError, RecursionError):
            continue
    seen = 0
    while stack and seen < _LD_NODES:
        node = stack.pop(0)
        seen += 1
        if isinstance(node, list):
            stack += node[:100]
        elif isinstance(node, dict):
            yield node
            graph = node.get("@graph")
            stack += graph[:100] if isinstance(graph, list) else []


def _name(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(name for name in map(_name, value[:10]) if name)
    if isinstance(value, dict):
        return _text(value.get("name"))
    return _text(value)


def _text(value: Any) -> str:
    return _line(value) if isinstance(value, str) else ""


def _person(text: str) -> str:
    """A name; an address of somebody's page is none."""
    text = _line(text)
    return "" if text.startswith(("http://", "https://")) else text[:200]


def _first(metas: dict[str, str], names: tuple[str, ...]) -> str:
    return next((metas[name] for name in names if metas.get(name)), "")


def _line(text: str) -> str:
    return " ".join(text.split())

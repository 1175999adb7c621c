"""The search engines that can be asked, each in its own words. Fuses nothing.

Requests go through the guard: to fixed addresses, and to the one that the user has configured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from html import unescape
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from knowledge.errors import FetchFailed, ReadError
from knowledge.guard import Fetched, Policy, fetch
from knowledge.guard.urls import parse
from mcp_servers.web_tools.facts import day
from mcp_servers.web_tools.markup import Nesting, tokens
from mcp_servers.web_tools.threads import in_thread

_SECONDS = 15.0
_MAX_BYTES = 4 * 1024 * 1024


class Hit(NamedTuple):
    """A page that an engine found. Untrusted."""

    title: str
    url: str
    snippet: str
    date: str = ""


class Engine(Protocol):
    """One engine."""

    @property
    def name(self) -> str:
        """As results tell it."""
        ...

    async def search(self, query: str, limit: int) -> list[Hit]:
        """Ask it.

        Raises:
            GuardError: It could not be asked, or refused.
            ReadError: It gave an answer that is none.
        """
        ...


@dataclass(frozen=True, slots=True)
class SearXNG:
    """A SearXNG server of the user's choice; its settings must allow the format JSON."""

    url: str
    policy: Policy
    name: str = "searxng"

    async def search(self, query: str, limit: int) -> list[Hit]:
        base = self.url.rstrip("/")
        # Named by the user, it may lie in an inner network.
        policy = replace(self.policy, allow=(*self.policy.allow, parse(base).authority))
        try:
            answer = await _get(f"{base}/search?q={quote(query)}&format=json", policy)
        except FetchFailed as error:
            if error.status == 403:
                error.hint = "Let the server's settings.yml allow json under search: formats."
            raise
        return [
            Hit(_text(r, "title"), _text(r, "url"), _text(r, "content"),
                day(_text(r, "publishedDate")))
            for r in _list(_json(answer), "results")
        ][:limit]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Brave:
    """Brave's search API."""

    key: str = field(repr=False)
    policy: Policy
    url: str = "https://api.search.brave.com/res/v1/web/search"
    name: str = "brave"

    async def search(self, query: str, limit: int) -> list[Hit]:
        asked = urlencode({"q": query[:400], "count": min(limit, 20)})
        headers = {"X-Subscription-Token": self.key, "Accept": "application/json"}
        answer = await _get(f"{self.url}?{asked}", self.policy, headers)
        web = _json(answer).get("web")
        return [
            Hit(_marked(r, "title"), _text(r, "url"), _marked(r, "description"),
                day(_text(r, "page_age")))
            for r in _list(web if isinstance(web, dict) else {}, "results")
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tavily:
    """Tavily's search API."""

    key: str = field(repr=False)
    policy: Policy
    url: str = "https://api.tavily.com/search"
    name: str = "tavily"

    async def search(self, query: str, limit: int) -> list[Hit]:
        body = json.dumps({"query": query[:400], "max_results": min(limit, 20)}).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        answer = await _get(self.url, self.policy, headers, body)
        return [
            Hit(_text(r, "title"), _text(r, "url"), _text(r, "content"),
                day(_text(r, "published_date")))
            for r in _list(_json(answer), "results")
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class DuckDuckGo:
    """DuckDuckGo's page for browsers without scripts: no key, and at times a riddle instead."""

    policy: Policy
    url: str = "https://html.duckduckgo.com/html/"
    name: str = "duckduckgo"

    async def search(self, query: str, limit: int) -> list[Hit]:
        answer = await _get(f"{self.url}?{urlencode({'q': query[:400]})}", self.policy)
        markup = answer.data.decode("utf-8", "replace")
        hits = _duckduckgo(markup)
        if not hits and (answer.status == 202 or "anomaly" in markup):
            raise ReadError("it asks whether a person is asking", hint="Use another engine.")
        return hits[:limit]


def _duckduckgo(markup: str) -> list[Hit]:
    """The results of a page: an `a.result__a` each, and an `a.result__snippet` after it."""
    hits: list[Hit] = []
    nesting = Nesting()
    words: list[str] = []
    inside = serial = 0
    href, kind = "", ""
    for token in tokens(markup):
        if token.kind == "text":
            if inside:
                words.append(token.text)
            continue
        if token.kind == "open":
            serial = nesting.enter(token.name)
        elif token.kind == "close":
            nesting.leave(token.name)
        if inside and not nesting.is_open(inside):
            text, inside = " ".join("".join(words).split()), 0
            if kind == "result__a":
                hits.append(Hit(text, _led_to(href), ""))
            elif hits and not hits[-1].snippet:
                hits[-1] = hits[-1]._replace(snippet=text)
        if token.kind == "open" and not inside:
            classes = token.attributes.get("class", "").split()
            kind = next((c for c in ("result__a", "result__snippet") if c in classes), "")
            if kind:
                inside, words, href = serial, [], token.attributes.get("href", "")
    # Advertisements lead over DuckDuckGo's own counter, and so to no page.
    return [hit for hit in hits if hit.url]


def _led_to(href: str) -> str:
    """Where a result's link leads in the end; empty for an advertisement's."""
    parts = urlsplit(f"https:{href}" if href.startswith("//") else href)
    if not parts.netloc.endswith("duckduckgo.com"):
        return href if parts.scheme in ("http", "https") else ""
    return next(iter(parse_qs(parts.query).get("uddg", [])), "") if parts.path == "/l/" else ""


async def _get(
    url: str, policy: Policy, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Fetched:
    limited = replace(policy, seconds=_SECONDS, max_bytes=_MAX_BYTES)

    def ask(stop: Callable[[], bool]) -> Fetched:
        return fetch(url, policy=limited, headers=headers, body=body, cancelled=stop)

    return await in_thread(ask)


def _json(answer: Fetched) -> dict[str, Any]:
    try:
        found = json.loads(answer.data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ReadError("its answer is no JSON object", hint="Check the engine's address.")
    return found


def _list(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    values = found.get(name)
    return [v for v in values if isinstance(v, dict)] if isinstance(values, list) else []


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def _marked(found: Mapping[str, Any], name: str) -> str:
    """A text in which what was searched for is marked as bold."""
    text = _text(found, name).replace("<strong>", "").replace("</strong>", "")
    return unescape(text)

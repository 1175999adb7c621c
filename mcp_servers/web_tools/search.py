"""One question to several search engines, and their answers fused. Speaks to none itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from knowledge.errors import FetchRefused, GuardError, ReadError
from mcp_servers.web_tools.engines import Engine, Hit
from mcp_servers.web_tools.errors import WebError
from mcp_servers.web_tools.links import safe_url
from mcp_servers.web_tools.untrusted import clean_text, line
from mcp_servers.web_tools.urls import canonical, key

_K = 60
"""Of reciprocal rank fusion. Source: Cormack, Clarke and Buettcher, SIGIR 2009."""
_SNIPPET = 400
"""Characters of a result's text."""


@dataclass(slots=True)
class Result:
    """A page that was found."""

    url: str
    title: str
    snippet: str
    date: str
    engines: list[str] = field(default_factory=list)
    score: float = 0.0
    """Fused; comparable within one answer only."""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, the best first."""

    results: tuple[Result, ...]
    failed: dict[str, str]
    """Engines that gave no answer, and why."""


async def search(engines: Sequence[Engine], query: str, limit: int) -> Answer:
    """Ask all engines at once.

    Args:
        engines: At least one.
        query: As a person would type it.
        limit: Of results.

    Raises:
        WebError: There is no engine, or none answered.
    """
    if not engines:
        raise WebError(
            "No search engine is configured.",
            hint="agent config set searxng_url URL, or export BRAVE_API_KEY=… or TAVILY_API_KEY=…",
        )
    answers = await asyncio.gather(*(_ask(engine, query, limit) for engine in engines))
    failed = {e.name: a for e, a in zip(engines, answers, strict=True) if isinstance(a, str)}
    if len(failed) == len(engines):
        raise WebError(
            "No search engine answered: "
            + "; ".join(f"{name}: {why}" for name, why in failed.items()),
            hint="Try again later, or configure another engine.",
        )
    ranked = {e.name: a for e, a in zip(engines, answers, strict=True) if not isinstance(a, str)}
    return Answer(tuple(_fuse(ranked)[:limit]), failed)


async def _ask(engine: Engine, query: str, limit: int) -> list[Hit] | str:
    try:
        return await engine.search(query, limit)
    except (GuardError, ReadError, WebError) as error:
        return f"{error}. {error.hint}".rstrip(". ")


def _fuse(ranked: dict[str, list[Hit]]) -> list[Result]:
    """Add up, over the engines, the reciprocal of each page's rank."""
    found: dict[str, Result] = {}
    for name, hits in ranked.items():
        seen: set[str] = set()
        for hit in hits:
            try:
                url = safe_url(canonical(hit.url))
            except FetchRefused:
                continue
            if not url or (page := key(url)) in seen:
                continue
            seen.add(page)
            result = found.setdefault(page, _result(url, hit))
            result.engines.append(name)
            result.score += 1 / (_K + len(seen))
    return sorted(found.values(), key=lambda result: -result.score)


def _result(url: str, hit: Hit) -> Result:
    cleaned = clean_text(f"{hit.title}\n{hit.snippet}")
    return Result(
        url=url,
        title=line(hit.title, 200) or url,
        snippet=line(hit.snippet, _SNIPPET),
        date=line(hit.date, 40),
        flags=cleaned.flags,
    )

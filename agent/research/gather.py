"""Where research finds and reads: the web over MCP, the library, or both. Judges nothing it finds.

The web is reached through the tools `search` and `fetch` of our web server, by protocol: the guard,
the politeness towards hosts and the snapshots are that server's. What comes back is data.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, zip_longest
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol

from agent.errors import AgentError
from agent.mcp_built_in import WEB
from agent.modes.policy.plan import THIN
from agent.research.base import Gather, NotRead, PartlyFound
from agent.research.types import Hit, Source
from agent.support import content
from knowledge.errors import KnowledgeError
from knowledge.orders import first_order

if TYPE_CHECKING:
    from agent.mcp_client import Outcome
    from agent.research.types import Part
    from knowledge.library import Library

FOUND = 10
"""Hits that are asked of one search."""
LONGEST = 400_000
"""Characters of a source that are read; beyond, a flag says so."""
_PART = 50_000
"""Characters of a page that one call gives, the most that the server allows."""
_DOMAINS = 3
"""Domains that are searched one by one; of more, the choice among hits takes care."""
_QUERY = 300
"""Characters of a query: the server takes 400, and a domain is added."""

_FAILED = re.compile(r"Error executing tool \w+: ")


class Calls(Protocol):
    """What is needed of `agent.mcp_client.McpClient`."""

    async def call(self, server: str, tool: str, arguments: Mapping[str, Any]) -> Outcome:
        """Call a tool of a server.

        Raises:
            McpFailed: The server cannot be used.
        """

    async def aclose(self) -> None:
        """End the servers."""


class WebGather:
    """The web, through an MCP server with `search` and `fetch`; see `Gather`."""

    def __init__(self, client: Calls, *, server: str = WEB, domains: Sequence[str] = ()) -> None:
        """Take the connection; starts nothing.

        Args:
            client: Has the server; closed with this.
            server: Its name.
            domains: Where to search; empty for everywhere.
        """
        self._client = client
        self._server = server
        self._domains = tuple(domains)

    async def search(self, part: Part, query: str) -> list[Hit]:
        """Ask the server's engines; see `Gather.search`."""
        query = " ".join(query.split())[:_QUERY]
        queries = [query]
        if 0 < len(self._domains) <= _DOMAINS:
            queries = [f"{query} site:{domain}" for domain in self._domains]
        asked = [self._found(part, each) for each in queries]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        found, failed = [], []
        for answer in answers:
            if isinstance(answer, AgentError):
                failed.append(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found.append(answer)
        if failed and not found:
            raise failed[0]
        if failed:
            why = f"Not every domain could be searched: {failed[0]}"
            raise PartlyFound(why, _in_turn(found), hint=failed[0].hint)
        return _in_turn(found)

    async def read(self, hit: Hit) -> tuple[Source, str]:
        """Fetch a page, part by part; see `Gather.read`."""
        first = await self._fetch({"url": hit.url, "max_chars": _PART})
        texts, length = [_said(first, "markdown")], len(_said(first, "markdown"))
        told, last = _number(first, "length"), first
        while (following := _said(last, "next")) and length < LONGEST:
            last = await self._fetch({"url": hit.url, "next": following, "max_chars": _PART})
            more = _said(last, "markdown")
            if not more or _number(last, "start") != length:
                raise NotRead("the parts of the page do not fit together")
            texts.append(more)
            length += len(more)
        # What no file can hold is no text: half of a surrogate pair.
        text = "".join(texts)[:LONGEST].encode("utf-8", "replace").decode("utf-8")
        if not text.strip():
            raise NotRead("the page holds no text")
        kept = first.get("snapshot")
        kept = kept if isinstance(kept, dict) else {}
        flags = _flags(first)
        if told > len(text) and _said(last, "next"):
            flags += (f"cut: only the first {len(text):,} of {told:,} characters were read",)
        return Source(
            id="",
            origin="web",
            url=hit.url,
            final_url=_said(first, "url") or hit.url,
            title=_said(first, "title") or hit.title,
            author=_said(first, "author"),
            date=_said(first, "date") or hit.date,
            retrieved_at=_said(kept, "fetched_at") or _now(),
            snapshot=_said(kept, "id"),
            sha256="",
            flags=flags,
            length=0,
        ), text

    async def aclose(self) -> None:
        """End the server."""
        await self._client.aclose()

    async def _found(self, part: Part, query: str) -> list[Hit]:
        outcome = await self._client.call(self._server, "search", {"query": query, "limit": FOUND})
        if not outcome.ok:
            raise AgentError(_why(outcome) or "The web could not be searched.")
        results = _object(outcome.text).get("results")
        return [
            Hit(
                part=part.n,
                origin="web",
                url=_said(result, "url"),
                title=_said(result, "title"),
                snippet=_said(result, "snippet"),
                date=_said(result, "date"),
                score=1 / rank,
                flags=_flags(result),
            )
            for rank, result in enumerate(results if isinstance(results, list) else [], 1)
            if isinstance(result, dict) and _said(result, "url")
        ]

    async def _fetch(self, arguments: dict[str, Any]) -> dict[str, Any]:
        outcome = await self._client.call(self._server, "fetch", arguments)
        if not outcome.ok:
            why = _why(outcome).removeprefix(str(arguments["url"])).strip()
            raise NotRead(why or "the page could not be read")
        return _object(outcome.text)


class LibraryGather:
    """The user's own documents; see `Gather`. A document is a source, its passages are not."""

    def __init__(self, library: Library) -> None:
        """Take a library that is open, and stays its opener's."""
        self._library = library

    async def search(self, part: Part, query: str) -> list[Hit]:
        """Search the library, a hit for each document; see `Gather.search`.

        Passages that hold next to nothing of the sub-question are none.
        """
        found = await self._library.search(query, limit=3 * FOUND)
        hits: dict[str, Hit] = {}
        wanted = content(part.question)
        for passage in found.passages:
            # A library always gives something, however little it has to do with the question.
            held = content(f"{passage.title}\n{passage.text}")
            share = sum(w for word, w in wanted.items() if word in held)
            if passage.source not in hits and share >= THIN * sum(wanted.values()):
                hits[passage.source] = Hit(
                    part=part.n,
                    origin="library",
                    url=passage.source,
                    title=passage.title or PurePath(passage.source).name,
                    snippet=" ".join(passage.text.split())[:400],
                    date="",
                    score=passage.score,
                    flags=(),
                )
        return list(hits.values())[:FOUND]

    async def read(self, hit: Hit) -> tuple[Source, str]:
        """Open a document as it was indexed; see `Gather.read`."""
        info = next((s for s in await self._library.sources() if s.source == hit.url), None)
        if info is None or info.document_id is None:
            raise NotRead("it is no longer in the library")
        document = await self._library.document(info.document_id)
        text = document.text[:LONGEST].encode("utf-8", "replace").decode("utf-8")
        if not text.strip():
            raise NotRead("the document holds no text")
        flags: tuple[str, ...] = ()
        if await self._library.stale(hit.url):
            flags += ("stale: the source has changed since it was indexed",)
        # In the web server's words: who wrote a document of the library is not known either.
        if order := await asyncio.to_thread(first_order, text, sure=True):
            flags += (f"instructions: {order!r}",)
        if len(document.text) > LONGEST:
            flags += (
                f"cut: only the first {LONGEST:,} of {len(document.text):,} characters were read",
            )
        return Source(
            id="",
            origin="library",
            url=hit.url,
            final_url=hit.url,
            title=document.title or hit.title,
            author="",
            date="",
            retrieved_at=_now(),
            snapshot="",
            sha256="",
            flags=flags,
            length=0,
        ), text

    async def aclose(self) -> None:
        """Nothing: the library is its opener's."""


class BothGather:
    """The web and the library at once; see `Gather`. One may fail while the other answers."""

    def __init__(self, web: Gather, library: Gather) -> None:
        """Take both; they are closed with this."""
        self._web = web
        self._library = library

    async def search(self, part: Part, query: str) -> list[Hit]:
        """Search both. See `Gather.search`.

        Where neither answers, the error is the web's.
        """
        both = (self._library.search(part, query), self._web.search(part, query))
        library, web = await asyncio.gather(*both, return_exceptions=True)
        answers: list[Sequence[Hit]] = []
        failed: dict[str, AgentError | KnowledgeError] = {}
        for place, answer in (("library", library), ("web", web)):
            if isinstance(answer, PartlyFound):
                answers.append(answer.hits)
            if isinstance(answer, AgentError | KnowledgeError):
                failed[place] = answer
            elif isinstance(answer, BaseException):
                raise answer
            else:
                answers.append(answer)
        if not answers:
            raise failed["web"]
        if failed:
            place, error = next(reversed(failed.items()))
            why = f"The {place} could not be searched: {error}"
            if isinstance(error, PartlyFound):
                why = str(error)
            raise PartlyFound(why, _in_turn(answers), hint=error.hint)
        return _in_turn(answers)

    async def read(self, hit: Hit) -> tuple[Source, str]:
        """Read where it was found; see `Gather.read`."""
        return await (self._web if hit.origin == "web" else self._library).read(hit)

    async def aclose(self) -> None:
        """Close both."""
        await asyncio.gather(self._web.aclose(), self._library.aclose())


def _in_turn(lists: Sequence[Sequence[Hit]]) -> list[Hit]:
    """The first of each list, then the second of each; ranked as one list."""
    mixed = (hit for hit in chain.from_iterable(zip_longest(*lists)) if hit is not None)
    if len(lists) < 2:
        return list(mixed)
    return [replace(hit, score=1 / rank) for rank, hit in enumerate(mixed, 1)]


def _why(outcome: Outcome) -> str:
    """What a tool says against a call, without the words that the SDK puts before it."""
    return _FAILED.sub("", outcome.text.strip(), count=1)


def _object(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise NotRead("the web server answered in no form that is known")
    return data


def _said(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _number(data: Mapping[str, Any], name: str) -> int:
    value = data.get(name)
    return value if isinstance(value, int) else 0


def _flags(data: Mapping[str, Any]) -> tuple[str, ...]:
    flags = data.get("flags")
    return tuple(str(flag) for flag in flags) if isinstance(flags, list) else ()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

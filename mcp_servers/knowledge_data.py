"""The knowledge server's arguments and results: which sources a call means, and data for a host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.exceptions import ToolError

from mcp_servers.results import LIMIT, weight

if TYPE_CHECKING:
    from agent.events import Citation, Done, Usage
    from agent.known_sources import KnownSources
    from knowledge.filters import Filters
    from knowledge.library import Library
    from knowledge.types import Passage, SourceInfo

LINE = 300
"""Characters of a title, a place or a reason."""
_PASSAGE = 5_000
"""Characters of a passage; those of a usual library are far shorter."""
_QUOTES = (2_000, 600, 200, 60)
"""Characters that quotes are cut to, one after the other, until an answer fits."""


def known_sources(library: Library) -> KnownSources:
    """The library's sources, all of them to be seen."""
    from agent.evidence import Ledger
    from agent.known_sources import KnownSources

    return KnownSources(library, Ledger(), None)


async def narrowed(
    known: KnownSources, source: str, kind: str, since: str
) -> tuple[Filters | None, frozenset[str] | None]:
    """What a call's filters come to, as `KnownSources.narrowed` says.

    Raises:
        ToolError: They mean nothing; says what would.
    """
    from datetime import datetime
    from typing import get_args

    from agent.toolbox import BadCall
    from knowledge.types import Kind

    moment = None
    if since:
        try:
            moment = datetime.fromisoformat(since.strip()).timestamp()
        except (ValueError, OverflowError):
            raise ToolError(f"Not a date: {since!r}. Write it as 2026-01-31.") from None
    if kind and kind not in get_args(Kind):
        raise ToolError(f"No such type: {kind!r}. There are {', '.join(get_args(Kind))}.")
    try:
        return await known.narrowed(source, kind, moment)
    except BadCall as error:
        raise ToolError(_sentence(error)) from error


async def one_source(known: KnownSources, name: str) -> SourceInfo:
    """The document that a name means.

    Raises:
        ToolError: It means none, or several.
    """
    from agent.toolbox import BadCall

    try:
        return await known.one(name)
    except BadCall as error:
        raise ToolError(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]


def passage_data(n: int, passage: Passage) -> dict[str, Any]:
    """A passage that was found, the `n`th."""
    return {
        "n": n,
        "source": passage.source,
        "title": passage.title[:LINE],
        "place": passage.place[:LINE],
        "score": round(passage.score, 4),
        "id": passage.document_id,
        "start": passage.start,
        "text": passage.text[:_PASSAGE],
    }


def source_data(info: SourceInfo) -> dict[str, Any]:
    """A source, and why it could not be read, where it could not."""
    data: dict[str, Any] = {
        "source": info.source,
        "id": info.document_id,
        "title": info.title[:LINE],
        "type": info.kind,
        "passages": info.chunks,
    }
    if info.state == "failed":
        data = {"source": info.source, "failed": True}
    return data | ({"reason": info.reason[:LINE]} if info.reason else {})


def answer_data(done: Done, citations: list[Citation], usages: list[Usage]) -> dict[str, Any]:
    """An answer as data; its quotes are cut where it would not fit otherwise."""
    costs = [usage.cost for usage in usages]
    data: dict[str, Any] = {
        "answer": done.text,
        "outcome": done.outcome,
        "citations": [],
        "mode": done.mode,
        "model": done.model,
        "cost": None if None in costs else round(sum(c for c in costs if c is not None), 6),
        "seconds": done.seconds,
    }
    if done.note:
        data["note"] = done.note
    for longest in _QUOTES:
        data["citations"] = [_citation(citation, longest) for citation in citations]
        if weight(data) <= LIMIT:
            break
    return data


def _citation(citation: Citation, longest: int) -> dict[str, Any]:
    quote = citation.quote
    data: dict[str, Any] = {
        "n": citation.n,
        "source": citation.source,
        "title": citation.title[:LINE],
        "place": citation.place[:LINE],
        "quote": quote if len(quote) <= longest else quote[:longest] + " …",
        "id": citation.document_id,
        "start": citation.start,
        "end": citation.end,
        "verified": citation.verified,
        "stale": citation.stale,
    }
    return data

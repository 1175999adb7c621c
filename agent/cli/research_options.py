"""What was typed for a run of research, understood: where it may look, and what it may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agent.cli.terminal import Console
from agent.config import by_comma
from agent.errors import UsageError
from agent.model_choice import LOCAL, SCRIPTED
from agent.wiring import Parts

if TYPE_CHECKING:
    from agent.research.base import Options

_HERE = ("localhost", "127.0.0.1", "::1")


def options(
    parts: Parts,
    offline: bool,
    web: bool | None,
    breadth: int | None,
    depth: int | None,
    pages: int | None,
    domains: str | None,
    since: str | None,
) -> Options:
    """What was typed, and where it can be searched.

    Raises:
        UsageError: Nowhere, or a host or a day cannot be understood.
    """
    from agent.research.base import Options
    from agent.research.hosts import hosts

    named, day = hosts((domains or "").split(",")), _day(since) if since else ""
    on = parts.research.can_search_web if web is None else web
    on = on and not offline
    library = parts.library_holds_something
    if offline and not library:
        raise UsageError("There is nothing to search: the library is empty.", hint="agent add PATH")
    if not on and not library:
        raise UsageError(
            "There is nothing to search: the library is empty, and the web is not searched.",
            hint="agent add PATH, or name a search engine: agent config set searxng_url URL",
        )
    usual = Options()
    return Options(
        web=on,
        library=library,
        named=parts.config.library,
        offline=offline,
        breadth=breadth or usual.breadth,
        depth=depth or usual.depth,
        pages=pages or usual.pages,
        domains=named,
        since=day,
        limits=parts.research.limits,
    )


def _day(since: str) -> str:
    from datetime import datetime

    from agent.cli.filters import moment

    try:
        return datetime.fromtimestamp(moment(since)).date().isoformat()
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"Too long ago: {since!r}", hint="Write 2026-01-31, 7d, 1y") from None


def offline_parts(
    parts: Parts, asked: Mapping[str, object], console: Console, typed: str = "… --offline"
) -> Parts:
    """The parts of a run that uses no network: without a reranker, which is asked over it.

    Args:
        parts: By the settings.
        asked: What was typed of them.
        console: Told what is done without.
        typed: What to type behind `agent research`, but for the model.

    Raises:
        UsageError: The model, one that stands in for it, or the library would be asked over it.
    """
    config = parts.config
    if not _is_here(config.model):
        raise UsageError(
            f"The model {config.model} is asked over the network.",
            hint=f"agent research {typed} --model embedded",
        )
    if far := [name for name in by_comma(config.fallbacks) if not _is_here(name)]:
        raise UsageError(
            f"The model {far[0]}, which stands in for {config.model}, is asked over the network.",
            hint="agent config unset fallbacks",
        )
    if config.chroma_collection and urlsplit(config.chroma_url).hostname not in _HERE:
        raise UsageError(
            f"The library is shared on {config.chroma_url}, which is looked at over the network.",
            hint="Leave --offline out; or copy the library to this machine, and ask there:"
            " agent library move --to embedded",
        )
    if config.reranker:
        console.note(f"Without the reranker {config.reranker}, which is asked over the network.")
        asked = {**asked, "reranker": ""}
        parts = Parts.from_env(asked, notify=console.note)
    from knowledge import weights

    if config.embedder == "none" or (
        config.embedder == "minilm" and weights.find(parts.paths.cache) is not None
    ):
        return parts
    console.note("Searching by words only: what searches by meaning is not on this machine.")
    return Parts.from_env({**asked, "embedder": "none"}, notify=console.note)


def _is_here(model: str) -> bool:
    """Whether a model answers without the network."""
    return model == "embedded" or model.startswith((LOCAL, SCRIPTED))

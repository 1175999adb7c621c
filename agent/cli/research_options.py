"""What was typed for a run of research, understood: where it may look, and what it may use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from agent.cli.terminal import Console
from agent.errors import UsageError
from agent.model_choice import LOCAL, SCRIPTED
from agent.wiring import Parts

if TYPE_CHECKING:
    from agent.budget import Limits
    from agent.research.base import Options

_ADDRESS = re.compile(r"^https?://|/.*$")
"""What an address has around its host."""
_HOST = re.compile(r"(?:[^\W_]|-)+(?:\.(?:[^\W_]|-)+)*\.?(?::\d{1,5})?")


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

    hosts, day = _hosts(domains or ""), _day(since) if since else ""
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
        domains=hosts,
        since=day,
        limits=parts.research.limits,
    )


def _hosts(domains: str) -> tuple[str, ...]:
    """The hosts in a list, out of addresses, too.

    Raises:
        UsageError: One is no host.
    """
    given = [host for host in (each.strip().lower() for each in domains.split(",")) if host]
    hosts = [_ADDRESS.sub("", host) for host in given]
    for host, typed in zip(hosts, given, strict=True):
        if not _HOST.fullmatch(host):
            raise UsageError(
                f"{typed!r} in --domains is no host.", hint="--domains example.org,example.net"
            )
    return tuple(hosts)


def _day(since: str) -> str:
    from datetime import datetime

    from agent.cli.filters import moment

    return datetime.fromtimestamp(moment(since)).date().isoformat()


def offline_parts(parts: Parts, asked: Mapping[str, object], console: Console) -> Parts:
    """The parts of a run that uses no network.

    Raises:
        UsageError: The model would be asked over it.
    """
    config = parts.config
    if config.model != "embedded" and not config.model.startswith((LOCAL, SCRIPTED)):
        raise UsageError(
            f"The model {config.model} is asked over the network.",
            hint="agent research … --offline --model embedded",
        )
    from knowledge import weights

    if config.embedder == "none" or (
        config.embedder == "minilm" and weights.find(parts.paths.cache) is not None
    ):
        return parts
    console.note("Searching by words only: what searches by meaning is not on this machine.")
    return Parts.from_env({**asked, "embedder": "none"}, notify=console.note)


def typed_limits(kept: Limits, now: Limits, typed: Mapping[str, float | int | None]) -> Limits:
    """The limits kept with a run, those typed now in their place."""
    names = {f"max_{field.name}" for field in fields(kept)}
    chosen = [name[4:] for name in names if typed[name] is not None]
    return replace(kept, **{name: getattr(now, name) for name in chosen})

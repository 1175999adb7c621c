"""The hosts that web pages may come from, as they are typed: names, or addresses that have them."""

from __future__ import annotations

from collections.abc import Iterable

from agent.errors import UsageError
from knowledge.errors import FetchRefused
from knowledge.guard.urls import parse


def hosts(typed: Iterable[str]) -> tuple[str, ...]:
    """Their names in the one spelling that addresses of pages have; what is empty is passed over.

    Raises:
        UsageError: One is no host.
    """
    return tuple(_host(text) for text in (each.strip().lower() for each in typed) if text)


def _host(text: str) -> str:
    # The usual port of either scheme is left away.
    plain = text.split("/")[0]
    scheme = "http" if plain.endswith(":80") else "https"
    try:
        return parse(text if "://" in text else f"{scheme}://{plain}").authority
    except FetchRefused:
        raise UsageError(f"{text[:80]!r} is no host.", hint="Write it as example.org") from None

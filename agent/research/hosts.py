"""The hosts that web pages may come from, as they are typed: names, or addresses that have them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.errors import UsageError

_ADDRESS = re.compile(r"^https?://|/.*$")
"""What an address has around its host."""
_HOST = re.compile(r"(?:[^\W_]|-)+(?:\.(?:[^\W_]|-)+)*\.?(?::\d{1,5})?")


def hosts(typed: Iterable[str]) -> tuple[str, ...]:
    """Their names, in small letters; what is empty is passed over.

    Raises:
        UsageError: One is no host.
    """
    given = [text for text in (each.strip().lower() for each in typed) if text]
    names = [_ADDRESS.sub("", text) for text in given]
    for name, text in zip(names, given, strict=True):
        if not _HOST.fullmatch(name):
            raise UsageError(f"{text[:80]!r} is no host.", hint="Write it as example.org")
    return tuple(names)

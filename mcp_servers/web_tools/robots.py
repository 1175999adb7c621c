"""What a site lets robots fetch: its `robots.txt`, by RFC 9309. Fetches nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from knowledge.errors import GuardError

NAME = "understudy"
"""Our product token: what a site's rules may call us."""
LIMIT = 512 * 1024
"""Bytes of a file that are read (RFC 9309, 2.5: at least 500 KiB)."""
_LINE = re.compile(r"\s*([A-Za-z-]+)\s*:\s*([^#\r\n]*)")

_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")


@dataclass(slots=True)
class _Group:
    agents: list[str] = field(default_factory=list)
    rules: list[tuple[bool, str]] = field(default_factory=list)
    """Whether it allows, and its pattern."""
    delay: float | None = None


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules for us."""

    rules: tuple[tuple[bool, str], ...] = ()
    delay: float = 0.0
    """Seconds that a site asks to leave between two requests."""
    lost: GuardError | None = None
    """Why they could not be had, where they could not."""

    def allows(self, url: str) -> bool:
        """Whether a page may be fetched: the longest rule that fits says so, an allowing one first.

        Args:
            url: Canonical.
        """
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        if path == "/robots.txt":
            return True
        best: tuple[int, bool] = (-1, True)
        for allows, pattern in self.rules:
            if _fits(pattern, path):
                best = max(best, (len(pattern), allows))
        return best[1]


def lost(why: GuardError) -> Robots:
    """The rules of a site whose file could not be had: nothing is allowed (RFC 9309, 2.3.1.4)."""
    return Robots(rules=((False, "/"),), lost=why)


def parse(data: bytes) -> Robots:
    """Read a file: the groups that name us, else those for all."""
    groups: list[_Group] = []
    naming = False
    for line in data[:LIMIT].decode("utf-8", "replace").removeprefix("\ufeff").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        name, value = found[1].lower(), found[2].strip()
        if name == "user-agent":
            if not naming:
                groups.append(_Group())
            groups[-1].agents.append(value.lower())
            naming = True
            continue
        if name == "sitemap":
            continue  # belongs to no group, and ends none
        naming = False
        if groups:
            _note(groups[-1], name, value)
    ours = [group for group in groups if any(_names_us(agent) for agent in group.agents)]
    ours = ours or [group for group in groups if "*" in group.agents]
    delays = [group.delay for group in ours if group.delay is not None]
    return Robots(
        rules=tuple(rule for group in ours for rule in group.rules),
        delay=max(delays, default=0.0),
    )


def _names_us(agent: str) -> bool:
    found = re.match(r"[a-z_-]+", agent)
    return found is not None and found[0] == NAME


def _note(group: _Group, name: str, value: str) -> None:
    if name in ("allow", "disallow") and value:
        if not value.startswith(("/", "*")):
            value = "/" + value
        pattern = quote(value[:2_000], safe="/%*$?=&:@!'()+,;~[]#")
        group.rules.append((name == "allow", _ESCAPE.sub(lambda e: e[0].upper(), pattern)))
    elif name == "crawl-delay":
        try:
            delay = float(value)
        except ValueError:
            return
        if 0 <= delay < float("inf"):
            group.delay = delay


def _fits(pattern: str, path: str) -> bool:
    """Whether a pattern with `*` and a final `$` fits the beginning of a path; never backtracks."""
    end = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    for i, part in enumerate(others):
        if end and i == len(others) - 1:
            return len(path) - len(part) >= at and path.endswith(part)
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return not end or at == len(path)

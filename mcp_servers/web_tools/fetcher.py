"""A URL to a kept copy of its page: politely, with as few requests as will do.

What may be fetched is the guard's affair, and what a page says that of `pages`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

from knowledge.errors import FetchFailed
from knowledge.guard import ConnectionLost, Fetched, Policy, Resolver, fetch
from knowledge.guard.lookup import system_resolver
from knowledge.guard.urls import Target, parse
from mcp_servers.web_tools.pace import Pace, Sleep
from mcp_servers.web_tools.snapshots import Snapshot, Snapshots
from mcp_servers.web_tools.threads import in_thread

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
RETRIES = 2
_PATIENCE = 20.0
"""Seconds that a server may ask to wait before another try; for more, its user is told."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A page that was asked for, and how it was come by."""

    snapshot: Snapshot
    data: bytes
    state: Literal["fetched", "unchanged", "stored"]
    """`unchanged`: the server said so; `stored`: it was not asked."""


class Fetcher:
    """Fetches pages and keeps them."""

    def __init__(
        self,
        snapshots: Snapshots,
        policy: Policy,
        *,
        pace: Pace | None = None,
        retries: int = RETRIES,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.time,
        resolve: Resolver = system_resolver,
    ) -> None:
        """Take what it works with.

        Args:
            snapshots: Where pages are kept.
            policy: What may be fetched.
            pace: When; the usual pace if not given.
            retries: How often a request that failed for a passing reason is sent again.
            sleep: Waits between tries.
            clock: Unix time, to tell how old a copy is.
            resolve: How names are looked up.
        """
        self.snapshots = snapshots
        self.policy = policy
        self.pace = pace or Pace()
        self._retries = retries
        self._sleep = sleep
        self._clock = clock
        self._resolve = resolve

    async def get(self, url: str, *, max_age: float = 0.0, interval: float = 0.0) -> Copy:
        """A page, from its server or from where it is kept.

        Args:
            url: From anywhere.
            max_age: Seconds for which a kept copy is taken without asking its server.
            interval: Seconds to leave its host alone afterwards, where more than usual.

        Raises:
            FetchRefused: It must not be fetched.
            FetchFailed: It could not be, after the retries.
            WebError: It cannot be kept.
        """
        target = parse(url)
        before = await asyncio.to_thread(self._kept, target.url)
        if before and 0 <= self._clock() - before.snapshot.checked_at < max_age:
            return before
        answer = await self._patiently(target, before, interval)
        return await asyncio.to_thread(self._keep, target.url, before, answer)

    def _kept(self, url: str) -> Copy | None:
        snapshot = self.snapshots.latest(url)
        data = self.snapshots.body(snapshot) if snapshot else None
        return Copy(snapshot, data, "stored") if snapshot and data is not None else None

    def _keep(self, url: str, before: Copy | None, answer: Fetched) -> Copy:
        if answer.status == 304 and before:
            return Copy(self.snapshots.confirm(before.snapshot, answer), before.data, "unchanged")
        return Copy(self.snapshots.put(url, answer), answer.data, "fetched")

    async def _patiently(self, target: Target, before: Copy | None, interval: float) -> Fetched:
        """Ask the server, and again where it may help."""
        tries = 0
        while True:
            try:
                async with self.pace.turn(target.authority, interval):
                    return await in_thread(lambda stop: self._ask(target, before, stop))
            except FetchFailed as error:
                tries += 1
                wait = self._wait(error, tries)
                # No longer: whoever asks next would wait for hours, and be told nothing.
                self.pace.hold(target.authority, min(wait, _PATIENCE))
                if tries > self._retries or not _may_pass(error):
                    raise
                if wait > _PATIENCE:
                    raise FetchFailed(
                        f"{error}, and asks to wait {wait:.0f} seconds",
                        hint="Try again after that.",
                        status=error.status,
                        retry_after=error.retry_after,
                    ) from None
            await self._sleep(wait)

    def _ask(self, target: Target, before: Copy | None, stop: Callable[[], bool]) -> Fetched:
        known = before.snapshot if before else None
        return fetch(
            target.url,
            policy=self.policy,
            etag=known.etag if known else "",
            last_modified=known.last_modified if known else "",
            cancelled=stop,
            resolve=self._resolve,
        )

    def _wait(self, error: FetchFailed, tries: int) -> float:
        """Seconds until another try: as the server asks, or twice as long each time."""
        if error.status in (429, 503):
            asked = _seconds(error.retry_after, self._clock())
            if asked is not None:
                return asked
        return min(0.5 * 2**tries, _PATIENCE) if _may_pass(error) else 0.0


def _may_pass(error: FetchFailed) -> bool:
    return isinstance(error, ConnectionLost) or error.status in _TRANSIENT


def _seconds(retry_after: str, now: float) -> float | None:
    """What a `Retry-After` header asks for, in seconds; None where it says nothing."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit() and len(text) < 9:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (TypeError, ValueError, OverflowError):
        return None

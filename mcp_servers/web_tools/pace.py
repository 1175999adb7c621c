"""Politeness: one request to a host at a time, and a pause between two. Sends nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Sleep = Callable[[float], Awaitable[None]]

_HOSTS = 1_000
"""Hosts that are remembered."""


@dataclass(slots=True)
class _Lane:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0
    """When the next request may begin, by the clock."""


class Pace:
    """When the next request to each host may be sent."""

    def __init__(
        self,
        interval: float = 0.5,
        *,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set the usual pause.

        Args:
            interval: Seconds from the end of one request to the beginning of the next.
            sleep: Waits.
            clock: Tells the time, in seconds.
        """
        self._interval = interval
        self._sleep = sleep
        self._clock = clock
        self._lanes: dict[str, _Lane] = {}

    @asynccontextmanager
    async def turn(self, host: str, interval: float = 0.0) -> AsyncIterator[None]:
        """Wait for a host's turn, and hold it for one request.

        Args:
            host: Name and port.
            interval: Seconds to pause after it, where that is longer than usual.
        """
        lane = self._lanes.setdefault(host, _Lane())
        async with lane.lock:
            while (wait := lane.free_at - self._clock()) > 0:
                await self._sleep(wait)
            try:
                yield
            finally:
                self.hold(host, max(interval, self._interval))
                self._forget()

    def hold(self, host: str, seconds: float) -> None:
        """Send nothing to a host for a while."""
        lane = self._lanes.setdefault(host, _Lane())
        lane.free_at = max(lane.free_at, self._clock() + seconds)

    def _forget(self) -> None:
        if len(self._lanes) > _HOSTS:
            now = self._clock()
            for host in [h for h, lane in self._lanes.items() if lane.free_at < now]:
                if not self._lanes[host].lock.locked():
                    del self._lanes[host]

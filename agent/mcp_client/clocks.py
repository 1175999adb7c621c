"""How long calls may go without a sign of life. While a person is asked, no call's time runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

_LONGEST = 3600.0
"""Seconds of a call, however many signs of life it gives."""


@dataclass(slots=True, eq=False)
class _Clock:
    seconds: float
    latest: float
    """The loop's time at which the call ends, whatever it says."""
    limit: asyncio.Timeout


class Clocks:
    """The calls of one connection. A server does not say for which of them it asks a person."""

    def __init__(self) -> None:
        """Begin with none."""
        self._running: list[_Clock] = []
        self._stopped = 0

    @asynccontextmanager
    async def running(self, seconds: float) -> AsyncGenerator[Callable[[], None], None]:
        """For the time of a call.

        Args:
            seconds: How long it may go without a sign of life.

        Yields:
            To be called at each such sign.

        Raises:
            TimeoutError: It gave none for so long.
        """
        latest = asyncio.get_running_loop().time() + _LONGEST
        async with asyncio.timeout(seconds) as limit:
            clock = _Clock(seconds, latest, limit)
            self._running.append(clock)
            try:
                self._set(clock)
                yield lambda: self._set(clock)
            finally:
                self._running.remove(clock)

    @contextmanager
    def stopped(self) -> Generator[None, None, None]:
        """While this lasts, no time runs; then each call has all of its own again."""
        began = asyncio.get_running_loop().time()
        self._stopped += 1
        self._set_all()
        try:
            yield
        finally:
            self._stopped -= 1
            for clock in self._running:
                clock.latest += asyncio.get_running_loop().time() - began
            self._set_all()

    def _set_all(self) -> None:
        for clock in self._running:
            self._set(clock)

    def _set(self, clock: _Clock) -> None:
        if clock not in self._running or clock.limit.expired():
            return  # a sign of life that comes late
        now = asyncio.get_running_loop().time()
        end = None if self._stopped else min(now + clock.seconds, clock.latest)
        clock.limit.reschedule(end)

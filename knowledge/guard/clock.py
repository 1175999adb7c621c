"""One deadline for all of a fetch, and the bytes it may take. Knows sockets, and no HTTP."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable

from knowledge.errors import FetchFailed

Cancelled = Callable[[], bool]

_SLICE = 0.1
"""Seconds between two looks at `cancelled`."""


class Clock:
    """How much time a fetch has left. Every wait goes through it, so that none outlives it."""

    def __init__(self, seconds: float, cancelled: Cancelled | None = None) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._cancelled = cancelled

    def left(self) -> float:
        """Seconds left, more than none.

        Raises:
            FetchFailed: The time is over.
            InterruptedError: `cancelled` said so.
        """
        if self._cancelled is not None and self._cancelled():
            raise InterruptedError("fetching the page was cancelled")
        left = self._end - time.monotonic()
        if left <= 0:
            raise FetchFailed(
                f"it was not fetched within {self._seconds:g} seconds",
                hint="Try again later, or download it with a browser and add the file.",
            )
        return left

    def pause(self) -> float:
        """Seconds to wait at a stretch before asking again."""
        return self.left() if self._cancelled is None else min(_SLICE, self.left())

    def wait(self, line: socket.socket, event: int, limit: float | None = None) -> bool:
        """Wait until a socket is ready.

        Args:
            line: The socket, in non-blocking mode.
            event: `selectors.EVENT_READ` or `EVENT_WRITE`.
            limit: Seconds after which to give up, where that is before the deadline.

        Returns:
            False where the limit was reached.
        """
        end = None if limit is None else time.monotonic() + limit
        with selectors.DefaultSelector() as selector:
            selector.register(line, event)
            while True:
                seconds = self.pause()
                if end is not None:
                    seconds = min(seconds, end - time.monotonic())
                    if seconds <= 0:
                        return False
                if selector.select(seconds):
                    return True

"""A number of places, and a bounded, fair queue before them.

A free place goes to the user who holds the fewest, and among those to the one who has waited
longest; where others may come, nobody holds all of several. When the queue is full, who has fewer
in it than another takes the place of the newest of whoever has most (longest queue drop, as in
McKenney, "Stochastic Fairness Queueing", 1990); else the newcomer is refused. No one waits longer
than the patience. What is refused is told when to come again. What the places are for is
`admission.py`'s.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agent.server.errors import Refused
from agent.server.failures import ending

_LONGEST_ADVICE = 60.0
"""Seconds."""
_GUESS = 5.0
"""Seconds that a place is held, where none has been given back yet."""
_SMOOTHING = 0.2


@dataclass(eq=False, slots=True)
class _Waiting:
    user: str
    turn: asyncio.Future[None]
    """Done when it may go on; an error where it is refused."""


class Places:
    """Places of one kind. Lives on one event loop."""

    def __init__(
        self,
        places: int,
        *,
        waiting: int,
        patience: float,
        several: Callable[[], bool],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin with all of them free.

        Args:
            places: How many may be held at once.
            waiting: How many may wait for one.
            patience: Seconds that one may wait.
            several: Whether there is more than one user.
            changed: Told when other numbers of them are held, or waited for.
        """
        self._places = places
        self._most_waiting = waiting
        self._patience = patience
        self._several = several
        self._changed = changed
        self._queue: list[_Waiting] = []
        """In the order in which they came."""
        self._holding: Counter[str] = Counter()
        """Places held, by user."""
        self._mean: float | None = None
        """Seconds that a place is held, smoothed; None before the first is given back."""
        self._closed = False

    @property
    def held(self) -> int:
        """Places that are held now."""
        return self._holding.total()

    @property
    def waiting(self) -> int:
        """Who waits now."""
        return len(self._live)

    @asynccontextmanager
    async def hold(self, user: str) -> AsyncIterator[None]:
        """Hold a place, at once or after a wait, until the block's end.

        Raises:
            Refused: 429 for too much, 503 where the server is ending; with `retry_after`.
        """
        if self._closed:
            raise ending()
        await self._take(user)
        began = time.monotonic()
        try:
            yield
        finally:
            self._note(time.monotonic() - began)
            self._leave(user)

    def close(self) -> None:
        """Refuse whoever waits, and whoever comes."""
        self._closed = True
        for waiting in self._live:
            waiting.turn.set_exception(ending())

    def advice(self, ahead: int) -> int:
        """Seconds after which there may be a place, with so many before."""
        mean = _GUESS if self._mean is None else self._mean
        return math.ceil(min(_LONGEST_ADVICE, max(1.0, mean * (ahead + 1) / self._places)))

    @property
    def _live(self) -> list[_Waiting]:
        """Those who wait, without those who are being told that they no longer do."""
        return [waiting for waiting in self._queue if not waiting.turn.done()]

    @property
    def _next(self) -> _Waiting | None:
        """Who gets a place now; None where none is free, or nobody may have it."""
        if self.held >= self._places:
            return None
        able = [waiting for waiting in self._live if self._may_hold_more(waiting.user)]
        # `min` takes the first of equals, who came first.
        return min(able, key=lambda waiting: self._holding[waiting.user], default=None)

    def _may_hold_more(self, user: str) -> bool:
        most = self._places - 1 if self._places > 1 and self._several() else self._places
        return self._holding[user] < most

    async def _take(self, user: str) -> None:
        if self.held < self._places and self._may_hold_more(user) and self._next is None:
            self._holding[user] += 1
            self._changed()
            return
        self._make_room(user)
        waiting = _Waiting(user, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._changed()
        try:
            async with asyncio.timeout(self._patience):
                await waiting.turn
        except BaseException as error:
            turn = waiting.turn
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._leave(user)  # given a place in the moment in which it gave up waiting
            if isinstance(error, TimeoutError):
                raise self._full(f"No place was free for {self._patience:g} seconds.") from None
            raise
        finally:
            if waiting in self._queue:
                self._queue.remove(waiting)
            self._changed()

    def _make_room(self, user: str) -> None:
        """See that one more may wait.

        Raises:
            Refused: 429, the queue is full, and the user has no fewer in it than others.
        """
        queue = self._live
        if len(queue) < self._most_waiting:
            return
        mine = Counter(waiting.user for waiting in queue)
        if mine:
            most, many = mine.most_common(1)[0]
            if mine[user] + 1 < many:
                newest = next(waiting for waiting in reversed(queue) if waiting.user == most)
                newest.turn.set_exception(
                    self._full("Others have come, and you have most in the queue.")
                )
                return
        raise self._full("As much is being asked as this server takes.")

    def _leave(self, user: str) -> None:
        """Give a place back, and hand the free ones on."""
        self._holding[user] -= 1
        self._holding += Counter()  # forgets those who hold none
        while (following := self._next) is not None:
            self._holding[following.user] += 1
            self._queue.remove(following)
            following.turn.set_result(None)
        self._changed()

    def _full(self, message: str) -> Refused:
        advice = self.advice(len(self._queue))
        return Refused(429, message, code="too_many_requests", retry_after=advice)

    def _note(self, seconds: float) -> None:
        mean = seconds if self._mean is None else self._mean
        self._mean = mean + _SMOOTHING * (seconds - mean)

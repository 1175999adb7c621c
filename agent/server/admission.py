"""How much may go on at once, and what of it: asks, heavy work, changes of a library, searches.

At most `running` asks go on side by side and `waiting` wait; who is next is `places.py`'s. What
takes long without an answer to anybody (adding, embedding) has few places of its own, so that asks
go on beside it. Rates and daily budgets are kept here, too.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from agent.errors import ConfigError
from agent.server.errors import Refused
from agent.server.failures import ENDING, ending
from agent.server.places import Places
from agent.server.rates import Rates
from agent.server.tickets import Ticket

if TYPE_CHECKING:
    from agent.server.metrics import Metrics
    from agent.server.spending import Spending
    from agent.server.users import User

RUNNING = 4
WAITING = 32
PATIENCE = 30.0
"""Seconds."""
_WORKING = 2
"""Heavy pieces of work at once."""
_LONG_PATIENCE = 300.0
"""Seconds that heavy work waits: what is before it may take minutes."""
SHARE = 250
"""Requests of one user under way at once, of any kind: a quarter of the server's connections."""


class Admission:
    """Lets asks through, one server's. Lives on one event loop."""

    def __init__(
        self,
        *,
        running: int = RUNNING,
        waiting: int = WAITING,
        patience: float = PATIENCE,
        spending: Spending | None = None,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
        several: Callable[[], bool] = lambda: False,
    ) -> None:
        """Begin with nobody.

        Args:
            running: Asks that may run at once, and searches besides.
            waiting: Asks that may wait for that.
            patience: Seconds that one may wait.
            spending: What users have spent today; None keeps no daily budgets.
            metrics: Told of each ask.
            clock: Seconds, for tests of rates.
            several: Whether there is more than one user: then one of several places is always left
                to others.
        """
        places = partial(Places, waiting=waiting, several=several, changed=self._show)
        self._asks = places(running, patience=patience)
        self._work = places(_WORKING, patience=_LONG_PATIENCE)
        self._searches = places(running, patience=patience)
        self._make_turn = partial(places, 1, patience=_LONG_PATIENCE)
        self._turns: dict[str, Places] = {}
        """Who may change a library, by its folder."""
        self._spending = spending
        self._metrics = metrics
        self._rates = Rates(clock)
        self._under_way: Counter[str] = Counter()
        """Requests, by user."""
        self._tickets: set[Ticket] = set()
        """Of all that runs."""
        self._asking: set[Ticket] = set()
        """Those whose cost counts."""
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def draining(self) -> bool:
        """Whether no more asks are let through."""
        return self._draining

    @property
    def running(self) -> int:
        """Asks that run now."""
        return len(self._tickets)

    @property
    def waiting(self) -> int:
        """Asks that wait now."""
        return sum(places.waiting for places in self._all)

    @property
    def _all(self) -> list[Places]:
        return [self._asks, self._work, self._searches, *self._turns.values()]

    def count(self, user: User) -> None:
        """Count one request against the user's rate; the application does it for every request.

        Raises:
            Refused: 429, it is one too many.
        """
        wait = self._rates.take(user.kept_as, user.per_minute)
        if wait > 0:
            raise Refused(
                429, f"More than {user.per_minute} requests a minute.",
                code="rate_limit_exceeded", retry_after=wait,
            )  # fmt: skip

    @contextmanager
    def under_way(self, user: User) -> Iterator[None]:
        """Count one request as being answered until the block's end.

        Raises:
            Refused: 429, the user has too many open.
        """
        if self._under_way[user.kept_as] >= SHARE:
            raise Refused(
                429, f"{SHARE} requests of yours are open already.",
                code="too_many_requests", retry_after=self._asks.advice(0),
            )  # fmt: skip
        self._under_way[user.kept_as] += 1
        try:
            yield
        finally:
            self._under_way[user.kept_as] -= 1
            self._under_way += Counter()  # forgets those who have none

    def is_busy(self, kept_as: str) -> bool:
        """Whether a request of a user is being answered; by what `User.kept_as` says."""
        return self._under_way[kept_as] > 0

    @asynccontextmanager
    async def admit(self, user: User, *, heavy: bool = False) -> AsyncIterator[Ticket]:
        """Let one ask through, at once or after a wait; it holds a place until the block's end.

        The ticket's `user` is the one to ask for: what is left of the day's budget limits it.

        Args:
            user: Who asks.
            heavy: Whether it is work that takes long, and no ask: it has places of its own, and
                its cost is not counted.

        Raises:
            Refused: 429 for too much, 503 where the server is ending; with `retry_after`.
        """
        if self._draining:
            raise ending()
        left = None if heavy else self._left_today(user)
        came = time.monotonic()
        async with (self._work if heavy else self._asks).hold(user.kept_as):
            if not heavy:  # again: what ran before may have spent the rest of the day's budget
                left = self._left_today(user)
            began = time.monotonic()
            ticket = Ticket(user if heavy else _limited(user, left), began, self._metrics)
            ticket.waited(began - came)
            self._tickets.add(ticket)
            if not heavy:
                self._asking.add(ticket)
            self._idle.clear()
            try:
                yield ticket
            except Exception:
                ticket.ended("failed")
                raise
            finally:
                self._tickets.discard(ticket)
                self._asking.discard(ticket)
                if not self._tickets:
                    self._idle.set()
                ticket.close()
                self._book(user, ticket)

    def turn(self, user: User, library: str) -> AbstractAsyncContextManager[None]:
        """Whose turn it is to change a library: one after the other.

        To be taken before `admit`, so that who waits for others' changes holds no place.

        Args:
            user: Who changes it.
            library: Its folder.

        Raises:
            Refused: As `admit` does.
        """
        places = self._turns.get(library)
        if places is None:
            places = self._turns[library] = self._make_turn()
            if self._draining:
                places.close()
        return places.hold(user.kept_as)

    def search(self, user: User) -> AbstractAsyncContextManager[None]:
        """One search, at once or after a wait.

        Raises:
            Refused: As `admit` does.
        """
        return self._searches.hold(user.kept_as)

    def drain(self, reason: str = ENDING) -> None:
        """Let no more through, refuse those that wait, and have those that run end with what is.

        A second call changes nothing.
        """
        if self._draining:
            return
        self._draining = True
        for places in self._all:
            places.close()
        for ticket in list(self._tickets):
            ticket.stop(reason)

    async def idle(self) -> None:
        """Wait until nothing runs."""
        await self._idle.wait()

    def _left_today(self, user: User) -> float | None:
        """What a user may still spend today, less what running asks may come to.

        Raises:
            Refused: 429, nothing is left.
        """
        if user.day_cost is None or self._spending is None:
            return None
        left = user.day_cost - self._spending.today(user.kept_as)
        held = sum(t.held for t in self._asking if t.user.kept_as == user.kept_as)
        if held and 0 < left <= held:
            raise Refused(
                429, "Asks of yours that still run may use up what is left of today's budget.",
                code="insufficient_quota", retry_after=self._asks.advice(0),
                hint="A limit for each ask (--max-cost) lets several run side by side.",
            )  # fmt: skip
        left -= held
        if left <= 0:
            raise Refused(
                429, f"The budget of ${user.day_cost:g} a day is used up.",
                code="insufficient_quota", retry_after=self._spending.seconds_left,
                hint="It is renewed at midnight, UTC.",
            )  # fmt: skip
        return left

    def _book(self, user: User, ticket: Ticket) -> None:
        if self._spending is None:
            return
        # Where nothing depends on the sum, an answer is worth more than its record.
        with suppress(*(() if user.day_cost is not None else (ConfigError,))):
            self._spending.add(user.kept_as, cost=ticket.cost, tokens=ticket.tokens)

    def _show(self) -> None:
        if self._metrics is not None:
            self._metrics.queue(running=self._asks.held + self._work.held, waiting=self.waiting)


def _limited(user: User, left: float | None) -> User:
    """The user, whose next ask may cost no more than is left."""
    if left is None:
        return user
    cost = left if user.limits.cost is None else min(left, user.limits.cost)
    return replace(user, limits=replace(user.limits, cost=cost))

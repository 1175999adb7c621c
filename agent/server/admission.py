"""How much may run at once, and who is next: a bounded, fair queue before the asks.

At most `running` asks go on side by side and `waiting` wait. When a place is free, it goes to the
user with the fewest asks running, and among those to the one who has waited longest. When the queue
is full, who has fewer in it than another takes the place of the newest of whoever has most (longest
queue drop, as in McKenney, "Stochastic Fairness Queueing", 1990); else the newcomer is refused. No
one waits longer than `patience`. What is refused is told when to come again.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.errors import ConfigError
from agent.server.errors import Refused
from agent.server.failures import ENDING, ending
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
_LONGEST_ADVICE = 60.0
_GUESS = 5.0
"""Seconds that an ask takes, where none has ended yet."""
_SMOOTHING = 0.2


@dataclass(eq=False, slots=True)
class _Waiting:
    user: str
    turn: asyncio.Future[None]
    """Done when it may run; an error where it is refused."""


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
    ) -> None:
        """Begin with nobody.

        Args:
            running: Asks that may run at once.
            waiting: Asks that may wait for that.
            patience: Seconds that one may wait.
            spending: What users have spent today; None keeps no daily budgets.
            metrics: Told of each ask.
            clock: Seconds, for tests of rates.
        """
        self._places = running
        self._most_waiting = waiting
        self._patience = patience
        self._spending = spending
        self._metrics = metrics
        self._rates = Rates(clock)
        self._tickets: set[Ticket] = set()
        self._queue: list[_Waiting] = []
        """In the order in which they came."""
        self._holding: Counter[str] = Counter()
        """Places held, by user."""
        self._mean: float | None = None
        """Seconds that an ask takes, smoothed; None before the first has ended."""
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
        return len(self._live)

    def count(self, user: User) -> None:
        """Count one request against the user's rate; the application does it for every request.

        Raises:
            Refused: 429, it is one too many.
        """
        wait = self._rates.take(user.name, user.per_minute)
        if wait > 0:
            raise Refused(
                429, f"More than {user.per_minute} requests a minute.",
                code="rate_limit_exceeded", retry_after=wait,
            )  # fmt: skip

    @asynccontextmanager
    async def admit(self, user: User) -> AsyncIterator[Ticket]:
        """Let one ask through, at once or after a wait; it holds a place until the block's end.

        The ticket's `user` is the one to ask for: what is left of the day's budget limits it.

        Raises:
            Refused: 429 for too much, 503 where the server is ending; with `retry_after`.
        """
        if self._draining:
            raise ending()
        self._left_today(user)
        came = time.monotonic()
        await self._place(user.name)
        began = time.monotonic()
        ticket: Ticket | None = None
        try:
            # Only now: what ran before may have spent the rest of the day's budget.
            left = self._left_today(user)
            ticket = Ticket(_limited(user, left), began, self._metrics)
            ticket.waited(began - came)
            self._tickets.add(ticket)
            self._idle.clear()
            yield ticket
        finally:
            if ticket is not None:
                self._tickets.discard(ticket)
                self._note(time.monotonic() - began)
            self._leave(user.name)
            if not self._tickets:
                self._idle.set()
            if ticket is not None:
                ticket.close()
                self._book(user, ticket)

    def drain(self, reason: str = ENDING) -> None:
        """Let no more through, refuse those that wait, and have those that run end with what is.

        A second call changes nothing.
        """
        if self._draining:
            return
        self._draining = True
        for waiting in self._live:
            waiting.turn.set_exception(ending())
        for ticket in list(self._tickets):
            ticket.stop(reason)

    async def idle(self) -> None:
        """Wait until nothing runs."""
        await self._idle.wait()

    @property
    def _live(self) -> list[_Waiting]:
        """Those who wait, without those who are being told that they no longer do."""
        return [waiting for waiting in self._queue if not waiting.turn.done()]

    async def _place(self, user: str) -> None:
        """Take a place, or wait for one."""
        if not self._live and self._holding.total() < self._places:
            self._holding[user] += 1
            self._show()
            return
        self._make_room(user)
        waiting = _Waiting(user, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._show()
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
            self._show()

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
        while self._holding.total() < self._places:
            if not (live := self._live):
                break
            # `min` takes the first of equals, who came first.
            following = min(live, key=lambda waiting: self._holding[waiting.user])
            self._holding[following.user] += 1
            self._queue.remove(following)
            following.turn.set_result(None)
        self._show()

    def _left_today(self, user: User) -> float | None:
        """What a user may still spend today, less what running asks may come to.

        Raises:
            Refused: 429, nothing is left.
        """
        if user.day_cost is None or self._spending is None:
            return None
        left = user.day_cost - self._spending.today(user.name)
        held = sum(ticket.held for ticket in self._tickets if ticket.user.name == user.name)
        if held and 0 < left <= held:
            raise Refused(
                429, "Asks of yours that still run may use up what is left of today's budget.",
                code="insufficient_quota", retry_after=self._advice(0),
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
            self._spending.add(user.name, cost=ticket.cost, tokens=ticket.tokens)

    def _full(self, message: str) -> Refused:
        advice = self._advice(len(self._queue))
        return Refused(429, message, code="too_many_requests", retry_after=advice)

    def _note(self, seconds: float) -> None:
        mean = seconds if self._mean is None else self._mean
        self._mean = mean + _SMOOTHING * (seconds - mean)

    def _advice(self, ahead: int) -> int:
        """Seconds after which there may be a place, with so many before."""
        mean = _GUESS if self._mean is None else self._mean
        return math.ceil(min(_LONGEST_ADVICE, max(1.0, mean * (ahead + 1) / self._places)))

    def _show(self) -> None:
        if self._metrics is not None:
            self._metrics.queue(running=self._holding.total(), waiting=len(self._queue))


def _limited(user: User, left: float | None) -> User:
    """The user, whose next ask may cost no more than is left."""
    if left is None:
        return user
    cost = left if user.limits.cost is None else min(left, user.limits.cost)
    return replace(user, limits=replace(user.limits, cost=cost))

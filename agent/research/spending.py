"""One hard budget for a run, over all the times that it is resumed, with a share kept for writing.

The counting is `agent.budget`'s; here a run's limits are shared out, and what was used is added up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.budget import Budget, Limits
from agent.plain_text import money, plural
from agent.research.journal import Used

RESERVE = 0.3
"""The share of each limit that searching, reading and noting leave for writing."""


class Spending:
    """What a run has used and may still use. Lives on one event loop."""

    def __init__(
        self, limits: Limits, before: Used, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin; the seconds count from here.

        Args:
            limits: Of the whole run.
            before: What it used before it was resumed.
            clock: Seconds, for tests.
        """
        self._limits = limits
        self._before = before
        self._clock = clock
        self._began = clock()
        self._waited = 0.0
        self.searching = Budget(_left(_share(limits), before), clock=clock)
        """For all that comes before the writing."""
        self._after: Budget | None = None
        self._stopped = ""

    @property
    def writing(self) -> Budget:
        """Everything that is left of the whole when it is first asked for, after the searching."""
        if self._after is None:
            self._after = Budget(_left(self._limits, self.used), clock=self._clock)
        return self._after

    @property
    def used(self) -> Used:
        """In all, at this moment."""
        budgets = [budget for budget in (self.searching, self._after) if budget is not None]
        before = self._before
        return Used(
            tokens=before.tokens + sum(budget.tokens for budget in budgets),
            cost=before.cost + sum(budget.cost for budget in budgets),
            steps=before.steps + sum(budget.steps for budget in budgets),
            seconds=before.seconds + self._clock() - self._began - self._waited,
        )

    @property
    def why(self) -> str:
        """Why the searching ended early, as a sentence, once it has."""
        return self._stopped or (
            f"The budget ({told(self._limits)}) ended the search; {RESERVE:.0%} of it is kept for"
            " writing the report."
        )

    def stop(self, reason: str) -> None:
        """End the searching, or the writing that has begun; to be called on the run's loop."""
        self._stopped = self._stopped or reason
        (self._after or self.searching).stop(reason)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Hold the clock while a person looks at the plan."""
        began = self._clock()
        try:
            with self.searching.waiting():
                yield
        finally:
            self._waited += self._clock() - began


def _share(limits: Limits) -> Limits:
    """The limits of the searching."""
    share = 1 - RESERVE
    return Limits(
        cost=None if limits.cost is None else limits.cost * share,
        tokens=None if limits.tokens is None else int(limits.tokens * share),
        steps=None if limits.steps is None else int(limits.steps * share),
        seconds=None if limits.seconds is None else limits.seconds * share,
    )


def _left(limits: Limits, used: Used) -> Limits:
    return Limits(
        cost=None if limits.cost is None else max(0.0, limits.cost - used.cost),
        tokens=None if limits.tokens is None else max(0, limits.tokens - used.tokens),
        steps=None if limits.steps is None else max(0, limits.steps - used.steps),
        seconds=None if limits.seconds is None else max(0.0, limits.seconds - used.seconds),
    )


def told(limits: Limits) -> str:
    """The limits in words; empty for none."""
    words = [
        "" if limits.cost is None else money(limits.cost),
        "" if limits.tokens is None else plural(limits.tokens, "token"),
        "" if limits.steps is None else plural(limits.steps, "step"),
        "" if limits.seconds is None else f"{limits.seconds:g} s",
    ]
    return ", ".join(text for text in words if text)

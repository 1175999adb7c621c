"""One ask that has been let through: what it has used, and how it is told to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

from agent.events import Done, Failed, Token, Usage

if TYPE_CHECKING:
    from agent.budget import Budget
    from agent.events import Event
    from agent.server.metrics import Metrics
    from agent.server.users import User


TOLD: ContextVar[dict[str, object] | None] = ContextVar("told", default=None)
"""What the log's line of the request that is being answered says of its ask."""


class Ticket:
    """A place among the asks that run. Whoever asks tells it how the ask goes."""

    def __init__(self, user: User, began: float, metrics: Metrics | None = None) -> None:
        """Begin.

        Args:
            user: Who asks; its limits are those of this ask.
            began: When, by the monotonic clock.
            metrics: Told of what happens.
        """
        self.user = user
        self.cost = 0.0
        """US dollars, as far as prices are known."""
        self.tokens = 0
        """Of prompts and answers."""
        self._began = began
        self._metrics = metrics
        self._stop: Callable[[str], None] | None = None
        self._reason = ""
        self._spoke = False
        self._outcome = ""
        self._budget: Callable[[], Budget | None] = lambda: None

    @property
    def held(self) -> float:
        """The most that it may have cost at its end, where that is limited; else what it has."""
        budget = self._budget()
        spent = max(self.cost, budget.cost if budget is not None else 0.0)
        return max(self.user.limits.cost or 0.0, spent)

    def started(self, stop: Callable[[str], None]) -> None:
        """Say how the ask is ended with what it has; called at once where that is wanted already.

        Args:
            stop: Takes a sentence for the user, on the event loop: `Session.stop`.
        """
        self._stop = stop
        if self._reason:
            stop(self._reason)

    def stop(self, reason: str) -> None:
        """End the ask with what it has, now or as soon as it has begun."""
        self._reason = self._reason or reason
        if self._stop is not None:
            self._stop(reason)

    def waited(self, seconds: float) -> None:
        """Say how long it waited for its place."""
        if self._metrics is not None:
            self._metrics.waited(seconds)

    def first_token(self) -> None:
        """Say that the answer has begun; later calls change nothing."""
        if not self._spoke and self._metrics is not None:
            self._metrics.first_token(time.monotonic() - self._began)
        self._spoke = True

    def used(self, usage: Usage) -> None:
        """Say what one call to a model has used."""
        self.cost += usage.cost or 0.0
        self.tokens += usage.input_tokens + usage.output_tokens
        if self._metrics is not None:
            self._metrics.used(usage)

    def heard(self, event: Event) -> None:
        """Note what an event of the ask says of it."""
        match event:
            case Token():
                self.first_token()
            case Usage():
                self.used(event)
            case Done():
                self.ended(event.outcome)
            case Failed():
                self.ended("failed")
            case _:
                pass  # the answer's own

    def counted_by(self, budget: Callable[[], Budget | None]) -> None:
        """Say which budget the ask's calls are settled with.

        A call that was left in its middle is settled, and nobody is there to be told of it; so at
        the end, what the budget says counts where it is more.
        """
        self._budget = budget

    def ended(self, outcome: str) -> None:
        """Say how it ended: an outcome of `Done`, or `failed`."""
        self._outcome = outcome

    def close(self) -> None:
        """Count it: `interrupted` where nobody said how it ended."""
        if (budget := self._budget()) is not None:
            untold = max(0.0, budget.cost - self.cost)
            self.cost += untold
            self.tokens = max(self.tokens, budget.tokens)
            if self._metrics is not None:
                self._metrics.used(Usage(cost=untold))
        outcome = self._outcome or "interrupted"
        if self._metrics is not None:
            self._metrics.asked(outcome, time.monotonic() - self._began)
        if (told := TOLD.get()) is not None:
            told |= {"outcome": outcome, "tokens": self.tokens, "cost": round(self.cost, 6)}

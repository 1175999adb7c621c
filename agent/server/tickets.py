"""One ask that has been let through: what it has used, and how it is told to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.events import Usage
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

    @property
    def held(self) -> float:
        """The most that it may still cost, where that is limited; else 0."""
        limit = self.user.limits.cost
        return max(0.0, limit - self.cost) if limit is not None else 0.0

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

    def ended(self, outcome: str) -> None:
        """Say how it ended: an outcome of `Done`, or `failed`."""
        self._outcome = outcome

    def close(self) -> None:
        """Count it: `interrupted` where nobody said how it ended."""
        outcome = self._outcome or "interrupted"
        if self._metrics is not None:
            self._metrics.asked(outcome, time.monotonic() - self._began)
        if (told := TOLD.get()) is not None:
            told |= {"outcome": outcome, "tokens": self.tokens, "cost": round(self.cost, 6)}

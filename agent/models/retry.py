"""Whether a failed call to a provider is made again, and how long to wait first. Sleeps nowhere."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from agent.models.provider_errors import understand

if TYPE_CHECKING:
    from agent.models.provider_errors import Call, Trouble

T = TypeVar("T")

_FIRST_WAIT = 0.5
"""Seconds at most before the second attempt; each further wait may be twice as long."""
_LONGEST_WAIT = 30.0
"""Seconds; a provider that asks for more is not waited for, and the error says how long it is."""


@dataclass(slots=True)
class Retries:
    """The attempts at one call."""

    most: int
    """Attempts after the first."""
    timeout: float
    """Seconds; no attempt begins later than this after the first."""
    made: int = 0
    _began: float = field(default_factory=time.monotonic)

    def wait(self, trouble: Trouble) -> float:
        """Seconds to wait before the next attempt.

        Exponential with full jitter, so that clients that failed together do not return together
        (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015); at least as long
        as the provider asks for.

        Raises:
            ModelError: The trouble's own, where another attempt would not help or is one too many.
        """
        seconds = max(trouble.wait or 0.0, random.uniform(0.0, _FIRST_WAIT * 2.0**self.made))
        late = time.monotonic() - self._began + seconds > self.timeout
        if not trouble.retry or self.made >= self.most or seconds > _LONGEST_WAIT or late:
            raise trouble.error
        self.made += 1
        return seconds


def persist(
    run: Callable[[], T], call: Call, retries: Retries, sleep: Callable[[float], None]
) -> T:
    """Make a synchronous call, again while that may help.

    Raises:
        ModelError: What went wrong in the end, in the house's words.
    """
    while True:
        try:
            return run()
        except Exception as failure:
            trouble = understand(failure, call)
        sleep(retries.wait(trouble))

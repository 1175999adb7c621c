"""Requests a minute, by user: a bucket of tokens each, that fills evenly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rates:
    """The buckets of all users, made when they first ask."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with full ones; `clock` gives seconds."""
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, user: str, per_minute: int | None) -> float:
        """Take one token.

        Args:
            user: Whose bucket.
            per_minute: How many it holds, and gains in a minute; None for no limit.

        Returns:
            0, or the seconds until there is one to take: then none is taken.
        """
        if per_minute is None:
            self._buckets.pop(user, None)
            return 0.0
        if per_minute <= 0:
            return 60.0
        now = self._clock()
        bucket = self._buckets.setdefault(user, _Bucket(per_minute, now))
        gained = (now - bucket.at) * per_minute / 60
        bucket.tokens, bucket.at = min(float(per_minute), bucket.tokens + gained), now
        if bucket.tokens < 1:
            return (1 - bucket.tokens) * 60 / per_minute
        bucket.tokens -= 1
        return 0.0

"""A figure and how sure it is, at 95 %.

Means and ratios by percentile bootstrap (Efron 1979) over the rows that they come from; shares of
rows by Wilson's score interval (1927), which says something even where all or none of them are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REPEATS = 1000
"""Resamples of a bootstrap."""
_Z = 1.959964
"""Standard deviations that hold the middle 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the ends of its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """By name, rounded to six significant digits."""
        return {name: float(f"{getattr(self, name):.6g}") for name in ("value", "low", "high")}


def between(value: float, drawn: Sequence[float] | NDArray[np.float64]) -> Interval:
    """The figure with the range of the middle 95 % of its resamples."""
    import numpy as np

    low, high = np.percentile(np.asarray(drawn, dtype=float), (2.5, 97.5))
    return Interval(float(value), float(low), float(high))


def draws(rows: int, *, seed: int = 0, repeats: int = REPEATS) -> NDArray[np.int64]:
    """Row numbers drawn with replacement, of shape (repeats, rows)."""
    import numpy as np

    return np.random.default_rng(seed).integers(0, rows, (repeats, rows))


def share(values: Sequence[bool]) -> Interval:
    """The share of the rows, at least one, of which something holds."""
    rows, found = len(values), sum(values) / len(values)
    middle = (found + _Z**2 / (2 * rows)) / (1 + _Z**2 / rows)
    half = _Z * sqrt(found * (1 - found) / rows + _Z**2 / (4 * rows**2)) / (1 + _Z**2 / rows)
    return Interval(found, max(0.0, middle - half), min(1.0, middle + half))


def to_json(value: Any) -> Any:
    """A result, of dataclasses, intervals, lists and plain values, as JSON takes it."""
    if isinstance(value, Interval):
        return value.to_json()
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): to_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value

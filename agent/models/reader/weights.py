"""The fitted constants of the reader, as `weights.json` holds them. Where they come from is in it.

`python -m benchmarks.fit_reader FILE` fits and writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import exp

from agent.models.reader.confidence import CONFIDENCE_FEATURES
from agent.models.reader.features import RANK_FEATURES
from agent.models.reader.marks import MARK_FEATURES


@dataclass(frozen=True, slots=True)
class Linear:
    """A weighted sum of features."""

    weights: tuple[float, ...]
    bias: float = 0.0

    def __call__(self, features: Sequence[float]) -> float:
        """The sum for one row of features."""
        return sum(w * f for w, f in zip(self.weights, features, strict=True)) + self.bias


@dataclass(frozen=True, slots=True)
class Weights:
    """All constants for one way of reading."""

    rank: Linear
    confidence: Linear
    """Its sum is a log-odds."""
    threshold: float
    """The confidence, as a probability, from which an answer is given."""
    alone: float
    """The share of belief in the first of two sentences from which the second is left out."""
    mark: Linear
    mark_least: float
    """The share of belief in the best candidate from which it is marked."""


@cache
def load(dense: bool) -> Weights:
    """The weights for reading with an embedder, or by words only."""
    stored = json.loads(files(__package__).joinpath("weights.json").read_text(encoding="utf-8"))
    return from_json(stored, dense)


def from_json(stored: Mapping[str, Mapping[str, object]], dense: bool) -> Weights:
    """The weights out of the file's content; a feature that is not in it weighs nothing."""
    fitted = stored["dense" if dense else "lexical"]
    marks = stored["mark"]
    return Weights(
        rank=_linear(fitted["rank"], RANK_FEATURES),
        confidence=_linear(fitted["confidence"], CONFIDENCE_FEATURES),
        threshold=_number(fitted["threshold"]),
        alone=_number(fitted["alone"]),
        mark=_linear(marks["weights"], MARK_FEATURES),
        mark_least=_number(marks["least"]),
    )


def probability(log_odds: float) -> float:
    """The logistic function, without overflow."""
    return 1 / (1 + exp(-max(-60.0, min(60.0, log_odds))))


def _linear(named: object, order: Sequence[str]) -> Linear:
    if not isinstance(named, dict):
        raise ValueError("weights.json: weights must be an object of numbers")
    return Linear(tuple(float(named.get(name, 0.0)) for name in order), float(named.get("bias", 0)))


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise ValueError(f"weights.json: not a number: {value!r}")
    return float(value)

"""What a reranker is: it reads a query with each passage, where an index compares them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from knowledge.types import Passage

DEPTH = 40
"""Passages that are given to a reranker; what is relevant and ranked behind them stays behind."""


class Reranker(Protocol):
    """Judges texts for a query."""

    @property
    def name(self) -> str:
        """As the user chose it."""

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """The relevance of each text, in order; higher is better, on any scale.

        Raises:
            RerankerUnavailable: It cannot be used now.
        """


def rerank(reranker: Reranker, query: str, passages: Sequence[Passage]) -> list[Passage]:
    """Passages in the order of their relevance, scored in [0, 1].

    Scores that lie in [0, 1] are kept; others are stretched over it within this list.

    Raises:
        RerankerUnavailable: As `Reranker.score`.
    """
    if not passages:
        return []
    scores = reranker.score(query, [passage.text for passage in passages])
    low, high = min(scores), max(scores)
    if low < 0 or high > 1:
        reach = (high - low) or 1.0
        scores = [(score - low) / reach for score in scores]
    judged = [replace(p, score=score) for p, score in zip(passages, scores, strict=True)]
    return sorted(judged, key=lambda passage: -passage.score)

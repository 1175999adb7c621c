"""The reader: a question and passages in, the sentences that answer out. No prose of its own.

Sentences are shortlisted by words, scored by words and meaning, and the best two kept; what they
have in common with the question decides whether they answer it. Linear models throughout, see
`weights.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING

from agent.models.reader import weights as fitted
from agent.models.reader.confidence import confidence_features
from agent.models.reader.features import Overlap, rank_features
from agent.models.reader.marks import Sentence
from agent.models.reader.question import Question, analyse
from agent.models.reader.types import Extract, Reading
from agent.models.reader.units import units
from knowledge.errors import EmbedderUnavailable

if TYPE_CHECKING:
    from agent.models.reader.units import Unit
    from agent.models.reader.weights import Weights
    from knowledge.embed import Embedder, Vectors
    from knowledge.types import Passage

SHORTLIST = 24
"""Sentences that are embedded for a question: it bounds the time, and the 25th hardly ever wins."""
READ = 1000
"""Characters of a sentence that are embedded; an embedder of 256 word pieces reads no more."""
_UNMARKED = ("whether", "summary", "keywords")
"""Kinds of question that no few words answer."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """The shortlist of a question, in order of score, with all that was measured on it."""

    overlap: Overlap
    order: tuple[int, ...]
    """Indices of `overlap.units`."""
    rows: tuple[list[float], ...]
    """Their rank features."""
    scores: tuple[float, ...]
    dense: bool
    """Whether there were vectors."""

    @property
    def question(self) -> Question:
        """The question, taken apart."""
        return self.overlap.question

    @property
    def units(self) -> list[Unit]:
        """The shortlisted sentences, in order."""
        return [self.overlap.units[i] for i in self.order]


class Reader:
    """Finds answers by quoting. Thread-safe as far as its embedder is."""

    def __init__(self, embedder: Embedder | None, weights: tuple[Weights, Weights] | None = None):
        """Make a reader; nothing is loaded yet.

        Args:
            embedder: Compares meanings; None, or one that turns out to be unavailable: words only.
            weights: With an embedder, and without; by default those of `weights.json`.
        """
        self._embedder = embedder
        self._weights = weights

    def load(self) -> None:
        """Make ready: weights, word list, embedder."""
        self._chosen(True)
        analyse("ready")
        if self._embedder is not None:
            try:
                self._embedder.load()
            except EmbedderUnavailable:
                self._embedder = None

    def read(self, question: str, passages: Sequence[Passage]) -> Reading:
        """Find the sentences that answer.

        Args:
            question: As asked; further lines are the question that it follows up.
            passages: Best first, as found for it.
        """
        ranked = self.rank(question, passages)
        if ranked is None:
            return Reading((), 0.0, False)
        weights = self._chosen(ranked.dense)
        features = confidence_features(ranked.overlap, ranked.order, ranked.rows, ranked.scores)
        confidence = fitted.probability(weights.confidence(features))
        count = 2
        if len(ranked.scores) < 2 or share(ranked.scores[:2]) >= weights.alone:
            count = 1
        answers = self._marked(ranked, count, weights)
        return Reading(answers, confidence, confidence >= weights.threshold)

    def rank(self, question: str, passages: Sequence[Passage]) -> Ranked | None:
        """Shortlist and score the sentences; None where there are none, or nothing is asked."""
        asked = analyse(question)
        found = units(passages)
        if not found or not asked.terms:
            return None
        overlap = Overlap(asked, found)
        rows = [rank_features(overlap, i, passages) for i in range(len(found))]
        by_words = self._chosen(False).rank
        scores = [by_words(row) for row in rows]
        order = sorted(range(len(found)), key=lambda i: -scores[i])[:SHORTLIST]
        meanings = self._meanings(question, passages, [found[i] for i in order])
        if meanings is not None:
            by_meaning = self._chosen(True).rank
            rows = [[] for _ in found]
            for i, cosines in zip(order, meanings, strict=True):
                rows[i] = rank_features(overlap, i, passages, *cosines)
            scores = [by_meaning(row) if row else 0.0 for row in rows]
            order.sort(key=lambda i: -scores[i])
        return Ranked(
            overlap,
            tuple(order),
            tuple(rows[i] for i in order),
            tuple(scores[i] for i in order),
            meanings is not None,
        )

    def _chosen(self, dense: bool) -> Weights:
        if self._weights is not None:
            return self._weights[0 if dense else 1]
        return fitted.load(dense)

    def _meanings(
        self, question: str, passages: Sequence[Passage], listed: Sequence[Unit]
    ) -> list[tuple[float, float, float]] | None:
        """Cosines of the question with each sentence, with it and the one before, its passage."""
        import numpy as np

        texts = [question, *(u.flat[:READ] for u in listed)]
        unknown = [n for n in {u.n for u in listed} if passages[n - 1].dense is None]
        vectors = self._embed([*texts, *(passages[n - 1].text for n in unknown)])
        if vectors is None:
            return None
        asked, sentences = vectors[0], vectors[1 : len(texts)]
        near = {n: float(v @ asked) for n, v in zip(unknown, vectors[len(texts) :], strict=True)}
        at = {(u.n, u.position): row for row, u in enumerate(listed)}
        found = []
        for row, unit in enumerate(listed):
            vector = sentences[row]
            before = at.get((unit.n, unit.position - 1))
            joined = vector if before is None else vector + sentences[before]
            around = float(joined @ asked) / max(1e-6, float(np.linalg.norm(joined)))
            passage = passages[unit.n - 1].dense
            found.append(
                (float(vector @ asked), around, near[unit.n] if passage is None else passage)
            )
        return found

    def _embed(self, texts: list[str]) -> Vectors | None:
        if self._embedder is None:
            return None
        try:
            return self._embedder.embed(texts)
        except EmbedderUnavailable:
            self._embedder = None
            return None

    def _marked(self, ranked: Ranked, count: int, weights: Weights) -> tuple[Extract, ...]:
        """The best sentences; in one of them, the words that answer."""
        chosen = ranked.units[:count]
        best: tuple[float, int, int, int] | None = None
        for k, unit in enumerate(chosen):
            if ranked.question.kind in _UNMARKED:
                break
            marks = Sentence(ranked.question, unit.text, unit.tokens).candidates()
            scores = [weights.mark(mark.features) for mark in marks]
            if not scores or share(scores) < weights.mark_least:
                continue
            at = max(range(len(scores)), key=scores.__getitem__)
            total = ranked.scores[k] + MARK_SHARE * scores[at]
            if best is None or total > best[0]:
                best = (total, k, marks[at].start, marks[at].end)
        return tuple(
            Extract(
                unit.n,
                unit.start,
                unit.end,
                unit.text,
                ((unit.start + best[2], unit.start + best[3]),) if best and best[1] == k else (),
            )
            for k, unit in enumerate(chosen)
        )


MARK_SHARE = 0.3
"""How much the fit of the marked words counts beside the sentence's, to choose where to mark."""


def share(scores: Sequence[float]) -> float:
    """The share of belief (softmax) that the best of some scores has."""
    best = max(scores)
    return 1 / sum(exp(max(-60.0, s - best)) for s in scores)

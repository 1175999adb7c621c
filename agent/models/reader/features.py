"""What speaks for a sentence as the answer, as numbers. How much each counts is in `weights.json`.

All features lie in about [0, 1] and mean the same in every library, so that weights fitted on one
corpus carry over; raw BM25 scores do not, and are not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

from agent.models.reader.question import Question
from agent.models.reader.shapes import of_kind
from agent.models.reader.words import Token, alike

if TYPE_CHECKING:
    from agent.models.reader.units import Unit
    from knowledge.types import Passage

RANK_FEATURES = (
    "words",
    "words_around",
    "words_passage",
    "words_local",
    "pairs",
    "form",
    "passage_score",
    "passage_first",
    "dense",
    "dense_around",
    "dense_passage",
)


class Overlap:
    """Which of a question's terms stand in which unit, and in what surrounds it."""

    def __init__(self, question: Question, units: Sequence[Unit]) -> None:
        self.question = question
        self.units = units
        terms = [t.stem for t in question.terms]
        self.inside = [best(terms, u.tokens) for u in units]
        before = [best(terms, u.before) for u in units]
        after = [best(terms, u.after) for u in units]
        over = [best(terms, u.heading) for u in units]
        # Of a sentence that points back, the one before counts more.
        lean = [0.9 if u.leans else 0.5 for u in units]
        self.around = [
            [max(i, k * b, 0.4 * a, 0.7 * o) for i, b, a, o in zip(*rows, strict=True)]
            for rows, k in zip(
                zip(self.inside, before, after, over, strict=True), lean, strict=True
            )
        ]
        passages = {u.n for u in units}
        self.passage = {
            n: [
                max(
                    (
                        max(row[t], head[t])
                        for row, head, u in zip(self.inside, over, units, strict=True)
                        if u.n == n
                    )
                )
                for t in range(len(terms))
            ]
            for n in passages
        }
        count = len(units)
        seen = [sum(row[t] > 0.5 for row in self.inside) for t in range(len(terms))]
        self.local = [
            w * log(1 + count / (1 + s)) / log(1 + count)
            for w, s in zip(question.weights, seen, strict=True)
        ]

    def share(self, matches: Sequence[float], weights: Sequence[float]) -> float:
        """The weighted share of terms that are matched, in [0, 1]."""
        whole = sum(weights)
        return sum(m * w for m, w in zip(matches, weights, strict=True)) / whole if whole else 0.0


def best(terms: Sequence[str], words: Sequence[Token]) -> list[float]:
    """For each term the best likeness to any of the words."""
    stems = {w.stem for w in words}
    return [1.0 if t in stems else max((alike(t, s) for s in stems), default=0.0) for t in terms]


def rank_features(
    overlap: Overlap,
    i: int,
    passages: Sequence[Passage],
    dense: float = 0.0,
    dense_around: float = 0.0,
    dense_passage: float = 0.0,
) -> list[float]:
    """The features of unit `i`, in the order of `RANK_FEATURES`.

    Args:
        overlap: Of the question with all units.
        i: Which unit.
        passages: All of them, in the order of their numbers.
        dense: Cosine of question and sentence. All three are 0 where there is no embedder.
        dense_around: Cosine of the question and the sentence with the one before it.
        dense_passage: Cosine of question and passage.
    """
    question, unit = overlap.question, overlap.units[i]
    inside = overlap.inside[i]
    passage = passages[unit.n - 1]
    weights = question.weights
    return [
        overlap.share(inside, weights),
        overlap.share(overlap.around[i], weights),
        overlap.share(overlap.passage[unit.n], weights),
        overlap.share(inside, overlap.local),
        _pairs(question, unit),
        has_form(question, unit),
        passage.score,
        1.0 / unit.n,
        dense,
        dense_around,
        dense_passage,
    ]


def has_form(question: Question, unit: Unit) -> float:
    """Whether the sentence holds, beyond the question's own words, what has the asked form."""
    if question.kind not in ("date", "number", "person", "place", "reason", "way"):
        return 0.5
    asked = {t.stem for t in question.tokens}
    for start, end in of_kind(question.kind, unit.text):
        within = [t for t in unit.tokens if t.start >= start and t.end <= end]
        if any(t.content and t.stem not in asked for t in within):
            return 1.0
    return 0.0


def _pairs(question: Question, unit: Unit) -> float:
    """The share of the question's neighbouring terms that stand near each other here too."""
    words = [t for t in question.tokens if t.content]
    if len(words) < 2:
        return 0.0
    places: dict[str, list[int]] = {}
    for at, token in enumerate(unit.tokens):
        places.setdefault(token.stem, []).append(at)
    pairs = list(pairwise(words))
    near = sum(
        any(0 < y - x <= 2 for x in places.get(a.stem, ()) for y in places.get(b.stem, ()))
        for a, b in pairs
    )
    return near / len(pairs)

"""Whether the passages answer at all: what of the best sentences speaks for it, as numbers.

Means the same in every library: it uses cosines and shares of words, never scores that are only
comparable within one result list.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.models.reader.features import RANK_FEATURES, Overlap

CONFIDENCE_FEATURES = (
    "score",
    "words",
    "words_around",
    "words_passage",
    "words_two",
    "words_any",
    "names",
    "pairs",
    "form",
    "dense",
    "dense_passage",
    "dense_best",
    "dense_passage_best",
    "lead",
    "missing",
    "missing_here",
    "name_missing",
    "name_missing_here",
    "terms",
    "negated",
)

_AT = {name: at for at, name in enumerate(RANK_FEATURES)}


def confidence_features(
    overlap: Overlap, order: Sequence[int], rows: Sequence[Sequence[float]], scores: Sequence[float]
) -> list[float]:
    """The features of a question, in the order of `CONFIDENCE_FEATURES`.

    Args:
        overlap: Of the question with the units.
        order: Units that were ranked, best first; not empty.
        rows: Rank features of each of them, in that order.
        scores: Rank scores, in that order.
    """
    question = overlap.question
    top, row = order[0], rows[0]
    here = overlap.passage[overlap.units[top].n]
    anywhere = [max(column) for column in zip(*overlap.passage.values(), strict=True)]
    two = overlap.inside[top]
    if len(order) > 1:
        two = [max(pair) for pair in zip(two, overlap.inside[order[1]], strict=True)]

    def missing(matches: Sequence[float]) -> float:
        pairs = zip(matches, question.weights, strict=True)
        return max((weight * (1 - match) for match, weight in pairs), default=0.0)

    def unnamed(matches: Sequence[float]) -> float:
        return max((1 - matches[k] for k in question.names), default=0.0)

    return [
        scores[0] / 10,
        row[_AT["words"]],
        row[_AT["words_around"]],
        row[_AT["words_passage"]],
        overlap.share(two, question.weights),
        max(r[_AT["words_passage"]] for r in rows),
        row[_AT["names"]],
        row[_AT["pairs"]],
        row[_AT["form"]],
        row[_AT["dense"]],
        row[_AT["dense_passage"]],
        max(r[_AT["dense"]] for r in rows),
        max(r[_AT["dense_passage"]] for r in rows),
        (scores[0] - scores[1]) / 5 if len(scores) > 1 else 0.0,
        missing(anywhere),
        missing(here),
        unnamed(anywhere),
        unnamed(here),
        min(1.0, len(question.terms) / 8),
        float(question.negated),
    ]

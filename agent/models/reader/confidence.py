"""Whether the passages answer at all: what of the best sentences speaks for it, as numbers.

Means the same in every library: it uses cosines and shares of words, never scores that are only
comparable within one result list. A name of the question that no passage holds is not taken for
proof: what is asked of a speech names the speaker, and the speech says `I` (docs/LOG.md).
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
    "dense",
    "dense_passage",
    "dense_best",
    "dense_passage_best",
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
    two = overlap.inside[top]
    if len(order) > 1:
        two = [max(pair) for pair in zip(two, overlap.inside[order[1]], strict=True)]
    return [
        scores[0] / 10,
        row[_AT["words"]],
        row[_AT["words_around"]],
        row[_AT["words_passage"]],
        overlap.share(two, question.weights),
        max(r[_AT["words_passage"]] for r in rows),
        row[_AT["dense"]],
        row[_AT["dense_passage"]],
        max(r[_AT["dense"]] for r in rows),
        max(r[_AT["dense_passage"]] for r in rows),
        float(question.negated),
    ]

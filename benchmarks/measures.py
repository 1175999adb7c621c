"""How good a ranking is, for one query: of documents by grades, or of spans by reference spans.

Pure functions; what is ranked, and by what, is not said here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2

Range = tuple[int, int]
"""Half-open range of characters."""


def ndcg(ranked: Sequence[str], grades: Mapping[str, float], depth: int = 10) -> float:
    """Normalised discounted cumulative gain, with the grade as the gain (Järvelin and Kekäläinen).

    As trec_eval's `ndcg_cut`, which BEIR uses: a document at rank r is discounted by log2(r + 1).

    Args:
        ranked: Document ids, best first, each once.
        grades: The judged documents; a grade of 0 or less is not relevant.
        depth: How many ranks are looked at.
    """
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:depth]
    gains = [max(0.0, grades.get(document, 0.0)) for document in ranked[:depth]]
    best = _discounted(ideal)
    return _discounted(gains) / best if best else 0.0


def recall(ranked: Sequence[str], grades: Mapping[str, float], depth: int) -> float:
    """The share of the relevant documents that is among the first `depth`."""
    relevant = {document for document, grade in grades.items() if grade > 0}
    return len(relevant.intersection(ranked[:depth])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranked: Sequence[str], grades: Mapping[str, float], depth: int = 10) -> float:
    """1 over the rank of the first relevant document; 0 where none is among the first `depth`."""
    for rank, document in enumerate(ranked[:depth], start=1):
        if grades.get(document, 0.0) > 0:
            return 1 / rank
    return 0.0


def span_scores(found: Sequence[Range], references: Sequence[Range]) -> tuple[float, float]:
    """Recall and intersection over union of characters, as chunking_evaluation defines them.

    Args:
        found: The passages found in the references' own text; elsewhere, a range that meets none.
            They count in full each, so overlapping passages are paid for twice.
        references: What answers the question; they do not overlap.

    Returns:
        The share of the references' characters that was found, and those characters over the sum
        of the passages' lengths and of the reference characters not found.
    """
    wanted = sum(end - start for start, end in references)
    covered = sum(
        end - start
        for reference in references
        for start, end in _merged([_meet(reference, passage) for passage in found])
    )
    union = sum(end - start for start, end in found) + wanted - covered
    return covered / wanted if wanted else 0.0, covered / union if union else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def _meet(a: Range, b: Range) -> Range:
    start = max(a[0], b[0])
    return start, max(start, min(a[1], b[1]))


def _merged(ranges: Sequence[Range]) -> list[Range]:
    """Ranges without overlap that cover the same characters."""
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged

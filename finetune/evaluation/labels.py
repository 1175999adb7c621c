"""How well labels are told: accuracy, precision, recall, F1 and the confusion of each with each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from finetune.evaluation import intervals
from finetune.evaluation.results import Labels, OfLabel


def compare(
    split: str,
    labels: Sequence[str],
    trained: Sequence[str],
    truth: Sequence[str],
    given: Sequence[str],
) -> Labels:
    """What was given against what is true.

    Args:
        split: Where the rows are from.
        labels: The classes.
        trained: The labels of the training rows.
        truth: Of each row, at least one.
        given: Of each row.
    """
    place = {label: number for number, label in enumerate(labels)}
    confusion = [[0] * len(labels) for _ in labels]
    for true, told in zip(truth, given, strict=True):
        confusion[place[true]][place[told]] += 1
    by_label = [_of_label(label, number, confusion) for number, label in enumerate(labels)]
    commonest = Counter(trained).most_common(1)[0][0]
    # A label that no held-out row has says nothing of how well it is told.
    seen = [one for one in by_label if one.rows]
    return Labels(
        split=split,
        rows=len(truth),
        accuracy=intervals.share([a == b for a, b in zip(truth, given, strict=True)]),
        commonest=commonest,
        commonest_accuracy=sum(label == commonest for label in truth) / len(truth),
        precision=sum(one.precision for one in seen) / len(seen),
        recall=sum(one.recall for one in seen) / len(seen),
        f1=sum(one.f1 for one in seen) / len(seen),
        by_label=by_label,
        confusion=confusion,
    )


def _of_label(label: str, number: int, confusion: Sequence[Sequence[int]]) -> OfLabel:
    right, rows = confusion[number][number], sum(confusion[number])
    told = sum(row[number] for row in confusion)
    precision = right / told if told else 0.0
    recall = right / rows if rows else 0.0
    both = precision + recall
    return OfLabel(label, precision, recall, 2 * precision * recall / both if both else 0.0, rows)

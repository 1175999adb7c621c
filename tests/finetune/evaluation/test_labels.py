from __future__ import annotations

import random

import pytest

from finetune.evaluation import labels


def test_the_figures_are_those_of_scikit_learn() -> None:
    from sklearn import metrics

    draw = random.Random(1)
    names = ["a", "b", "c"]
    truth = draw.choices(names, (5, 3, 1), k=60)
    given = [draw.choice((label, draw.choice(names))) for label in truth]
    found = labels.compare("test", names, truth, truth, given)
    assert found.accuracy.value == pytest.approx(metrics.accuracy_score(truth, given))
    assert found.confusion == metrics.confusion_matrix(truth, given, labels=names).tolist()
    by_sklearn = metrics.precision_recall_fscore_support(truth, given, average="macro")
    assert (found.precision, found.recall, found.f1) == pytest.approx(by_sklearn[:3])
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high
    assert (found.commonest, found.commonest_accuracy) == ("a", truth.count("a") / 60)


def test_a_label_that_is_never_given_has_no_precision_and_one_without_rows_does_not_count() -> None:
    found = labels.compare("test", ["a", "b", "c"], ["a"], ["a", "b"], ["a", "a"])
    by_label = {one.label: (one.precision, one.recall, one.f1, one.rows) for one in found.by_label}
    assert by_label == {"a": (0.5, 1, 2 / 3, 1), "b": (0, 0, 0, 1), "c": (0, 0, 0, 0)}
    assert found.recall == 0.5

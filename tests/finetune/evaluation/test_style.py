from __future__ import annotations

import pytest

from finetune.evaluation import pools
from finetune.evaluation.measures import Classifier, CosineDelta
from finetune.evaluation.style import compare
from tests.finetune.evaluation.conftest import written


def test_texts_are_pooled_until_they_are_long_enough() -> None:
    assert pools.pool([3, 4, 9, 1], 5) == [[0, 1], [2]]
    assert pools.pool([1, 1], 5) == [[0, 1]]


def test_samples_get_shorter_where_there_is_little_text_and_too_little_gives_none() -> None:
    assert pools.size([[["word"] * 4000], [["word"] * 1500]]) == 300
    assert pools.size([[["word"] * 4000], [["word"] * 500]]) == 100
    assert pools.size([[["word"] * 4000], [["word"] * 200]]) == 0


def test_words_are_those_of_any_alphabet_without_marks_and_numbers() -> None:
    assert pools.words("“Don’t go,” said Zoë at 10:30 — Жук!") == [
        "don't",
        "go",
        "said",
        "zoë",
        "at",
        "жук",
    ]


def test_the_shorter_side_says_how_much_is_learnt_of_both() -> None:
    one, two = pools.as_long([["a"] * 10] * 5, [["b"] * 4] * 5)
    assert (len(one), len(two)) == (2, 5)


@pytest.mark.parametrize("name", ["classifier", "delta"])
def test_both_measures_tell_two_manners_apart_and_place_what_is_between(name: str) -> None:
    pairs = zip(written(0, 30, seed=3), written(1, 30, seed=3), strict=True)
    mixed = [text for pair in pairs for text in pair]
    found = compare(
        written(0, 80),
        written(1, 80),
        {"voice": written(0, 60, seed=1), "before": written(1, 60, seed=2), "after": mixed},
        repeats=100,
    )
    assert found is not None
    assert found.right(name) == 1  # type: ignore[arg-type]
    assert name in found.trusted
    way = found.way(name)  # type: ignore[arg-type]
    assert way is not None
    assert 0.2 < way < 0.8
    for judged in found.measures[name].values():  # type: ignore[index]
        assert -1 <= judged.score.low <= judged.score.value <= judged.score.high <= 1


def test_a_measure_that_cannot_tell_the_sides_is_not_trusted() -> None:
    same = {"voice": written(0, 60, seed=1), "before": written(0, 60, seed=2)}
    found = compare(written(0, 80), written(0, 80, seed=4), same, repeats=50)
    assert found is not None
    assert found.trusted == []


def test_a_pool_scores_as_its_texts_put_together() -> None:
    one, two = ([pools.words(text) for text in written(manner, 40)] for manner in (0, 1))
    texts = [pools.words(text) for text in written(0, 3, seed=9)]
    delta = CosineDelta(one, two, 60)
    together = delta.counts([[word for text in texts for word in text]])
    assert delta.scores(delta.counts(texts).sum(axis=0, keepdims=True)) == pytest.approx(
        delta.scores(together)
    )


def test_no_text_gives_no_style() -> None:
    groups = {"voice": written(0, 60), "before": ["", "…"], "after": written(0, 60)}
    assert compare(written(0, 80), written(1, 80), groups) is None


def test_the_classifier_gives_a_score_for_words_that_it_never_saw() -> None:
    sides = [[pools.words(text) for text in written(manner, 20)] for manner in (0, 1)]
    told = Classifier(*sides, 60)
    (score,) = told.scores(told.counts([["quux"]]))
    assert -1 <= score <= 1

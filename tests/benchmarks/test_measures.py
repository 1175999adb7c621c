from math import log2

import pytest

from benchmarks.measures import ndcg, recall, reciprocal_rank, span_scores

GRADES = {"a": 2.0, "b": 1.0, "c": 1.0, "unfit": 0.0, "harmful": -1.0}


def test_a_document_counts_by_its_grade_and_less_the_lower_it_stands() -> None:
    gained = 1 / log2(2) + 2 / log2(4)
    best = 2 / log2(2) + 1 / log2(3) + 1 / log2(4)
    assert ndcg(["b", "x", "a"], GRADES) == pytest.approx(gained / best)


def test_the_best_order_is_worth_one_and_a_negative_grade_costs_nothing() -> None:
    assert ndcg(["a", "b", "c"], GRADES) == pytest.approx(1.0)
    assert ndcg(["a", "c", "b", "harmful", "unfit"], GRADES) == pytest.approx(1.0)


def test_only_the_first_ten_count_of_the_ranking_and_of_the_ideal() -> None:
    many = {str(n): 1.0 for n in range(20)}
    assert ndcg([str(n) for n in range(10)], many) == pytest.approx(1.0)
    assert ndcg(["x"] * 10 + ["1"], many) == 0.0


def test_recall_is_of_all_relevant_documents_also_beyond_the_depth() -> None:
    assert recall(["x", "a", "unfit", "b", "y", "c"], GRADES, 5) == pytest.approx(2 / 3)
    assert recall(["x", "a", "unfit", "b", "y", "c"], GRADES, 10) == 1.0


def test_the_reciprocal_rank_is_of_the_first_relevant_document() -> None:
    assert reciprocal_rank(["unfit", "x", "c", "a"], GRADES) == pytest.approx(1 / 3)
    assert reciprocal_rank(["x"] * 10 + ["a"], GRADES) == 0.0


def test_a_query_without_a_relevant_document_scores_nothing() -> None:
    assert ndcg(["a"], {"a": 0.0}) == recall(["a"], {}, 5) == reciprocal_rank([], {}) == 0.0


def test_spans_are_scored_by_the_characters_found() -> None:
    share, overlap = span_scores([(0, 100), (150, 250)], [(90, 110), (200, 220)])
    assert share == pytest.approx(30 / 40)
    assert overlap == pytest.approx(30 / (200 + 10))


def test_characters_found_twice_are_found_once_and_paid_for_twice() -> None:
    share, overlap = span_scores([(0, 100), (50, 150)], [(40, 80)])
    assert share == 1.0
    assert overlap == pytest.approx(40 / 200)


def test_a_passage_of_another_text_finds_nothing_and_still_costs() -> None:
    assert span_scores([(-101, -1)], [(0, 100)]) == (0.0, 0.0)
    share, overlap = span_scores([(-101, -1), (0, 100)], [(0, 100)])
    assert (share, overlap) == (1.0, pytest.approx(100 / 200))

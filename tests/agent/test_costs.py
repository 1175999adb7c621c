from __future__ import annotations

import math
from dataclasses import replace

import pytest

from agent.messages import FREE, Price
from agent.modes.costs import (
    PASSAGE,
    PROMPT,
    Case,
    agentic,
    break_even,
    cag,
    dollars,
    naive,
)

TENTH = Price(input=1e-6, output=4e-6, cached=1e-7, written=1.25e-6, source="a list")
CASE = Case(question=20, library=8000, passages=8, price=TENTH, answer=100)


def test_a_search_puts_its_passages_into_the_prompt_and_never_more_than_there_is() -> None:
    assert CASE.retrieved == 8 * PASSAGE
    assert replace(CASE, passage=100).retrieved == 800
    assert replace(CASE, library=50).retrieved == 50


def test_retrieval_costs_what_its_prompt_and_answer_cost() -> None:
    got = naive(CASE)
    assert (got.calls, got.prompt) == (1, PROMPT + 20 + 8 * PASSAGE)
    assert got.cost == pytest.approx(got.prompt * 1e-6 + 100 * 4e-6)
    assert got.spread == got.cost


def test_a_library_that_is_held_is_read_at_the_cached_price() -> None:
    got = cag(replace(CASE, held=True))
    assert (got.cached, got.written) == (8000, 0)
    assert got.cost == pytest.approx(8000 * 1e-7 + (PROMPT + 20) * 1e-6 + 100 * 4e-6)


def test_a_library_that_is_not_held_is_written_once_and_read_from_the_cache_thereafter() -> None:
    once, often = cag(CASE), cag(replace(CASE, asks=5))
    rest = (PROMPT + 20) * 1e-6 + 100 * 4e-6
    assert once.cost == once.spread == pytest.approx(8000 * 1.25e-6 + rest)
    assert often.cost == once.cost
    assert often.spread == pytest.approx(8000 * (1.25e-6 + 4 * 1e-7) / 5 + rest)


def test_a_loop_is_called_before_each_search_and_sees_what_was_found_before() -> None:
    one, two = agentic(CASE), agentic(replace(CASE, searches=2))
    assert (one.calls, one.steps) == (2, 3)
    assert (two.calls, two.steps) == (3, 5)
    assert two.prompt - one.prompt > 2 * CASE.retrieved
    assert naive(CASE).cost < one.cost < two.cost


def test_a_policy_searches_for_a_model_without_tools_which_is_called_once() -> None:
    got = agentic(replace(CASE, searches=3, tools=False))
    assert (got.calls, got.steps, got.prompt) == (1, 4, naive(CASE).prompt)


def test_a_model_without_tokens_uses_none() -> None:
    for mode in (naive, agentic, cag):
        got = mode(replace(CASE, tokens=False))
        assert (got.prompt, got.cached, got.written, got.answer, got.cost) == (0, 0, 0, 0, 0)
        assert got.calls > 0


def test_at_a_tenth_of_the_price_reading_is_cheaper_below_ten_times_what_is_retrieved() -> None:
    even = break_even(CASE).library
    assert even == pytest.approx(10 * CASE.retrieved)
    below, above = (replace(CASE, library=round(even) + d, held=True) for d in (-10, 10))
    assert cag(below).cost < naive(below).cost
    assert cag(above).cost > naive(above).cost


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_the_break_even_follows_the_price(share: float) -> None:
    price = replace(TENTH, cached=TENTH.input * share)
    assert break_even(replace(CASE, price=price)).library == pytest.approx(CASE.retrieved / share)


def test_the_first_reading_pays_after_the_number_of_questions_that_is_told() -> None:
    asks = break_even(CASE).asks
    assert asks is not None
    for n, pays in ((asks - 1, False), (asks, True)):
        case = replace(CASE, asks=n)
        assert (cag(case).spread <= naive(case).spread) is pays


def test_a_library_beyond_the_break_even_never_pays() -> None:
    assert break_even(replace(CASE, library=100_000)).asks is None
    flat = Price(input=1e-6, output=1e-6, cached=1e-6, written=1e-6)
    assert break_even(replace(CASE, price=flat)).asks is None
    assert break_even(replace(CASE, price=flat, library=100)).asks == 1


def test_what_is_free_to_keep_is_free_to_read_again() -> None:
    assert math.isinf(break_even(replace(CASE, price=FREE)).library)


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (0, "$0"),
        (0.00083, "$0.00083"),
        (0.011, "$0.011"),
        (0.25, "$0.25"),
        (1.2, "$1.20"),
        (36, "$36.00"),
        (1e-9, "less than $0.000001"),
    ],
)
def test_dollars_are_told_to_two_digits_that_count(cost: float, text: str) -> None:
    assert dollars(cost) == text

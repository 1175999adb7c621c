from __future__ import annotations

import pytest

from agent.support import ENOUGH, numbers, support

PASSAGE = (
    "Acme Ltd was founded in 1987. It sold 1,200 looms a year. "
    "The company never paid a dividend. Nine mills closed when Jane Roe left."
)


def score(claim: str) -> float:
    found = support(claim, PASSAGE, "Annual report")
    assert found is not None
    return found.score


@pytest.mark.parametrize(
    "claim",
    [
        "Acme was founded in 1987.",
        "According to the report, it sells 1200 looms each year.",
        "The company did not pay dividends.",
        "When Jane Roe left, 9 mills were closed.",
    ],
)
def test_a_paraphrase_is_supported(claim: str) -> None:
    assert score(claim) >= ENOUGH


@pytest.mark.parametrize(
    "claim",
    [
        "Acme was founded in 1988.",
        "The company paid a dividend every year to its owners.",
        "Acme was not founded in 1987.",
        "Globex Corporation bought Initech in London.",
        "",
    ],
)
def test_another_claim_is_not(claim: str) -> None:
    assert score(claim) < ENOUGH


def test_the_sentences_that_say_it_are_pointed_at() -> None:
    found = support("Acme, founded in 1987, sold 1,200 looms a year.", PASSAGE)
    assert found is not None
    assert PASSAGE[found.span.start : found.span.end] == (
        "Acme Ltd was founded in 1987. It sold 1,200 looms a year."
    )


def test_a_passage_without_a_sentence_supports_nothing() -> None:
    assert support("Acme.", " \n") is None


def test_numbers_are_read_without_separators_of_thousands() -> None:
    assert numbers("1,200 and 03 and 1.5 and 12,5") == {"1200", "3", "1.5", "12,5"}

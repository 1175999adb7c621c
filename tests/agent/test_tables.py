"""A number of a table belongs to its row."""

from __future__ import annotations

import pytest

from agent.support import ENOUGH, support

FEES = (
    "The deposit is £150.\n\n| Room | Capacity | Residents | Others |\n|---|---|---|---|\n"
    "| Main hall | 180 | £28.00 | £41.00 |\n| Garden room | 40 | £14.50 | £21.00 |\n"
    "| Kitchen | – | £9.00 | £13.00 |"
)
CREW = (
    "rank: Master | name: Ingrid Solheim | joined: 2025-02-11\n"
    "rank: Bosun | name: Joel Barrientos | joined: 2024-12-30"
)
SHIP = (
    "Length overall | 88.6 m\nBeam | 13.2 m\nMain engine | 2,640 kW\nService speed | 12.5 knots\n"
)

PRICES = "| Plan | 2023 | 2024 |\n| --- | --- | --- |\n| Basic | 10 | 12 |\n| Pro | 20 | 25 |"


def score(claim: str, passage: str) -> float:
    found = support(claim, passage)
    assert found is not None
    return found.score


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("The garden room costs residents £28.00.", FEES),
        ("The kitchen has a capacity of 40.", FEES),
        ("Joel Barrientos joined on 2025-02-11.", CREW),
        ("The main engine makes 12.5 knots.", SHIP),
        ("Pro was 10 in 2023.", PRICES),
    ],
)
def test_a_number_of_another_row_than_the_one_named_is_not_supported(
    claim: str, passage: str
) -> None:
    assert score(claim, passage) < ENOUGH


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("The garden room costs residents £14.50.", FEES),
        ("The hall costs residents £28.00, the garden room £14.50.", FEES),
        ("Residents pay £28.00.", FEES),
        ("The kitchen's deposit is £150.", FEES),
        ("Joel Barrientos joined on 2024-12-30.", CREW),
        ("She has a length of 88.6 m and a beam of 13.2 m.", SHIP),
        ("Her main engine gives her a speed of 12.5 knots.", SHIP),
        ("Pro was 20 in 2023 and is 25 in 2024.", PRICES),
    ],
)
def test_numbers_of_the_rows_spoken_of_and_of_the_text_beside_are(claim: str, passage: str) -> None:
    assert score(claim, passage) >= ENOUGH

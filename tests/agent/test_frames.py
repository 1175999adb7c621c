"""What a passage does not say as a fact: under a condition, in a story, by a forgery."""

from __future__ import annotations

import pytest

from agent.frames import framed, supposes
from agent.support import ENOUGH, support


def score(claim: str, passage: str) -> float:
    found = support(claim, passage)
    assert found is not None
    return found.score


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("The valve had failed.", "If the valve had failed, the town would have been flooded."),
        ("The town was flooded.", "If the valve had failed, the town would have been flooded."),
        ("The town was flooded.", "Had the valve failed, the town would have been flooded."),
        ("The pump fails in winter.", "If the pump fails in winter, the alarm sounds."),
        ("The tower was built in 1890.", "They asked if the tower was built in 1890."),
        (
            "The tower was built in 1750.",
            "According to a forged letter, the tower was built in 1750.",
        ),
        ("The tower was built in 1750.", "A fake charter says that the tower was built in 1750."),
        (
            "The tower was built in 1750.",
            "The charter, which was forged, says that the tower was built in 1750.",
        ),
        ("The village was lost.", "The village would be lost if the dam broke."),
        ("The keeper drowned in 1902.", "In the novel, the keeper drowned in 1902."),
        ("The keeper drowned.", "In Anna Holm's novel The Sea, the keeper drowned."),
        ("The keeper drowned in 1902.", "The keeper drowned in 1902 in her novel."),
        ("The keeper drowned in 1902.", "According to local legend, the keeper drowned in 1902."),
        ("The keeper drowned in 1902.", "Legend has it that the keeper drowned in 1902."),
        ("The keeper drowned in 1902.", "She dreamed that the keeper drowned in 1902."),
    ],
)
def test_what_is_said_in_a_frame_does_not_bear_out_a_plain_claim(claim: str, passage: str) -> None:
    assert score(claim, passage) < ENOUGH


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("The town would have been flooded if the valve had failed.",
         "If the valve had failed, the town would have been flooded."),
        ("The alarm sounds when the pump fails.", "If the pump fails, the alarm sounds."),
        ("The alarm sounds.", "The alarm sounds if the pump fails."),
        ("In the novel the keeper drowned.", "In the novel, the keeper drowned in 1902."),
        ("A forged letter gives 1750 as the year of the tower.",
         "According to a forged letter, 1750 is the year of the tower."),
        ("The dam broke in 1911.",
         "The dam, which would have been repaired in 1912, broke in 1911."),
        ("Holm starred in Sea in 1961.", "Holm starred in the film Sea in 1961."),
        ("Holm worked in Oslo.", "Holm worked in films in Oslo."),
        ("12 people died.", "According to the police, 12 people died."),
        ("The blade is of forged steel.", "The blade is made of forged steel."),
        ("The tower was built in 1890.",
         "The tower was built in 1890. With more money, a house would have been built, too."),
        ("Holm wrote the novel in 1901.", "Holm wrote the novel in 1901, and it sold well."),
    ],
)  # fmt: skip
def test_a_claim_in_the_same_frame_or_of_what_stands_beside_it_is_borne_out(
    claim: str, passage: str
) -> None:
    assert score(claim, passage) >= ENOUGH


def test_a_text_that_says_nothing_as_a_fact_is_told_from_one_that_does() -> None:
    assert framed("If it had been built in 1890, it would have burned.")
    assert framed("According to a forged letter, it was built in 1750.")
    assert not framed("It was built in 1890.")
    assert framed("The village would be lost if the dam broke.")
    assert not framed("A lamp needs 3 l of oil, but would need more if it were larger.")
    assert not framed("It is shut if the wind is strong.")


def test_a_question_may_ask_for_what_is_no_fact() -> None:
    assert supposes("What happens if the pump fails?")
    assert supposes("Who drowns in the novel?")
    assert not supposes("When was the tower built?")

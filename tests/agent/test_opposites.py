"""Claims that say the opposite of a passage with its very words, and claims that only seem to."""

from __future__ import annotations

import pytest

from agent.support import ENOUGH, contradicts, support


def score(claim: str, passage: str) -> float:
    found = support(claim, passage)
    assert found is not None
    return found.score


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("The price of salt rose in 1843.", "The price of salt fell in 1843."),
        ("Exports increased by 4 % in Lund.", "In Lund exports decreased by 4 %."),
        ("The mill employs more men than the mine.", "The mill employs fewer men than the mine."),
        ("The tower was finished after the war.", "The tower was finished before the war."),
        ("Before the war, the tower was finished.", "The tower was finished after the war."),
        ("Ada Brown won the election of 1902.", "Ada Brown lost the election of 1902."),
        ("The council accepted the plan of Holm.", "The council rejected the plan of Holm."),
        ("Sales went up in 2019.", "Sales went down in 2019."),
        ("The river is deeper than the lake.", "The river is shallower than the lake."),
        ("The railway opened in 1904.", "The railway closed in 1904."),
        ("The law permits fishing in the harbour.", "The law forbids fishing in the harbour."),
        ("The first keeper was Tom Reed.", "The last keeper was Tom Reed."),
        ("The council granted the permit of Holm.", "The council refused the permit of Holm."),
        ("The motion of Holm was carried in May.", "The motion of Holm was defeated in May."),
    ],
)  # fmt: skip
def test_the_opposite_in_the_same_words_is_not_supported(claim: str, passage: str) -> None:
    assert score(claim, passage) < ENOUGH
    assert score(passage, claim) < ENOUGH


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("Seven years of work went before it was lit.", "It was lit after seven years of work."),
        ("After the fire, the mill closed.", "Before the mill closed, there was the fire."),
        ("The mine employs fewer people than the mill.",
         "The mill employs more people than the mine."),
        ("Prices rose in 1843.", "Prices rose in 1843 and fell in the year after."),
        ("Ada Brown lost to Tom Reed in 1902.", "In 1902 Tom Reed won against Ada Brown."),
        ("Rose Fell kept the light in 1902.", "Rose Fell kept the light until the end of 1902."),
        ("The plan was accepted in the end.", "In the end the plan was not rejected."),
        ("The water rose by 4 m.", "The water, higher than ever, had risen by 4 m."),
        ("The lamp burns for more than 10 hours.",
         "The lamp burns for over 10 hours, less than the old one."),
        ("Exports increased.", "Exports grew, while imports fell."),
    ],
)  # fmt: skip
def test_what_is_the_same_seen_from_the_other_side_is_no_opposite(claim: str, passage: str) -> None:
    assert not contradicts(claim, passage)

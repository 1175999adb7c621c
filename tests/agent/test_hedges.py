"""What a passage only hopes, plans, believes, asks or holds possible, and what it says of some."""

from __future__ import annotations

import pytest

from agent.support import ENOUGH, contradicts, support

BUILT = "The lighthouse was built in 1750."


def score(claim: str, passage: str) -> float:
    found = support(claim, passage)
    assert found is not None
    return found.score


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("The herb cures fever.", "The herb may cure fever."),
        ("The herb of Skarholm cures fever.", "The herb of Skarholm might cure fever in winter."),
        ("The drug cures cancer.", "The drug could cure cancer."),
        ("The tower was demolished in 1950.",
         "The council planned to have the tower demolished in 1950."),
        ("The drug cures cancer.", "The company hopes that the drug cures cancer."),
        ("The bridge opened in 1990.", "The bridge was expected to be opened in 1990."),
        (BUILT, "Many believe the lighthouse was built in 1750, but it was built in 1887."),
        (BUILT, "Some people claim the lighthouse was built in 1750."),
        (BUILT, "The lighthouse is thought to have been built in 1750."),
        (BUILT, "The lighthouse could have been built in 1750."),
        (BUILT, "The lighthouse was probably built in 1750."),
        (BUILT, "The lighthouse was built in 1750?"),
        (BUILT, "Was the lighthouse built in 1750?"),
        ("The bridge opened in 1990.", "The bridge was due to open in 1990."),
        ("The tower was demolished in 1950.", "The tower is due to be demolished in 1950."),
        ("The cream cures cancer.", "The company claims to cure cancer."),
        ("The programme reduced waste.", "The programme aims to reduce waste."),
        ("The bridge opened in May 1990.", "The opening of the bridge is planned for May 1990."),
        ("The ship was bunkered at Bremerhaven.", "The next bunkering is planned for Bremerhaven."),
    ],
)  # fmt: skip
def test_what_is_not_said_as_a_fact_does_not_bear_out_a_plain_claim(
    claim: str, passage: str
) -> None:
    assert score(claim, passage) < ENOUGH


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("The herb might cure fever.", "The herb may cure fever."),
        ("It is possible that the herb cures fever.", "The herb may cure fever."),
        ("The council planned the demolition of the tower in 1950.",
         "The council planned to have the tower demolished in 1950."),
        ("The tower was to be demolished in 1950, as the council planned.",
         "The council planned to have the tower demolished in 1950."),
        ("It is believed that the lighthouse was built in 1750.",
         "Many believe the lighthouse was built in 1750."),
        ("The lighthouse was built in 1887.",
         "Many believe the lighthouse was built in 1750, but it was built in 1887."),
        (BUILT, "The lighthouse was built in 1750, perhaps by Anna Holm."),
        (BUILT, "When was the lighthouse built? The lighthouse was built in 1750."),
        ("The tower was opened on 3 May 1887.",
         "The tower was opened on 3 May 1887 and may be visited."),
        ("The lorry carried 300 tons.", "The lorry could carry 300 tons."),
        ("The tower was seen from afar.", "The tower could be seen from afar."),
        ("The insurance paid the claims of the miners.",
         "The insurance paid the claims of the miners."),
        ("Is it a graph?", "Is it a graph?"),
    ],
)  # fmt: skip
def test_a_claim_that_keeps_the_hedge_or_takes_what_stands_beside_it_is_borne_out(
    claim: str, passage: str
) -> None:
    assert not contradicts(claim, passage)


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("The flight was cancelled because of fog.", "The flight was cancelled due to fog."),
        ("The delay was caused by a broken rail.", "The delay was due to a broken rail."),
        ("The closure was caused by poor health.", "The closure was due to poor health."),
        ("Henry had a claim on the throne.", "Henry had a claim to the throne."),
        ("Henry gave up his claim on land.", "Henry gave up his claim to land."),
        ("The heir kept a legal claim on Lund.", "The heir kept a legal claim to Lund."),
    ],
)
def test_a_cause_or_a_title_in_words_of_a_plan_is_a_fact(claim: str, passage: str) -> None:
    assert score(claim, passage) >= ENOUGH


@pytest.mark.parametrize(
    "claim",
    [
        "The programme's goal is to reduce waste.",
        "The purpose of the programme is to reduce waste.",
        "The programme is intended to reduce waste.",
        "The programme's main objective is to reduce waste.",
    ],
)
def test_a_claim_that_names_an_aim_says_no_more_than_an_aim(claim: str) -> None:
    assert score(claim, "The programme aims to reduce waste.") >= ENOUGH


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("All ships sank in the storm.", "Some ships sank in the storm."),
        ("Most of the ships sank in the storm.", "Few of the ships sank in the storm."),
        ("All 30 ships sank in the storm.", "Of the 30 ships, some ships sank in the storm."),
        ("Every ship sank in the storm.", "Most of the ships sank in the storm."),
    ],
)
def test_what_is_said_of_some_is_not_said_of_all(claim: str, passage: str) -> None:
    assert score(claim, passage) < ENOUGH
    assert not contradicts(passage, claim)


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("All 300 ships sank.", "All 300 ships sank, some of them at night."),
        (
            "All employees get a laptop.",
            "All 120 employees get a laptop; some employees also get a phone.",
        ),
        ("Each member has a vote.", "Each of the 12 members has a vote; some members have two."),
        ("At most 12 ships sank.", "Some ships sank, at most 12."),
        ("All the people left.", "All the people of some towns left."),
        ("Most ships sank.", "All ships sank in some 3 hours."),
    ],
)
def test_of_how_many_it_is_said_is_weighed_for_one_thing_only(claim: str, passage: str) -> None:
    assert not contradicts(claim, passage)


def test_a_hedge_that_ends_its_sentence_hedges_nothing_behind_it() -> None:
    assert not contradicts(BUILT, "The lighthouse was built in 1750, perhaps.")

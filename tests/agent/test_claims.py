from __future__ import annotations

import pytest

from agent.claims import Claim, claims


def read(text: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(claim.text, claim.markers) for claim in claims(text, 3)]


def test_a_marker_belongs_to_the_sentence_it_stands_in_or_follows() -> None:
    assert read("The sky is blue [1]. The sea is green. [2] The sand is white [3]") == [
        ("The sky is blue.", (1,)),
        ("The sea is green.", (2,)),
        ("The sand is white", (3,)),
    ]


def test_a_marker_that_opens_a_line_belongs_to_that_line() -> None:
    assert read("The sky is blue.\n\n[2] The sea is green.") == [
        ("The sky is blue.", ()),
        ("The sea is green.", (2,)),
    ]
    assert read("[1] The sky is blue.") == [("The sky is blue.", (1,))]


def test_a_marker_within_a_sentence_leaves_it_whole() -> None:
    assert read("The sky [1], they say, is blue [2][1].") == [
        ("The sky, they say, is blue.", (1, 2))
    ]


def test_a_claim_knows_the_markers_of_its_paragraph_only() -> None:
    found = list(claims("The sky is blue. So is the sea [1].\n\nThe sand is white [2].", 3))
    assert found == [
        Claim("The sky is blue.", (), (1,)),
        Claim("So is the sea.", (1,), (1,)),
        Claim("The sand is white.", (2,), (2,)),
    ]


def test_what_claims_nothing_is_left_out() -> None:
    text = "# Blue skies above\n\nYes.\n\nThese are the colours of things:\n\n- blue?\n\n"
    assert read(text + "Then [1]:\n```\nsky = blue[1] + sea\n```\nThe sky is blue.") == [
        ("Then:", (1,)),
        ("The sky is blue.", ()),
    ]


@pytest.mark.parametrize("said", ["It is poisonous.", "He died.", "It has 5.", "Sugar melts."])
def test_a_subject_and_a_verb_make_a_claim(said: str) -> None:
    assert read(said) == [(said, ())]


@pytest.mark.parametrize("said", ["Yes.", "Of course!", "So it is.", "Certainly.", "", "***"])
def test_words_without_content_or_without_a_verb_claim_nothing(said: str) -> None:
    assert read(said) == []


@pytest.mark.parametrize("follows", ["", " It is old.", "\n\nIt is old."])
def test_a_line_that_ends_in_a_colon_claims_unless_a_list_or_code_follows(follows: str) -> None:
    assert read(f"The bridge is made of cheese:{follows}")[0][0].startswith("The bridge")


@pytest.mark.parametrize("block", ["\n\n- ", "\n1. ", "\n* ", "\n\n| a | b |\n", "\n```\n"])
def test_a_lead_in_to_a_list_a_table_or_code_claims_nothing(block: str) -> None:
    assert all("cheese" not in text for text, _ in read(f"The kinds of cheese:{block}gouda"))


def test_code_between_a_sentence_and_its_marker_belongs_to_the_claim() -> None:
    assert read("Run this:\n```\npip install x\n```\n[1]\n\nThe sky is blue.") == [
        ("Run this:\n```\npip install x\n```", (1,)),
        ("The sky is blue.", ()),
    ]

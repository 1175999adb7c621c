from __future__ import annotations

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
    text = "# Blue skies above\n\nYes.\n\nThese are the colours of things:\n\nIs the sky blue?\n\n"
    assert read(text + "Then [1]:\n```\nsky = blue[1] + sea\n```\nThe sky is blue.") == [
        ("Then:", (1,)),
        ("The sky is blue.", ()),
    ]


def test_code_between_a_sentence_and_its_marker_belongs_to_the_claim() -> None:
    assert read("Run this:\n```\npip install x\n```\n[1]\n\nThe sky is blue.") == [
        ("Run this:\n```\npip install x\n```", (1,)),
        ("The sky is blue.", ()),
    ]

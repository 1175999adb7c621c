from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.persona.mask import mask
from agent.persona.pieces import groups, pieces, replaced

SENTENCE = "Ada Brown paid $1,200 for 3.5 kg on 12 March 1902 at https://x.org/a [1][2]."


def test_names_numbers_units_dates_addresses_and_citations_are_taken_out() -> None:
    masked = mask(SENTENCE)
    assert masked.text == "{1} paid {2} for {3} on {4} at {5} {6}."
    assert masked.kept == (
        "Ada Brown", "$1,200", "3.5 kg", "12 March 1902", "https://x.org/a", "[1][2]"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("It said “all is lost” again.", "“all is lost”"),
        ("Run `make x` now.", "`make x`"),
        ("It is **very old** now.", "**very old**"),
        ("See agent_card.py there.", "agent_card.py"),
        ("It took twenty one days.", "twenty one days"),
        ("It was the third of them.", "third"),
        ("It was the twenty-first ship.", "twenty-first"),
        ("It took hundreds of men.", "hundreds"),
        ("It was lit twice a night.", "twice"),
        ("It grew tenfold there.", "tenfold"),
        ("He owns two thirds of it.", "two thirds"),
        ("A brace {1} stays.", "{1}"),
        ("He said ‘the lamp went out’ again.", "‘the lamp went out’"),
        ("He said 'the lamp went out' again.", "'the lamp went out'"),
        ("He said ‘I don’t know the dogs’ food’ again.", "‘I don’t know the dogs’ food’"),
        ("He said 'I don't know' again.", "'I don't know'"),
        ("He said »the lamp went out« again.", "»the lamp went out«"),
        ("He said »the lamp went out» again.", "»the lamp went out»"),
        ("He said ”the lamp went out” again.", "”the lamp went out”"),
        ("He said ›the lamp went out‹ again.", "›the lamp went out‹"),
        ("He said ‹the lamp went out› again.", "‹the lamp went out›"),
        ("He said ‚the lamp went out‘ again.", "‚the lamp went out‘"),
        ("He said 「the lamp went out」 again.", "「the lamp went out」"),
        ("He said 『the lamp went out』 again.", "『the lamp went out』"),
        ("It holds that $you + and$ is so.", "$you + and$"),
        (r"It holds that \(you + and\) is so.", r"\(you + and\)"),
        ("It holds that $$you + and$$ is so.", "$$you + and$$"),
        ("Write to a.b@example.org today.", "a.b@example.org"),
    ],
)
def test_what_no_voice_may_touch_is_taken_out(sentence: str, kept: str) -> None:
    masked = mask(sentence)
    assert kept in "".join(masked.kept)
    assert masked.restore(masked.text) == sentence


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("It was lit in **1902** there.", "“1902”"),
        ("Run `make x` now.", "“make x”"),
        ("It said “all is lost” again.", "“all is lost”"),
    ],
)
def test_what_was_left_out_is_told_without_its_markdown(sentence: str, shown: str) -> None:
    assert mask(sentence).fault("It is so.") == f"leaves out {shown}"


@pytest.mark.parametrize(
    "sentence",
    [
        "You don't and you won't.",
        "The dogs' food and the cats' food.",
        "The dogs’ food and the cats’ food, and it’s gone.",
        "You see the boss' hat and 'em both, an' so on.",
    ],
)
def test_an_apostrophe_opens_no_quotation(sentence: str) -> None:
    assert mask(sentence).kept == ()


def test_prices_are_no_formula() -> None:
    assert mask("It was $5 and then you paid $6.").text == "It was {1} and then you paid {2}."


def test_a_hole_that_is_lost_moved_repeated_or_made_up_is_told() -> None:
    masked = mask("Ada met Tom [1].")
    assert masked.kept == ("Ada", "Tom", "[1]")
    assert masked.fault("{1} met { 2 } {3}!") == ""
    assert masked.fault("{1} met {2}.") == "leaves out “[1]”"
    assert masked.fault("{2} met {1} {3}.").startswith("moves")
    assert masked.fault("{1} met {2} {3} {3}.")
    assert masked.fault("{1} met {2} {3} {4}.")
    assert masked.fault("{2} met {1} {9} {3}.")


@given(st.text())
def test_any_text_comes_back_as_it_was(text: str) -> None:
    masked = mask(text)
    assert masked.fault(masked.text) == ""
    assert masked.restore(masked.text) == text


ANSWER = """# Heading

The lamp was lit [1]. [2] It went out.

```
code is not prose. At all.
```

- One item [3].
- Another item.

| a | b |

The sources do not say who paid."""


def test_an_answer_is_cut_into_sentences_with_their_markers_and_the_rest_stays() -> None:
    found = list(pieces(ANSWER))
    assert [piece.text for piece in found] == [
        "The lamp was lit [1]. [2]", "It went out.", "One item [3].", "Another item."
    ]  # fmt: skip
    assert replaced(ANSWER, [(piece, piece.text) for piece in found]) == ANSWER
    assert [len(group) for group in groups(found, ANSWER, single=False)] == [2, 2]
    assert [len(group) for group in groups(found, ANSWER, single=True)] == [1, 1, 1, 1]


@given(st.text(alphabet="aB1. \n[]#`|-*", max_size=80))
def test_pieces_stand_in_the_answer_in_order_and_apart(text: str) -> None:
    end = 0
    for piece in pieces(text):
        assert piece.start >= end
        end = piece.end
        assert text[piece.start : piece.end] == piece.text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Run this.\n\n    you and code. And more.\n\nIt is done.", ["Run this.", "It is done."]),
        ("\tyou and code", []),
        ("- One item.\n\n    It goes on.\n  - Another.", ["One item.", "It goes on.", "Another."]),
        ("1. One item.\n\nIt is done.\n\n    you and code", ["One item.", "It is done."]),
        ("He said “It is you. It is me.” He left.", ["He left."]),
        ("So\n$$\nyou = and. And so.\n$$\nis it. It is done.", ["So", "It is done."]),
        (
            'A " stands here.\n\nIt is so.\n\nA " again.',
            ['A " stands here.', "It is so.", 'A " again.'],
        ),
    ],
    ids=["code", "tab", "list", "behind a list", "quotation", "formula", "unclosed"],
)
def test_indented_code_and_parts_of_quotations_and_formulas_stay(
    text: str, found: list[str]
) -> None:
    assert [piece.text for piece in pieces(text)] == found

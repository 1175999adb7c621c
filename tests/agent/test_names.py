from __future__ import annotations

import pytest

from agent.names import names, unknown


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Rollo burned it.", ["Rollo"]),
        ("Recently Rollo came.", ["Rollo"]),
        ("It rained. However, he came.", ["It"]),
        ("we read: “**Founded in** Rouen”.", ["Rouen"]),
        ("- Founded by Rollo", ["Rollo"]),
        ("we met Founded by chance", ["Founded"]),
        ("(  *Several* towns", []),
        ("a _Several_ b", ["Several"]),
    ],
)
def test_a_word_that_opens_a_sentence_is_a_name_only_by_its_form(
    text: str, found: list[str]
) -> None:
    assert names(text) == found


@pytest.mark.parametrize(
    "unit", ["Zorb ", "zorb Zorb, ", "Zorb. ", "Zorb.\n", "*Zorb*  ", "Zorb" * 9]
)
def test_no_text_takes_long_to_read(unit: str) -> None:
    assert names(unit * (120_000 // len(unit)))


def test_many_names_are_looked_up_in_a_long_text() -> None:
    named = [f"Zorb{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}" for i in range(20_000)]
    assert unknown(named, " ".join(f"word{chr(97 + i % 26)}" * (i % 9) for i in range(9000)))


@pytest.mark.parametrize(
    ("name", "text"),
    [("France", "the French king"), ("French", "king of France"), ("Paris", "a Parisian")],
)
def test_a_country_and_its_people_know_each_other(name: str, text: str) -> None:
    assert not unknown([name], text)
    assert unknown([name], "the Danish king")

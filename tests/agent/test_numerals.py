"""Numbers of a text, where they stand, and that a long text is read to its end."""

from __future__ import annotations

import pytest

from agent.numerals import figures, joined


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("It cost $ 1,200.", "1200", "dollar"),
        ("It fell to minus   12 degrees Celsius.", "-12", "°c"),
        ("It fell to −12 °C.", "-12", "°c"),
        ("The flats 3-12 m above it", "3", ""),
        ("It covers 1.2 million hectares.", "1200000", "hectare"),
    ],
)
def test_what_stands_before_a_number_is_seen_at_the_end_of_a_long_text(
    text: str, value: str, unit: str
) -> None:
    long = "The keeper wrote on. " * 50 + text
    first = next(iter(figures(long)))
    assert (first.value, first.unit) == (value, unit)


def test_the_power_of_a_unit_is_no_number() -> None:
    assert [figure.value for figure in figures("x " * 50 + "340 km2 and 12 m3")] == ["340", "12"]


def test_a_number_stands_where_it_says() -> None:
    text = "Of 1,200,000 men twelve hundred and five stayed."
    assert [joined(text)[f.at.start : f.at.end] for f in figures(text)] == [
        "1200000",
        "twelve hundred and five",
    ]


@pytest.mark.parametrize("text", ["one " + "hundred " * 5000, "5 " + "million " * 5000])
def test_number_words_without_end_are_no_endless_number(text: str) -> None:
    assert len(next(iter(figures(text))).value) < 50

from __future__ import annotations

import pytest

from mcp_servers.web_tools.extract_values import (
    boolean_of,
    date_of,
    moment_of,
    number_of,
    places_of,
    places_of_value,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("$1,299.00", 1299), ("1.299,00 €", 1299), ("1 299,50 kr", 1299.5), ("1'299", 1299),
        ("42 pages", 42), ("-3.5 °C", -3.5), ("−3", -3), ("1.234", 1.234), ("€ 1.234", 1234),
        ("0,125", 0.125), ("1,234", 1234), ("12,34", 12.34), ("1.234.567", 1234567),
        ("4.5 of 5", None), ("none", None), ("10–20", None), ("A4", None), ("1.2.3", None),
    ],
)  # fmt: skip
def test_one_number_is_read_however_it_is_grouped_and_of_several_none(
    text: str, number: float | None
) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2019-11-18", "2019-11-18"), ("on 18 November 2019, noon", "2019-11-18"),
        ("November 18th, 2019", "2019-11-18"), ("Nov. 18, 2019", "2019-11-18"),
        ("18.11.2019", "2019-11-18"), ("18. Nov 2019", "2019-11-18"),
        ("18 de noviembre de 2019", "2019-11-18"), ("1er août 2020", "2020-08-01"),
        ("2019年11月18日", "2019-11-18"), ("18/11/2019", "2019-11-18"),
        ("11/18/2019", "2019-11-18"),
        ("03/04/2025", None), ("31 February 2019", None), ("November 2019", None),
        ("from 1 May 2019 to 3 May 2019", None), ("2019-11-18T10:00:00Z", "2019-11-18"),
    ],
)  # fmt: skip
def test_a_day_is_read_in_many_spellings_and_an_ambiguous_one_not(
    text: str, day: str | None
) -> None:
    assert date_of(text) == day


def test_a_moment_needs_a_time_and_a_zone() -> None:
    assert moment_of("2019-11-18T10:00:00+01:00") == "2019-11-18T10:00:00+01:00"
    assert moment_of("2019-11-18T10:00:00") is moment_of("2019-11-18") is None
    assert moment_of("2019-13-18T10:00:00Z") is None


def test_yes_and_no_are_words_and_not_parts_of_sentences() -> None:
    assert boolean_of(" Yes. ") is True
    assert boolean_of("✗") is False
    assert boolean_of("no idea") is None


def test_a_string_is_found_as_whole_words_whatever_its_case_and_white_space() -> None:
    text = "A bolted door; the  Big\nBolt."
    assert [text[p.start : p.end] for p in places_of(text, "big bolt")] == ["Big\nBolt"]
    assert list(places_of(text, " ")) == []


def test_a_number_and_a_day_are_found_in_other_spellings() -> None:
    text = "1.299,00 € since Nov 18, 2019; not 12990"
    assert [text[p.start : p.end] for p in places_of_value(text, 1299)] == ["1.299,00"]
    assert [text[p.start : p.end] for p in places_of_value(text, "2019-11-18")] == ["Nov 18, 2019"]
    assert list(places_of_value(text, True)) == []

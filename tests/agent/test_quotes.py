from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.quotes import bold, find, normalise, quoted


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a  b\n c", "a b c"),
        ("“it’s” – so…", '"it\'s" - so...'),
        ("**bold** and _it_ and `code`", "bold and it and code"),
        ("un**believ**able", "unbelievable"),
        ("ﬁne ﬂow", "fine flow"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("cafe\u0301", "café"),
        ("a\u00a0b", "a b"),
        (r"so it is\[3]", "so it is[3]"),
    ],
)
def test_what_is_forgiven(one: str, other: str) -> None:
    assert normalise(one).text == normalise(other).text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Moon", "moon"), ("10²", "102"), ("2*3", "23"), ("2**3", "23"), ("a_b", "ab"),
        ("a * b", "a b"), ("1.5", "15"), ("it's", "its"), ("½", "1/2"),
    ],
)  # fmt: skip
def test_what_is_not_forgiven(one: str, other: str) -> None:
    assert normalise(one).text != normalise(other).text


@given(st.text())
def test_each_character_knows_where_it_came_from(text: str) -> None:
    normal = normalise(text)
    assert len(normal.text) == len(normal.starts) == len(normal.ends)
    assert list(normal.starts) == sorted(normal.starts)
    for start, end in zip(normal.starts, normal.ends, strict=True):
        assert 0 <= start < end <= len(text)


@given(st.text(alphabet="ab *_`’“.\n\u00ad", min_size=1), st.data())
def test_what_is_found_is_what_was_sought(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    words = text[start : data.draw(st.integers(start, len(text)))]
    if span := find(words, normalise(text)):
        assert normalise(text[span.start : span.end]).text.strip() == normalise(words).text


def test_quotations_and_bold_words_are_read_off() -> None:
    assert quoted('He said "one two" and “three”, not 5" or 6".') == ["one two", "three"]
    assert bold("**one** and **two words**, not ** this ** or *that*") == ["one", "two words"]

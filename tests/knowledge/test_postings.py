from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge import postings
from knowledge.postings import Postings

Held = dict[str, list[tuple[int, int]]]


def count(texts: list[str]) -> Postings:
    return postings.count(texts, str.split)


def held(lists: Postings) -> Held:
    """Every term with its texts, and how often each holds it."""
    words = [word.decode() for word in lists.vocabulary()]
    return {
        word: sorted(zip(*(some.tolist() for some in lists.of(word)), strict=True))
        for word in words
    }


def test_each_term_names_its_texts_and_how_often_they_hold_it() -> None:
    lists = count(["b a b", "", "é a"])
    assert held(lists) == {"a": [(0, 1), (2, 1)], "b": [(0, 2)], "é": [(2, 1)]}
    assert lists.lengths.tolist() == [3, 0, 2]


@pytest.mark.parametrize("term", ["", "aa", "0", "ü"])
def test_a_term_that_no_text_holds_has_no_texts(term: str) -> None:
    texts, counts = count(["b a", "c"]).of(term)
    assert len(texts) == len(counts) == 0


def test_what_is_saved_is_loaded_as_it_was(tmp_path: Path) -> None:
    lists = count(["b a b", "é a"])
    lists.save(tmp_path)
    again = postings.load(tmp_path)
    assert held(again) == held(lists)
    assert again.lengths.tolist() == [3, 2]


def test_lists_without_a_term_are_saved_and_loaded_too(tmp_path: Path) -> None:
    count(["", ""]).save(tmp_path)
    assert postings.load(tmp_path).lengths.tolist() == [0, 0]
    assert held(postings.load(tmp_path)) == {}


def test_more_repetitions_than_fit_are_counted_as_the_most() -> None:
    lists = count(["a " * 70_000])
    assert held(lists) == {"a": [(0, 65_535)]}
    assert lists.lengths.tolist() == [70_000]


def test_texts_counted_in_several_goes_are_counted_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"a b{n % 3} c{n}" for n in range(11)]
    whole = held(count(texts))
    monkeypatch.setattr(postings, "_AT_ONCE", 3)
    assert held(count(texts)) == whole


words = st.text(st.sampled_from("abcé"), min_size=1, max_size=2)
texts = st.lists(st.lists(words, max_size=6).map(" ".join), min_size=1, max_size=12)


@given(texts, st.data())
def test_joined_in_any_order_without_some_they_are_those_of_the_texts_left(
    all_texts: list[str], data: st.DataObject
) -> None:
    n = len(all_texts)
    cut = data.draw(st.integers(0, n))
    stays = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    left = [i for i in range(n) if stays[i]]
    order = data.draw(st.permutations(left))
    place = np.full(n, -1, dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    joined = postings.join(
        [count(all_texts[:cut]), count(all_texts[cut:])], [place[:cut], place[cut:]]
    )
    anew = count([all_texts[i] for i in order])
    assert held(joined) == held(anew)
    assert joined.lengths.tolist() == anew.lengths.tolist()
    assert joined.terms == anew.terms

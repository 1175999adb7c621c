import random

import numpy as np
import pytest

from knowledge import lexical
from knowledge.lexical import LexicalIndex


def best(texts: list[str], query: str) -> int:
    index = lexical.index(texts)
    assert index is not None
    return int(index.scores(query).argmax())


def test_words_are_found_in_another_grammatical_form() -> None:
    texts = ["cats and dogs", "The engineers retried the failing requests.", "weather"]
    assert best(texts, "request retries of an engineer") == 1


def test_an_identifier_is_found_by_its_parts() -> None:
    texts = ["def parse(): ...", "def setReadTimeout(seconds): ...", "def read_only(): ..."]
    assert best(texts, "how is the read timeout set") == 1
    assert best(texts, "setReadTimeout") == 1


def test_accents_do_not_hide_a_word() -> None:
    assert best(["tea", "the café on the corner"], "cafe") == 1


@pytest.mark.parametrize("query", ["", "the of and", "unheard-of zyzzyva", "?!"])
def test_a_query_that_shares_no_term_scores_nothing(query: str) -> None:
    index = lexical.index(["one text", "another text"])
    assert index is not None
    assert index.scores(query).tolist() == [0.0, 0.0]


def test_texts_without_any_term_make_no_index() -> None:
    assert lexical.index(["", "the of"]) is None


def test_a_text_without_terms_keeps_its_place_among_the_others() -> None:
    assert best(["", "apples", "!!!", "pears"], "pears") == 3


def made_up(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    words = [f"w{n}" for n in range(60)]
    weights = [1 / (n + 1) for n in range(60)]
    return [" ".join(draw.choices(words, weights, k=draw.randrange(30))) for _ in range(count)]


def test_scores_are_those_of_a_library_that_is_known_to_be_right() -> None:
    bm25s = pytest.importorskip("bm25s")
    texts = made_up(300, seed=1)
    index = lexical.index(texts)
    assert index is not None
    other = bm25s.BM25(k1=1.5, b=0.75, method="lucene")
    vocabulary: dict[str, int] = {}
    each = [[vocabulary.setdefault(t, len(vocabulary)) for t in lexical.terms(x)] for x in texts]
    other.index((each, vocabulary), show_progress=False)
    for query in ("w0", "w3 w17 w59", "w1 w1 w40"):
        expected = other.get_scores(list(dict.fromkeys(lexical.terms(query))))
        assert index.scores(query) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_texts_in_several_segments_score_as_in_one_and_those_that_are_gone_do_not_count() -> None:
    texts = made_up(90, seed=2)
    live = np.random.default_rng(3).random(90) < 0.6
    parts = [
        (lexical.count(texts[a:b]), mask)
        for a, b, mask in ((0, 50, live[:50]), (50, 51, None), (51, 90, live[51:]))
    ]
    live[50] = True
    left = lexical.index([text for text, stays in zip(texts, live, strict=True) if stays])
    assert left is not None
    for query in ("w0", "w3 w17", "w58 w59 w2"):
        assert LexicalIndex(parts).scores(query).tolist() == left.scores(query).tolist()


def test_an_index_of_nothing_scores_nothing() -> None:
    assert LexicalIndex([]).scores("fox").tolist() == []

from collections.abc import Sequence
from pathlib import Path

import pytest

from knowledge import lexical


def build(texts: list[str], folder: Path, before: Path | None = None) -> list[int]:
    """Index texts as rows 0, 1, …; gives the rows whose text was read."""
    seen: list[int] = []

    def read(rows: Sequence[int]) -> list[str]:
        seen.extend(rows)
        return [texts[row] for row in rows]

    folder.mkdir(exist_ok=True)
    lexical.build(range(len(texts)), read, folder, before)
    return seen


def best(texts: list[str], query: str, folder: Path) -> int:
    build(texts, folder)
    index = lexical.load(folder)
    assert index is not None
    return int(index.scores(query).argmax())


def test_words_are_found_in_another_grammatical_form(tmp_path: Path) -> None:
    texts = ["cats and dogs", "The engineers retried the failing requests.", "weather"]
    assert best(texts, "request retries of an engineer", tmp_path) == 1


def test_an_identifier_is_found_by_its_parts(tmp_path: Path) -> None:
    texts = ["def parse(): ...", "def setReadTimeout(seconds): ...", "def read_only(): ..."]
    assert best(texts, "how is the read timeout set", tmp_path) == 1
    assert best(texts, "setReadTimeout", tmp_path) == 1


def test_accents_do_not_hide_a_word(tmp_path: Path) -> None:
    assert best(["tea", "the café on the corner"], "cafe", tmp_path) == 1


@pytest.mark.parametrize("query", ["", "the of and", "unheard-of zyzzyva", "?!"])
def test_a_query_that_shares_no_term_scores_nothing(tmp_path: Path, query: str) -> None:
    build(["one text", "another text"], tmp_path)
    index = lexical.load(tmp_path)
    assert index is not None
    assert index.scores(query).tolist() == [0.0, 0.0]


def test_texts_without_any_term_make_no_index(tmp_path: Path) -> None:
    build(["", "the of"], tmp_path)
    assert lexical.load(tmp_path) is None


def test_a_text_without_terms_keeps_its_place_among_the_others(tmp_path: Path) -> None:
    assert best(["", "apples", "!!!", "pears"], "pears", tmp_path) == 3


def test_an_index_built_upon_another_is_the_same_as_one_built_anew(tmp_path: Path) -> None:
    texts = ["apples and pears", "", "pears only", "the quince", "apples again"]
    first = {0: texts[0], 1: texts[1], 2: texts[2]}
    (tmp_path / "first").mkdir()
    lexical.build([0, 1, 2], lambda rows: [first[row] for row in rows], tmp_path / "first")
    (tmp_path / "second").mkdir()
    seen: list[int] = []

    def read(rows: Sequence[int]) -> list[str]:
        seen.extend(rows)
        return [texts[row] for row in rows]

    lexical.build([1, 2, 3, 4], read, tmp_path / "second", tmp_path / "first")
    assert seen == [3, 4]
    (tmp_path / "anew").mkdir()
    lexical.build([1, 2, 3, 4], read, tmp_path / "anew")
    upon, anew = lexical.load(tmp_path / "second"), lexical.load(tmp_path / "anew")
    assert upon is not None
    assert anew is not None
    for query in ("apples", "pears", "quince", "apples quince"):
        assert upon.scores(query).tolist() == pytest.approx(anew.scores(query).tolist())

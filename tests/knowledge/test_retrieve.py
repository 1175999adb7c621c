import random
from collections.abc import Collection
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from knowledge import lexical, retrieve
from knowledge.lexical import LexicalIndex
from knowledge.segment import Part, Segment
from knowledge.snapshot import Snapshot
from knowledge.types import Passage

TEXTS = ["the red fox", "a blue whale", "a red whale", "nothing of the kind"]
VECTORS = np.array([[1, 0], [0, 1], [0.8, 0.6], [-1, 0]], dtype=np.float32)


class Only:
    """A selection of a few documents, or of ones that pass for many."""

    def __init__(self, *documents: str, many: bool = False) -> None:
        self.documents = set(documents)
        self.many = many
        self.asked_for_all = False

    def few(self) -> set[str] | None:
        return None if self.many else self.documents

    def among(self, documents: Collection[str]) -> set[str]:
        return self.documents.intersection(documents)

    def every(self) -> set[str]:
        self.asked_for_all = True
        return self.documents


def pictured(
    texts: list[str],
    vectors: NDArray[np.float32] | None,
    owners: list[int],
    *,
    first: int = 0,
    cuts: tuple[int, ...] = (),
) -> Snapshot:
    """A picture of texts as rows from `first`, in segments that end at `cuts` and at the end."""
    number = np.array(owners, dtype=np.int32)
    documents = tuple(f"document {i}" for i in range(max(owners) + 1))
    rows = np.arange(first, first + len(texts))
    parts = []
    for a, b in pairwise((0, *cuts, len(texts))):
        held = None if vectors is None else vectors[a:b]
        segment = Segment(rows[a:b], number[a:b], {}, held, lexical.count(texts[a:b]))
        parts.append(Part("", segment, np.ones(b - a, dtype=bool), b - a))
    words = LexicalIndex([(part.segment.words, None) for part in parts])
    return Snapshot(tuple(parts), rows, number, documents, words, "test", vectors is not None)


def picture(*, vectors: bool = True, cuts: tuple[int, ...] = ()) -> Snapshot:
    """Rows 10 to 13, two of each document."""
    return pictured(TEXTS, VECTORS if vectors else None, [0, 0, 1, 1], first=10, cuts=cuts)


def test_what_both_indexes_like_comes_before_what_one_likes() -> None:
    hits = retrieve.rank(picture(), "red whale", np.array([0.8, 0.6]), 4)
    assert hits[0].row == 12
    assert hits[0].score == max(hit.score for hit in hits) <= 1.0
    assert hits[0].dense is not None
    assert hits[0].lexical is not None


def test_without_a_vector_only_texts_that_share_a_word_are_found() -> None:
    hits = retrieve.rank(picture(vectors=False), "fox", None, 4)
    assert [(hit.row, hit.dense) for hit in hits] == [(10, None)]


def test_a_filter_hides_documents_from_both_indexes() -> None:
    hits = retrieve.rank(picture(), "red fox", np.array([1.0, 0.0]), 4, Only("document 1"))
    assert {hit.row for hit in hits} == {12, 13}


@pytest.mark.parametrize("cuts", [(1,), (1, 3), (2, 2)])
@pytest.mark.parametrize("only", [None, ("document 1",), ("document 0", "document 1")])
def test_segments_change_nothing(cuts: tuple[int, ...], only: tuple[str, ...] | None) -> None:
    selection = None if only is None else Only(*only)
    for query, vector in (("red whale", np.array([0.8, 0.6])), ("fox", None)):
        whole = retrieve.rank(picture(), query, vector, 4, selection)
        assert retrieve.rank(picture(cuts=cuts), query, vector, 4, selection) == whole


def test_a_filter_that_allows_nothing_finds_nothing() -> None:
    assert retrieve.rank(picture(), "red", np.array([1.0, 0.0]), 4, Only()) == []


def test_a_filter_changes_nothing_about_what_it_allows() -> None:
    everywhere = picture()
    vector = np.array([1.0, 0.0])
    within = retrieve.rank(everywhere, "red whale", vector, 4, Only("document 1"))
    allowed = [hit for hit in retrieve.rank(everywhere, "red whale", vector, 4) if hit.row > 11]
    assert [(h.row, h.dense, h.lexical) for h in within] == [
        (h.row, h.dense, h.lexical) for h in allowed
    ]


@pytest.mark.parametrize("share", [0.9, 0.5, 0.02, 0.0])
def test_judging_the_best_hits_only_gives_what_judging_all_documents_gives(
    share: float,
) -> None:
    draw = random.Random(3)
    words = ["red", "fox", "whale", "blue", "sea", "dusk"]
    texts = [" ".join(draw.choices(words, k=draw.randint(0, 5))) for _ in range(3000)]
    # Coarse, so that many are equal.
    vectors = np.random.default_rng(3).integers(-2, 3, (len(texts), 2)).astype(np.float32)
    many = pictured(texts, vectors, [i // 2 for i in range(len(texts))])
    names = many.documents
    allowed = [name for name in names if draw.random() < share]
    judged = Only(*allowed, many=True)
    for query in ("red fox", "whale", "nothing"):
        for vector in (np.array([1.0, 0.0]), None):
            wanted = retrieve.rank(many, query, vector, 24, Only(*allowed))
            assert retrieve.rank(many, query, vector, 24, judged) == wanted
    assert judged.asked_for_all == (share < 0.5)


def test_the_dense_share_says_which_index_counts_how_much() -> None:
    everywhere = picture()
    vector = np.array([0.0, 1.0])
    assert retrieve.rank(everywhere, "fox", vector, 1, dense_share=1.0)[0].row == 11
    assert retrieve.rank(everywhere, "fox", vector, 1, dense_share=0.0)[0].row == 10


def test_of_chunks_that_score_the_same_the_first_are_kept() -> None:
    n = 3 * retrieve.CANDIDATES
    vectors = np.tile(np.array([1, 0], dtype=np.float32), (n, 1))
    alike = pictured(["same"] * n, vectors, [0] * n)
    hits = retrieve.rank(alike, "same", np.array([1.0, 0.0]), 5)
    assert [hit.row for hit in hits] == [0, 1, 2, 3, 4]


def test_no_more_than_the_limit_is_given() -> None:
    assert len(retrieve.rank(picture(), "red whale fox", np.array([1.0, 0.0]), 2)) == 2
    assert retrieve.rank(picture(), "red", np.array([1.0, 0.0]), 0) == []


def found(n: int, text: str) -> Passage:
    return Passage(f"d:{n}", "d", "/d.md", "", "", 0, len(text), text, 1.0 - n / 10)


def test_a_passage_that_repeats_a_better_one_is_dropped() -> None:
    passages = [
        found(0, "The retry limit is five attempts."),
        found(1, "the retry limit is five  attempts"),
        found(2, "The retry limit is six attempts, after which it stops."),
    ]
    assert [p.chunk_id for p in retrieve.distinct(passages, 8)] == ["d:0", "d:2"]
    assert len(retrieve.distinct(passages, 1)) == 1

import random
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest

from knowledge import lexical, retrieve
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


def picture(folder: Path, *, vectors: bool = True) -> Snapshot:
    lexical.build(range(len(TEXTS)), lambda rows: [TEXTS[row] for row in rows], folder)
    return Snapshot(
        rows=np.arange(10, 14),
        owners=np.array([0, 0, 1, 1], dtype=np.int32),
        documents=("first", "second"),
        vectors=VECTORS if vectors else None,
        words=lexical.load(folder),
        embedder="test",
    )


def test_what_both_indexes_like_comes_before_what_one_likes(tmp_path: Path) -> None:
    hits = retrieve.rank(picture(tmp_path), "red whale", np.array([0.8, 0.6]), 4)
    assert hits[0].row == 12
    assert hits[0].score == max(hit.score for hit in hits) <= 1.0
    assert hits[0].dense is not None
    assert hits[0].lexical is not None


def test_without_a_vector_only_texts_that_share_a_word_are_found(tmp_path: Path) -> None:
    hits = retrieve.rank(picture(tmp_path, vectors=False), "fox", None, 4)
    assert [(hit.row, hit.dense) for hit in hits] == [(10, None)]


def test_a_filter_hides_documents_from_both_indexes(tmp_path: Path) -> None:
    hits = retrieve.rank(picture(tmp_path), "red fox", np.array([1.0, 0.0]), 4, Only("second"))
    assert {hit.row for hit in hits} == {12, 13}


def test_a_filter_that_allows_nothing_finds_nothing(tmp_path: Path) -> None:
    assert retrieve.rank(picture(tmp_path), "red", np.array([1.0, 0.0]), 4, Only()) == []


def test_a_filter_changes_nothing_about_what_it_allows(tmp_path: Path) -> None:
    everywhere = picture(tmp_path)
    vector = np.array([1.0, 0.0])
    within = retrieve.rank(everywhere, "red whale", vector, 4, Only("second"))
    allowed = [hit for hit in retrieve.rank(everywhere, "red whale", vector, 4) if hit.row > 11]
    assert [(h.row, h.dense, h.lexical) for h in within] == [
        (h.row, h.dense, h.lexical) for h in allowed
    ]


@pytest.mark.parametrize("share", [0.9, 0.5, 0.02, 0.0])
def test_judging_the_best_hits_only_gives_what_judging_all_documents_gives(
    tmp_path: Path, share: float
) -> None:
    draw = random.Random(3)
    words = ["red", "fox", "whale", "blue", "sea", "dusk"]
    texts = [" ".join(draw.choices(words, k=draw.randint(0, 5))) for _ in range(3000)]
    lexical.build(range(len(texts)), lambda rows: [texts[row] for row in rows], tmp_path)
    # Coarse, so that many are equal.
    vectors = np.random.default_rng(3).integers(-2, 3, (len(texts), 2)).astype(np.float32)
    names = tuple(f"document {i}" for i in range(1500))
    many = Snapshot(
        rows=np.arange(len(texts)), owners=np.arange(len(texts), dtype=np.int32) // 2,
        documents=names, vectors=vectors, words=lexical.load(tmp_path), embedder="test",
    )  # fmt: skip
    allowed = [name for name in names if draw.random() < share]
    judged = Only(*allowed, many=True)
    for query in ("red fox", "whale", "nothing"):
        for vector in (np.array([1.0, 0.0]), None):
            wanted = retrieve.rank(many, query, vector, 24, Only(*allowed))
            assert retrieve.rank(many, query, vector, 24, judged) == wanted
    assert judged.asked_for_all == (share < 0.5)


def test_the_dense_share_says_which_index_counts_how_much(tmp_path: Path) -> None:
    everywhere = picture(tmp_path)
    vector = np.array([0.0, 1.0])
    assert retrieve.rank(everywhere, "fox", vector, 1, dense_share=1.0)[0].row == 11
    assert retrieve.rank(everywhere, "fox", vector, 1, dense_share=0.0)[0].row == 10


def test_of_chunks_that_score_the_same_the_first_are_kept(tmp_path: Path) -> None:
    n = 3 * retrieve.CANDIDATES
    lexical.build(range(n), lambda rows: ["same"] * len(rows), tmp_path)
    alike = Snapshot(
        rows=np.arange(n),
        owners=np.zeros(n, dtype=np.int32),
        documents=("one",),
        vectors=np.tile(np.array([1, 0], dtype=np.float32), (n, 1)),
        words=lexical.load(tmp_path),
        embedder="test",
    )
    hits = retrieve.rank(alike, "same", np.array([1.0, 0.0]), 5)
    assert [hit.row for hit in hits] == [0, 1, 2, 3, 4]


def test_no_more_than_the_limit_is_given(tmp_path: Path) -> None:
    assert len(retrieve.rank(picture(tmp_path), "red whale fox", np.array([1.0, 0.0]), 2)) == 2
    assert retrieve.rank(picture(tmp_path), "red", np.array([1.0, 0.0]), 0) == []


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

from collections.abc import Sequence
from pathlib import Path

import pytest

from knowledge.errors import RerankerUnavailable
from knowledge.library import Library
from knowledge.rerank import rerank
from knowledge.types import Passage
from tests.fakes import HashingEmbedder
from tests.knowledge.memory_store import MemoryStore


class ByWord:
    """Likes texts that hold a word, on a scale of its own."""

    name = "by-word"

    def __init__(self, word: str) -> None:
        self.word = word
        self.read: list[str] = []

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        self.read += texts
        return [7.5 if self.word in text else -3.0 for text in texts]


class Absent(ByWord):
    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        raise RerankerUnavailable("No key.", hint="export KEY=…")


async def ask(root: Path, docs: Path, reranker: ByWord):  # type: ignore[no-untyped-def]
    root.mkdir()
    store = MemoryStore()
    library = Library(
        root, embedder=HashingEmbedder(), make_store=lambda _: store, reranker=reranker
    )
    await library.add([str(docs)])
    found = await library.search("red fox", limit=2)
    library.close()
    return found


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(12):
        (folder / f"{n}.md").write_text(f"The red fox number {n} hunts in valley {n * 31}.\n")
    (folder / "last.md").write_text("A badger is mentioned here, beside a fox.\n")
    return folder


async def test_a_reranker_lifts_what_the_indexes_ranked_low(tmp_path: Path, many: Path) -> None:
    reranker = ByWord("badger")
    found = await ask(tmp_path / "library", many, reranker)
    assert "badger" in found.passages[0].text
    assert [passage.score for passage in found.passages] == [1.0, 0.0]
    assert len(reranker.read) == 13


async def test_without_its_reranker_a_search_keeps_the_fused_order_and_says_so(
    tmp_path: Path, many: Path
) -> None:
    found = await ask(tmp_path / "library", many, Absent("badger"))
    assert "fox number" in found.passages[0].text
    assert found.note.startswith("Not reranked: No key.")
    assert len(found.passages) == 2


def test_scores_between_nought_and_one_are_kept() -> None:
    class Fixed(ByWord):
        def score(self, query: str, texts: Sequence[str]) -> list[float]:
            return [0.2, 0.9]

    two = [Passage(f"d:{n}", "d", "/d", "", "", 0, 1, "x", 0.5) for n in range(2)]
    ranked = rerank(Fixed(""), "q", two)
    assert [(p.chunk_id, p.score) for p in ranked] == [("d:1", 0.9), ("d:0", 0.2)]
    assert rerank(Fixed(""), "q", []) == []

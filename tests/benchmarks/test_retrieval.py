from pathlib import Path

from benchmarks.datasets import Judged, Question, Spans
from benchmarks.retrieval import judge, write
from knowledge.types import Passage


def passage(source: str, start: int, end: int) -> Passage:
    return Passage("d:0", "d", source, "", "", start, end, "", 1.0)


def test_documents_become_files_under_their_title_and_the_same_text_shares_one(
    tmp_path: Path,
) -> None:
    documents = {"a": ("Tea", "Hot."), "b": ("", "Ice."), "c": ("Tea", "Hot."), "d": (" ", "")}
    files = write(Judged(documents, {}, {}), tmp_path)
    assert sorted(files.values()) == [["a", "c"], ["b"]]
    texts = {names[0]: (tmp_path / file).read_text() for file, names in files.items()}
    assert texts == {"a": "# Tea\n\nHot.", "b": "Ice."}


async def test_a_document_stands_where_its_best_passage_does() -> None:
    files = {"0.md": ["a"], "1.md": ["b"]}
    data = Judged({}, {"q": "?"}, {"q": {"b": 1.0}})

    async def search(query: str) -> list[Passage]:
        return [passage("/x/0.md", 0, 9), passage("/x/0.md", 9, 20), passage("/x/1.md", 0, 5)]

    figures = await judge(data, files, search)
    assert figures["mrr@10"] == 0.5
    assert figures["recall@5"] == 1.0


async def test_a_passage_of_another_corpus_is_paid_for_and_finds_nothing() -> None:
    files = {"tea.md": ["tea"], "ice.md": ["ice"]}
    data = Spans({}, (Question("?", "tea", ((10, 20),)),))

    async def search(query: str) -> list[Passage]:
        return [passage("/x/ice.md", 0, 50), passage("/x/tea.md", 0, 40)]

    assert await judge(data, files, search) == {"recall@5": 1.0, "iou@5": 10 / 90}

"""Pictures made upon the ones before are those that would be made anew."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from knowledge import snapshot
from knowledge.catalog import Catalog
from knowledge.snapshot import Snapshot
from knowledge.types import Chunk, Document, chunk_id
from tests.fakes import HashingEmbedder
from tests.knowledge.memory_store import MemoryStore

WORDS = [f"word{n}" for n in range(80)]


class Stock:
    """A catalogue and a store that documents are put into and taken out of, and its pictures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = Catalog(folder / "catalog.sqlite")
        self.store = MemoryStore()
        self.embedder = HashingEmbedder()
        self.catalog.set_meta("embedder", self.embedder.name)
        self.draw = random.Random(5)
        self.live: set[str] = set()

    def put(self, paragraphs: int, *, embedded: bool = True, text: str = "") -> str:
        """Store a document of so many chunks, and have it counted."""
        lines = [" ".join(self.draw.choices(WORDS, k=12)) for _ in range(paragraphs)]
        document = Document(text or "\n\n".join(lines), "text", "A title")
        starts = [match.start() for match in re.finditer(r"[^\n]+", document.text)]
        ends = [match.end() for match in re.finditer(r"[^\n]+", document.text)]
        chunks = [
            Chunk(document.id, n, start, end, document.text[start:end])
            for n, (start, end) in enumerate(zip(starts, ends, strict=True))
        ]
        if embedded:
            vectors = self.embedder.embed([chunk.text for chunk in chunks])
            self.store.put([chunk.id for chunk in chunks], vectors)
        self.catalog.documents.put(document, chunks, embedded=embedded, entries=())
        self.live.add(document.id)
        return document.id

    def forget(self, document_id: str) -> None:
        """Delete a document for good."""
        self.live.discard(document_id)
        with self.catalog._db.write() as db:
            db.execute("DELETE FROM documents WHERE id = ?", (document_id,))

    def publish(self) -> Snapshot:
        """Build the picture of what is there, point to it, and clear the others away."""
        name = snapshot.build(self.catalog, self.store, self.folder / "pictures", self.live)
        self.catalog.set_meta("snapshot", name)
        snapshot.clear_others(self.catalog, self.folder / "pictures")
        opened = snapshot.open_current(self.catalog, self.folder / "pictures")
        assert opened is not None
        return opened

    def anew(self) -> Snapshot:
        """The picture that nothing was taken from another for."""
        before = self.catalog.meta("snapshot")
        other = self.folder / f"anew-{before}"
        self.catalog.set_meta("snapshot", "")
        name = snapshot.build(self.catalog, self.store, other, self.live)
        self.catalog.set_meta("snapshot", name)
        opened = snapshot.open_current(self.catalog, other)
        self.catalog.set_meta("snapshot", before)
        assert opened is not None
        return opened


@pytest.fixture
def stock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stock]:
    monkeypatch.setattr(snapshot, "_SMALL", 4)
    stock = Stock(tmp_path)
    yield stock
    stock.catalog.close()


def same(stock: Stock) -> Snapshot:
    """Publish, and compare all that a search can see with a picture made anew."""
    picture, anew = stock.publish(), stock.anew()
    assert picture.rows.tolist() == anew.rows.tolist()
    assert _owners(picture) == _owners(anew)
    for query in ("word1", "word7 word70", "title"):
        assert picture.words.scores(query).tolist() == anew.words.scores(query).tolist()
    assert picture.dense == anew.dense
    if picture.dense:
        vector = stock.embedder.embed(["word1 word2 word3"])[0]
        near = anew.near(vector)
        assert np.allclose(picture.near(vector), near, atol=1e-6)
        some = np.arange(len(near))[1::3]
        assert np.allclose(picture.near(vector, some), near[some], atol=1e-6)
    assert all(part.count for part in picture.parts)
    held = {path.name for path in (stock.folder / "pictures").glob("segment-*")}
    assert held == {part.name for part in picture.parts}
    return picture


def _owners(picture: Snapshot) -> list[str]:
    return [picture.documents[owner] for owner in picture.owners]


@pytest.mark.parametrize("seed", range(6))
def test_after_any_changes_a_picture_is_the_one_that_would_be_made_anew(
    stock: Stock, seed: int
) -> None:
    draw = random.Random(seed)
    away: list[str] = []
    for _ in range(25):
        for _ in range(draw.randrange(3)):
            stock.put(draw.choice([1, 1, 2, 5, 20]), embedded=draw.random() < 0.9)
        for document_id in draw.sample(sorted(stock.live), min(len(stock.live), draw.randrange(3))):
            stock.live.discard(document_id)
            away.append(document_id)
        if away and draw.random() < 0.4:
            stock.live.add(away.pop(draw.randrange(len(away))))
        if away and draw.random() < 0.3:
            stock.forget(away.pop())
        same(stock)


def test_one_document_more_leaves_the_long_segments_as_they_are(stock: Stock) -> None:
    stock.put(40)
    (large,) = same(stock).parts
    for _ in range(3):
        stock.put(1)
        first, *rest = same(stock).parts
        assert first.name == large.name
        assert len(rest) == 1


def test_segments_are_each_twice_as_long_as_the_next_so_that_there_are_few(stock: Stock) -> None:
    for _ in range(60):
        stock.put(1)
        sizes = [part.count for part in stock.publish().parts]
    assert sum(sizes) == 60
    assert len(sizes) <= 5
    same(stock)


def test_a_segment_of_which_much_is_gone_is_written_without_it(stock: Stock) -> None:
    first, *_ = [stock.put(10) for _ in range(5)]
    (before,) = same(stock).parts
    stock.live.discard(first)
    (after,) = same(stock).parts
    assert after.name == before.name
    stock.forget(next(iter(stock.live)))
    (written,) = same(stock).parts
    assert written.name != before.name
    assert len(written.live) == written.count == 30


def test_a_document_stored_again_is_found_where_it_is_now(stock: Stock) -> None:
    text = "word1 word2\n\nword3 word4"
    document_id = stock.put(0, text=text)
    stock.put(30)
    same(stock)
    stock.forget(document_id)
    assert stock.put(0, text=text) == document_id
    picture = same(stock)
    assert _owners(picture).count(document_id) == 2


def test_vectors_that_come_later_are_taken_in(stock: Stock) -> None:
    first = stock.put(3, embedded=False)
    stock.put(3, embedded=False)
    assert not same(stock).dense
    chunks = [chunk for chunk, _ in stock.catalog.documents.chunks_of(first)]
    vectors = stock.embedder.embed([chunk.text for chunk in chunks])
    stock.store.put([chunk_id(first, chunk.ordinal) for chunk in chunks], vectors)
    stock.catalog.documents.mark_embedded([first])
    assert same(stock).dense


def test_a_library_of_which_nothing_is_left_has_an_empty_picture(stock: Stock) -> None:
    stock.forget(stock.put(2))
    picture = same(stock)
    assert not len(picture.rows)
    assert not picture.dense


def test_a_build_that_fails_leaves_nothing_behind(stock: Stock) -> None:
    stock.put(10)
    before = stock.publish()
    stock.put(30)
    stock.store.vectors.clear()
    with pytest.raises(Exception, match="has lost 30 of 30 vectors"):
        stock.publish()
    left = {path.name for path in (stock.folder / "pictures").iterdir()}
    assert left == {before.parts[0].name, stock.catalog.meta("snapshot")}


FILES = (
    "rows.npy", "owners.npy", "documents.json", "vectors.npy", "terms.bin", "terms.npy",
    "texts.npy", "counts.npy", "lengths.npy",
)  # fmt: skip


@pytest.mark.parametrize("name", [*FILES, "segments.json", "live.npy"])
@pytest.mark.parametrize("damage", ["gone", "empty", "short"])
def test_a_picture_with_a_damaged_file_is_as_good_as_lost(
    stock: Stock, name: str, damage: str
) -> None:
    for _ in range(3):
        stock.put(6)
    same(stock)
    (file,) = (stock.folder / "pictures").glob(f"*/{name}")
    whole = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(b"" if damage == "empty" else whole[: len(whole) // 2])
    assert snapshot.open_current(stock.catalog, stock.folder / "pictures") is None
    assert len(same(stock).rows) == 18


def test_what_a_picture_is_made_of_is_not_cleared_away_while_its_list_cannot_be_read(
    stock: Stock,
) -> None:
    stock.put(6)
    (part,) = stock.publish().parts
    (listed,) = (stock.folder / "pictures").glob("*/segments.json")
    away = listed.rename(listed.with_name("away"))
    snapshot.clear_others(stock.catalog, stock.folder / "pictures")
    assert (stock.folder / "pictures" / part.name).is_dir()
    away.rename(listed)
    assert len(same(stock).rows) == 6


def test_vectors_of_documents_that_are_gone_are_no_vectors(stock: Stock) -> None:
    first = stock.put(2)
    for _ in range(9):
        stock.put(2, embedded=False)
    assert same(stock).dense
    stock.live.discard(first)
    picture = same(stock)
    assert len(picture.parts[0].live) == 20
    assert not picture.dense

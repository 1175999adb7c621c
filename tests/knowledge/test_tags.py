from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.errors import SourceNotFound
from knowledge.library import BEFORE_ROLLBACK, Library
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import OtherEmbedder
from tests.knowledge.memory_store import MemoryStore


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    root = tmp_path / "library"
    root.mkdir()
    stores: defaultdict[Path, MemoryStore] = defaultdict(MemoryStore)
    library = Library(root, embedder=HashingEmbedder(), make_store=stores.__getitem__)
    yield library
    library.close()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "plan.md").write_text("# Plan\n\nThe launch is in spring.\n")
    (folder / "team.md").write_text("# Team\n\nFive people work on it.\n")
    return folder


async def best(library: Library, query: str) -> str:
    return (await library.search(query)).passages[0].text


async def test_rolling_back_answers_as_of_the_tag_and_the_next_sync_catches_up(
    library: Library, docs: Path
) -> None:
    await library.add([str(docs)])
    await library.tag("first")
    (docs / "plan.md").write_text("# Plan\n\nThe launch is in autumn.\n")
    (docs / "team.md").unlink()
    await library.sync()
    assert "autumn" in await best(library, "launch")
    await library.roll_back("first")
    assert "spring" in await best(library, "launch")
    assert len(await library.sources()) == 2
    await library.sync()
    assert "autumn" in await best(library, "launch")
    assert len(await library.sources()) == 1


async def test_what_a_rollback_replaces_is_kept_under_a_tag_of_its_own(
    library: Library, docs: Path
) -> None:
    await library.add([str(docs)])
    await library.tag("first")
    (docs / "plan.md").write_text("# Plan\n\nThe launch is in autumn.\n")
    await library.sync()
    await library.roll_back("first")
    await library.roll_back(BEFORE_ROLLBACK)
    assert "autumn" in await best(library, "launch")


async def test_a_tag_keeps_vectors_and_dropping_it_lets_them_go(
    library: Library, docs: Path
) -> None:
    await library.add([str(docs)])
    before = library._shelves.shelf.store.count()
    await library.tag("first")
    (docs / "team.md").unlink()
    await library.sync()
    assert library._shelves.shelf.store.count() == before
    await library.untag("first")
    assert library._shelves.shelf.store.count() < before
    assert await library.tags() == ()


async def test_tags_are_listed_oldest_first_with_their_size(library: Library, docs: Path) -> None:
    await library.add([str(docs / "plan.md")])
    await library.tag("one")
    await library.add([str(docs)])
    await library.tag("two")
    assert [(tag.name, tag.sources) for tag in await library.tags()] == [("one", 1), ("two", 2)]


async def test_an_unknown_tag_is_refused_and_nothing_changes(library: Library, docs: Path) -> None:
    await library.add([str(docs)])
    with pytest.raises(SourceNotFound, match="nowhere"):
        await library.roll_back("nowhere")
    with pytest.raises(SourceNotFound):
        await library.untag("nowhere")
    assert await library.tags() == ()


async def test_a_rebuild_keeps_tags_and_what_only_they_name(library: Library, docs: Path) -> None:
    await library.add([str(docs)])
    await library.tag("first")
    tags = await library.tags()
    (docs / "plan.md").write_text("# Plan\n\nThe launch is in autumn.\n")
    await library.sync()
    await library.rebuild()
    assert await library.tags() == tags
    assert "autumn" in await best(library, "launch")
    assert "spring" not in " ".join(p.text for p in (await library.search("launch")).passages)
    await library.roll_back("first")
    found = (await library.search("launch")).passages[0]
    assert "spring" in found.text
    assert found.dense is not None


async def test_a_rebuild_gives_what_tags_name_vectors_of_the_new_embedder(
    library: Library, docs: Path
) -> None:
    await library.add([str(docs)])
    await library.tag("first")
    (docs / "team.md").unlink()
    await library.sync()
    other = Library(library.root, embedder=OtherEmbedder(), make_store=library._make_store)
    await other.rebuild()
    assert (await other.status()).embedded == 2
    await other.roll_back("first")
    assert "Five people" in await best(other, "people")
    await other.untag("first")
    await other.untag(BEFORE_ROLLBACK)
    other.close()


async def test_a_rebuild_embeds_what_is_tagged_and_still_there_only_once(
    library: Library, docs: Path
) -> None:
    await library.add([str(docs)])
    await library.tag("first")
    report = await library.rebuild()
    assert (report.added, report.unchanged, report.chunks) == (2, 0, 2)

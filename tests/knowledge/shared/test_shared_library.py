"""Several nodes of one library, in one process, over a real Chroma server."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.errors import EmbedderMismatch, SharedLibraryRefuses
from knowledge.shared import follow
from knowledge.shared.library import SharedLibrary
from knowledge.shared.wire import Changes
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import OtherEmbedder, names
from tests.knowledge.shared.conftest import MakeNode


@pytest.fixture(autouse=True)
def look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LOOK", 0.0)


async def test_what_one_node_adds_another_finds_by_words_and_meaning(
    open_node: MakeNode, docs: Path
) -> None:
    one, other = open_node("one", HashingEmbedder()), open_node("other", HashingEmbedder())
    assert (await other.search("whale")).how == "empty"
    await one.add([str(docs)])
    found = await other.search("the largest animal, a whale")
    assert found.how == "hybrid"
    assert found.note == ""
    assert Path(found.passages[0].source).name == "whales.md"
    assert (await other.document(found.passages[0].document_id)).title == "Whales"
    assert [s.source for s in await other.sources()] == [s.source for s in await one.sources()]


async def test_a_sync_drops_only_what_its_own_node_added(open_node: MakeNode, docs: Path) -> None:
    one, other = open_node("one"), open_node("other")
    more = docs.parent / "more"
    more.mkdir()
    (more / "bears.md").write_text("# Bears\n\nThe brown bear sleeps in winter.\n")
    await one.add([str(docs)])
    await other.add([str(more)])
    report = await other.sync()
    assert (report.unchanged, report.removed) == (1, 0)
    assert await names(one, "bear winter") == ["bears.md"]
    (docs / "foxes.md").unlink()
    assert (await one.sync()).removed == 1
    assert await names(other, "red fox dusk") == []
    assert await names(other, "blue whale") == ["whales.md"]


async def test_the_figures_leave_out_what_another_node_has_taken_out(
    open_node: MakeNode, docs: Path
) -> None:
    one, other = open_node("one", HashingEmbedder()), open_node("other", HashingEmbedder())
    await one.add([str(docs)])
    assert (await other.status()).documents == 3
    await one.remove([str(docs / "foxes.md")])
    status = await other.status()
    assert (status.sources, status.documents, status.embedded) == (2, 2, 2)
    assert status.chunks == (await one.status()).chunks


async def test_a_sync_that_changes_nothing_commits_nothing(open_node: MakeNode, docs: Path) -> None:
    one = open_node("one")
    await one.add([str(docs)])
    version = one._share(one._shelves.shelf).state.version()
    report = await one.sync()
    assert report.unchanged == 3
    assert one._share(one._shelves.shelf).state.version() == version


async def test_two_machines_may_have_different_files_under_one_path(
    open_node: MakeNode, docs: Path
) -> None:
    one, other = open_node("one", machine="alpha"), open_node("other", machine="beta")
    notes = docs / "notes.txt"
    await one.add([str(notes)])
    notes.write_text("Retry ten times, and never give up.\n")
    await other.add([str(notes)])
    texts = {p.text.strip(): p.source for p in (await one.search("retry times give up")).passages}
    assert texts == {
        "Retry five times, then give up.": str(notes),
        "Retry ten times, and never give up.": f"beta-host:{notes}",
    }
    mine, theirs = await one.sources()
    assert (mine.source, theirs.source) == (str(notes), f"beta-host:{notes}")
    assert (mine.reason, theirs.reason) == ("", "of another machine")
    assert await one.stale(str(notes))
    assert not await one.stale(f"beta-host:{notes}")


async def test_of_two_nodes_of_one_machine_the_last_look_at_a_file_counts(
    open_node: MakeNode, docs: Path
) -> None:
    one, other = open_node("one"), open_node("other")
    notes = docs / "notes.txt"
    await one.add([str(notes)])
    notes.write_text("Retry ten times, and never give up.\n")
    await other.add([str(notes)])
    assert [p.text.strip() for p in (await one.search("retry")).passages] == [
        "Retry ten times, and never give up."
    ]
    await one.sync()
    await one.sync()
    assert [s.source for s in await other.sources()] == [str(notes)]
    assert await one.remove([str(notes)]) == (str(notes),)
    assert await other.sources() == ()
    assert (await other.sync()).added == 0


async def test_any_node_may_remove_what_another_added_and_it_stays_out(
    open_node: MakeNode, docs: Path
) -> None:
    one, other = open_node("one", machine="alpha"), open_node("other", machine="beta")
    await one.add([str(docs)])
    await other.sources()
    gone = await other.remove([f"alpha-host:{docs / 'foxes.md'}"])
    assert gone == (f"alpha-host:{docs / 'foxes.md'}",)
    assert (await one.sync()).added == 0
    assert await names(one, "red fox") == []
    await other.remove([f"alpha-host:{docs}"])
    assert (await one.sync()).added == 0
    assert await one.sources() == ()


async def test_a_cache_that_is_deleted_is_built_again_with_its_roots(
    open_node: MakeNode, docs: Path
) -> None:
    import shutil

    one, other = open_node("one", HashingEmbedder()), open_node("other", HashingEmbedder())
    (docs / "long.txt").write_text(
        "".join(f"Line {n} of it: größer als – 鯨.\n" for n in range(2000))
    )
    await one.add([str(docs)])
    before, found = await other.sources(), await other.search("the red fox")
    one.close()
    shutil.rmtree(one.root)
    again = open_node("one", HashingEmbedder())
    assert await again.sources() == before
    assert (await again.search("the red fox")) == found
    (docs / "foxes.md").unlink()
    report = await again.sync()
    assert (report.removed, report.unchanged) == (1, 3)
    assert await names(other, "red fox dusk", limit=1) != ["foxes.md"]


async def test_the_embedder_is_one_for_all_nodes(open_node: MakeNode, docs: Path) -> None:
    one, other = open_node("one", HashingEmbedder()), open_node("other", OtherEmbedder())
    await one.add([str(docs / "whales.md")])
    with pytest.raises(EmbedderMismatch) as caught:
        await other.add([str(docs / "foxes.md")])
    assert "--rebuild" not in caught.value.hint
    assert "chroma_collection" in caught.value.hint
    with pytest.raises(EmbedderMismatch):
        await other.search("whale")
    assert await names(one, "fox") != ["foxes.md"]


async def test_a_node_with_an_embedder_gives_vectors_to_what_one_without_has_added(
    open_node: MakeNode, docs: Path
) -> None:
    plain, full = open_node("plain"), open_node("full", HashingEmbedder())
    await plain.add([str(docs)])
    assert (await full.search("whale")).how == "lexical"
    await full.sync()
    assert (await full.search("whale")).how == "hybrid"
    third = open_node("third", HashingEmbedder())
    assert (await third.search("whale")).how == "hybrid"
    assert (await plain.status()).embedded == 3


async def test_a_shared_library_says_what_it_does_not_do(open_node: MakeNode, docs: Path) -> None:
    one = open_node("one")
    await one.add([str(docs)])
    for work in (one.tag("a"), one.untag("a"), one.roll_back("a"), one.rebuild()):
        with pytest.raises(SharedLibraryRefuses) as caught:
            await work
        assert caught.value.hint
    assert await one.tags() == ()


async def test_nobody_else_can_have_this_machine_read_another_of_its_folders(
    open_node: MakeNode, docs: Path
) -> None:
    one, other = open_node("one"), open_node("other")
    await one.add([str(docs / "whales.md")])
    await other.sources()
    order = (one._node.id, "roots", str(docs), True)
    assert other._log.commit(2, Changes(other._node, paths=(order,)))
    assert other._log.commit(3, Changes(one._node, paths=(order,)))
    assert (await one.sync()).added == 0
    assert len(await other.sources()) == 1


async def test_what_one_node_could_not_read_hides_nothing_that_another_has_read(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knowledge import ahead
    from knowledge.errors import ReadError

    one, other = open_node("one"), open_node("other")
    await one.add([str(docs / "whales.md")])

    def refuse(path: Path) -> None:
        raise ReadError("permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(ahead, "load", refuse)
        assert (await other.add([str(docs / "whales.md")])).failed
    for library in (one, other):
        assert await names(library, "blue whale") == ["whales.md"]
        assert [source.reason for source in await library.sources()] == [""]


@pytest.mark.parametrize("name", ["no name", "a..b", "team.understudy-log", "-team", "ab"])
def test_a_name_that_no_shared_library_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SharedLibraryRefuses, match="cannot be the name") as caught:
        SharedLibrary.at(tmp_path, "http://127.0.0.1:9", name, embedder=None)
    assert caught.value.hint


async def test_the_vectors_of_one_library_never_meet_the_log_of_another(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    for name in (f"{collection}-log", collection):
        library = SharedLibrary.at(tmp_path, chroma, name, embedder=HashingEmbedder())
        await library.add([str(docs)])
        assert (await library.search("blue whale")).how == "hybrid"
        library.close()

"""A library that is copied where others have been at work, or where something is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import chromadb
import pytest

from knowledge import copying
from knowledge.dense import Records
from knowledge.errors import StoreUnreachable, TargetNotEmpty
from knowledge.move import Place, move
from knowledge.report import Progress
from knowledge.shared.log import SharedLog
from knowledge.shared.node import this_node
from knowledge.shared.wire import Changes
from tests.knowledge.libraries import names
from tests.knowledge.shared.moving import EMBEDDED, opened
from tests.knowledge.shared.server import Served


async def test_a_second_move_undoes_nothing_that_was_done_at_the_target(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    root, shared = tmp_path / "library", Place(chroma, collection)
    library = opened(root, EMBEDDED)
    await library.add([str(docs)])
    await move(library, root, shared)
    there = opened(root, shared)
    (docs / "notes.txt").write_text("Retry seven times, and then once more.\n")
    assert (await there.sync()).changed == 1
    await there.remove([str(docs / "foxes.md")])
    again = await move(library, root, shared)
    assert again.was_there
    assert "2 of its sources" in again.note
    there.close()
    there = opened(tmp_path / "other", shared)
    assert sorted(await names(there, "red fox")) == ["notes.txt", "whales.md"]
    assert "seven" in (await there.search("retry times")).passages[0].text
    there.close()
    # What is new in the original since then, is not.
    (docs / "bears.md").write_text("# Bears\n\nThe brown bear sleeps in winter.\n")
    await library.sync()
    assert not (await move(library, root, shared)).was_there
    there = opened(root, shared)
    assert {Path(s.source).name for s in await there.sources()} == {
        "bears.md", "notes.txt", "whales.md",
    }  # fmt: skip
    assert (await there.sync()).unchanged == 3
    there.close()
    library.close()


async def test_a_folder_that_was_taken_out_at_the_target_is_not_added_again(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    root, shared = tmp_path / "library", Place(chroma, collection)
    library = opened(root, EMBEDDED)
    await library.add([str(docs)])
    await move(library, root, shared)
    there = opened(root, shared)
    await there.remove([str(docs)])
    assert (await move(library, root, shared)).was_there
    assert (await there.sync()).added == 0
    assert await there.sources() == ()
    for one in (library, there):
        one.close()


async def test_what_is_new_in_a_folder_that_was_taken_out_at_the_target_stays_out_too(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    root, shared = tmp_path / "library", Place(chroma, collection)
    library = opened(root, EMBEDDED)
    await library.add([str(docs)])
    await move(library, root, shared)
    there = opened(root, shared)
    await there.remove([str(docs)])
    (docs / "new.md").write_text("# New\n\nThe new note.\n")
    assert (await library.sync()).added == 1
    again = await move(library, root, shared)
    assert again.was_there
    assert "4 of its sources" in again.note
    assert await there.sources() == ()
    for one in (library, there):
        one.close()


async def test_a_second_move_goes_on_where_files_were_deleted_since_the_first(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    root, shared = tmp_path / "library", Place(chroma, collection)
    library = opened(root, EMBEDDED)
    await library.add([str(docs)])
    await move(library, root, shared)
    (docs / "foxes.md").unlink()
    (docs / "bears.md").write_text("# Bears\n\nThe brown bear sleeps in winter.\n")
    await library.sync()
    assert not (await move(library, root, shared)).was_there
    library.close()
    there = opened(root, shared)
    report = await there.sync()
    assert (report.removed, report.added, report.unchanged) == (1, 0, 3)
    there.close()


async def test_what_one_folder_hides_of_another_is_copied_too(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    here, there = Place(chroma, collection), Place(chroma, f"{collection}-next")
    file = docs / "whales.md"
    one, other = opened(tmp_path / "one", here), opened(tmp_path / "other", here)
    await one.add([str(file)])
    file.write_text("# Whales\n\nThe fin whale is the second largest animal, they say.\n")
    await other.add([str(file)])
    await move(other, tmp_path / "other", there)
    one.close()
    other.close()
    other = opened(tmp_path / "other", there)
    assert "fin" in (await other.search("largest animal")).passages[0].text
    share = other._share(other._shelves.shelf)
    assert share is not None
    gone = Changes(share.node, gone=((share.node.id, str(file)),))
    assert share.log.commit(share.state.version() + 1, gone)
    other.close()
    third = opened(tmp_path / "third", there)
    found = await third.search("largest animal")
    assert ("blue" in found.passages[0].text, found.how) == (True, "hybrid")
    third.close()


async def test_what_another_folder_of_this_machine_took_out_stays_out_of_a_copy(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    shared, more = Place(chroma, collection), docs / "more"
    more.mkdir()
    for name in ("foxes.md", "notes.txt"):
        (docs / name).rename(more / name)
    one, other = opened(tmp_path / "one", shared), opened(tmp_path / "other", shared)
    await one.add([str(docs / "whales.md")])
    await other.add([str(more)])
    await other.remove([str(more / "foxes.md")])
    await one.sync()
    await move(one, tmp_path / "one", EMBEDDED)
    copy = opened(tmp_path / "one", EMBEDDED)
    assert (await copy.sync()).added == 0
    assert sorted(await names(copy, "red fox")) == ["notes.txt", "whales.md"]
    for library in (one, other, copy):
        library.close()


async def test_a_library_with_other_folders_is_not_the_one_that_is_moved(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    root, shared = tmp_path / "library", Place(chroma, collection)
    library = opened(root, EMBEDDED)
    await library.add([str(docs)])
    await move(library, root, shared)
    (tmp_path / "empty").mkdir()
    await library.add([str(tmp_path / "empty")])
    library.close()
    library = opened(root, shared)
    with pytest.raises(TargetNotEmpty, match="what was added"):
        await move(library, root, EMBEDDED)
    library.close()


async def test_a_cache_is_copied_where_its_server_has_lost_the_library_or_is_gone(
    tmp_path: Path, docs: Path, served: Served, chroma: str, collection: str
) -> None:
    root, shared, next_ = tmp_path / "one", Place(served.url, "library"), Place(chroma, collection)
    library = opened(root, shared)
    await library.add([str(docs)])
    question = await library.search("largest animal")
    assert question.how == "hybrid"
    library._log._records._at.drop()  # type: ignore[attr-defined]
    moved = await move(library, root, EMBEDDED)
    assert (moved.documents, moved.was_there) == (3, False)
    assert "version 1, from this machine's cache" in moved.note
    assert moved.from_cache
    assert "vectors" not in moved.note
    served.stop()
    assert (await move(library, root, EMBEDDED)).was_there
    assert not (await move(library, root, next_)).was_there
    library.close()
    for place in (EMBEDDED, next_):
        copy = opened(root, place)
        assert await copy.search("largest animal") == question
        assert (await copy.sync()).unchanged == 3
        copy.close()
    stranger = opened(tmp_path / "stranger", shared)
    with pytest.raises(StoreUnreachable):
        await move(stranger, tmp_path / "stranger", EMBEDDED)
    stranger.close()


async def test_vectors_that_the_server_has_lost_are_copied_from_the_picture(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    root, there = tmp_path / "one", Place(chroma, f"{collection}-next")
    library = opened(root, Place(chroma, collection))
    await library.add([str(docs)])
    question = await library.search("largest animal")
    library._shelves.shelf.store.clear()
    assert (await move(library, root, there)).note == ""
    library.close()
    library = opened(root, there)
    assert await library.search("largest animal") == question
    library.close()


async def test_a_copy_without_vectors_that_are_lost_says_so_and_a_sync_makes_them(
    tmp_path: Path, docs: Path, chroma: str
) -> None:
    root = tmp_path / "library"
    library = opened(root, EMBEDDED)
    await library.add([str(docs)])
    library._shelves.shelf.store.clear()
    moved = await move(library, root, Place(chroma))
    assert "3 of 3 documents" in moved.note
    library.close()
    library = opened(root, Place(chroma))
    assert (await library.status()).embedded == 0
    assert (await library.sync()).unchanged == 3
    assert (await library.status()).embedded == 3
    library.close()


async def test_what_is_swept_during_a_move_is_stored_again_before_it_is_named(
    tmp_path: Path, docs: Path, chroma: str, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Place(chroma, collection), Place(chroma, f"{collection}-next")
    for name, file in (("one", "whales.md"), ("other", "foxes.md")):
        library = opened(tmp_path / name, here)
        await library.add([str(docs / file)])
        library.close()
    stranger = opened(tmp_path / "stranger", there)
    commit = SharedLog.commit
    first: list[int] = []

    def and_a_stranger(log: SharedLog, number: int, changes: Changes) -> bool:
        done = commit(log, number, changes)
        if not first:
            first.append(number)
            for file in ("whales.md", "foxes.md"):
                if str(docs / file) not in {entry.source for entry in changes.claims}:
                    asyncio.run(stranger.add([str(docs / file)]))
                    asyncio.run(stranger.remove([str(docs / file)]))
        return done

    monkeypatch.setattr(SharedLog, "commit", and_a_stranger)
    library = opened(tmp_path / "one", here)
    assert not (await move(library, tmp_path / "one", there)).was_there
    assert first
    library.close()
    stranger.close()
    library = opened(tmp_path / "reader", there)
    assert await names(library, "red fox", limit=1) == ["foxes.md"]
    assert await names(library, "blue whale", limit=1) == ["whales.md"]
    assert (await library.status()).embedded == 2
    library.close()


def collections(url: str) -> dict[str, int]:
    """What is on a server, by name, with its size."""
    client = chromadb.HttpClient(host="127.0.0.1", port=int(url.rpartition(":")[2]))
    found = {made.name: made.count() for made in client.list_collections()}
    for server in (client._server, client._admin_client._server):
        server._session.close()
    client.close()
    return found


async def test_a_move_that_is_given_up_leaves_nothing_on_the_server(
    tmp_path: Path, docs: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "library"
    library = opened(root, EMBEDDED)
    await library.add([str(docs)])
    monkeypatch.setattr(copying, "PAGE", 1)

    def stop(progress: Progress) -> None:
        if progress.done:
            library._writer.stop.set()

    with pytest.raises(InterruptedError):
        await move(library, root, Place(served.url), progress=stop)
    assert len(collections(served.url)) == 1
    other = Place(served.url.replace("127.0.0.1", "localhost"))
    assert not (await move(library, root, other)).was_there
    assert len(collections(served.url)) == 1
    library.close()
    library = opened(root, other)
    await library.sync()
    await move(library, root, EMBEDDED)
    assert collections(served.url) == {}
    assert not [*root.glob("moving-*")]
    library.close()


async def test_to_move_to_where_a_library_is_gives_up_a_move_that_was_begun(
    tmp_path: Path, docs: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "library"
    library = opened(root, EMBEDDED)
    await library.add([str(docs)])
    monkeypatch.setattr(copying, "PAGE", 1)

    def stop(progress: Progress) -> None:
        if progress.done:
            library._writer.stop.set()

    with pytest.raises(InterruptedError):
        await move(library, root, Place(served.url), progress=stop)
    assert (await move(library, root, EMBEDDED)).was_there
    assert collections(served.url) == {}
    assert not [*root.glob("moving-*")]
    assert (await library.sync()).unchanged == 3
    library.close()


async def test_to_move_to_where_a_shared_library_is_gives_up_a_move_that_was_begun(
    tmp_path: Path, docs: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, shared = tmp_path / "library", Place(served.url, "library")
    library = opened(root, shared)
    await library.add([str(docs)])
    monkeypatch.setattr(copying, "PAGE", 1)

    def stop(progress: Progress) -> None:
        if progress.done:
            library._writer.stop.set()

    with pytest.raises(InterruptedError):
        await move(library, root, Place(served.url), progress=stop)
    assert len(collections(served.url)) == 3
    assert (await move(library, root, shared)).was_there
    assert collections(served.url).keys() == {"library", "library.understudy-log"}
    assert not [*root.glob("moving-*")]
    assert (await library.sync()).unchanged == 3
    library.close()


async def test_a_copy_in_a_folder_reads_no_folder_that_only_the_log_names(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    root, shared = tmp_path / "library", Place(chroma, collection)
    secret = tmp_path / "secret"
    secret.mkdir()
    for name in ("key.md", "other.md"):
        (secret / name).write_text(f"# Key\n\nThe secret of {name}.\n")
    library = opened(root, shared)
    await library.add([str(docs)])
    node = this_node(root)
    entry = replace(
        library._shelves.shelf.catalog.sources.entries()[0],
        source=str(secret / "key.md"), root=str(secret),
    )  # fmt: skip
    forged = Changes(node, (entry,), paths=((node.id, "roots", str(secret), True),))
    log = SharedLog(Records(chroma, f"{collection}.understudy-log"))
    assert log.commit(2, forged)
    log.close()
    moved = await move(library, root, EMBEDDED)
    assert f"agent add {secret}" in moved.note
    assert (await move(library, root, EMBEDDED)).was_there
    library.close()
    copy = opened(root, EMBEDDED)
    report = await copy.sync()
    assert (report.added, report.changed, report.removed, report.unchanged) == (0, 0, 0, 3)
    assert len(await copy.sources()) == 4
    copy.close()


async def test_a_library_that_is_replaced_leaves_nothing_on_the_server(
    tmp_path: Path, docs: Path, served: Served
) -> None:
    root, private, shared = tmp_path / "one", Place(served.url), Place(served.url, "library")
    library = opened(root, private)
    await library.add([str(docs / "foxes.md")])
    library.close()
    (own,) = collections(served.url)
    library = opened(root, shared)
    await library.add([str(docs / "whales.md")])
    await move(library, root, EMBEDDED, force=True)
    assert collections(served.url).keys() == {"library", "library.understudy-log"}
    assert own not in collections(served.url)
    library.close()

"""What a machine knows of itself: who it is, and what was added on it, whatever a server says."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from knowledge.errors import LibraryCorrupt
from knowledge.shared import follow
from knowledge.shared.library import SharedLibrary
from knowledge.shared.node import this_node
from knowledge.shared.wire import Changes
from tests.knowledge.libraries import names
from tests.knowledge.shared.conftest import MakeNode


@pytest.fixture(autouse=True)
def look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LOOK", 0.0)


def delete_cache(library: SharedLibrary) -> None:
    library.close()
    shutil.rmtree(library.root)


async def test_a_cache_that_is_made_anew_reads_no_folder_that_only_the_log_names(
    open_node: MakeNode, docs: Path
) -> None:
    secret = docs.parent / "secret"
    secret.mkdir()
    (secret / "key.md").write_text("# Key\n\nThe secret key.\n")
    one = open_node("one")
    await one.add([str(docs / "whales.md")])
    forged = Changes(one._node, paths=((one._node.id, "roots", str(secret), True),))
    assert one._log.commit(2, forged)
    delete_cache(one)
    again = open_node("one")
    report = await again.sync()
    assert (report.added, report.unchanged) == (0, 1)
    assert str(secret) in report.note
    assert f"agent remove {secret}" in report.note
    await again.remove([str(secret)])
    assert (await again.sync()).note == ""
    assert [s.source for s in await again.sources()] == [str(docs / "whales.md")]


async def test_a_folder_that_was_added_to_another_library_is_not_shared_by_a_forged_log(
    open_node: MakeNode, docs: Path, chroma: str, collection: str
) -> None:
    private = docs.parent / "private"
    private.mkdir()
    (private / "key.md").write_text("# Key\n\nThe secret key.\n")
    mine = open_node("one")
    await mine.add([str(private)])
    root = docs.parent / "one"
    theirs = SharedLibrary.at(root, chroma, f"{collection}-b", embedder=None, node=mine._node)
    assert theirs._log.commit(
        1, Changes(mine._node, paths=((mine._node.id, "roots", str(private), True),))
    )
    report = await theirs.sync()
    assert (report.added, await theirs.sources()) == (0, ())
    assert f"agent add {private}" in report.note
    theirs.close()


async def test_a_machine_that_has_lost_its_list_takes_nothing_back_and_says_what_to_type(
    open_node: MakeNode, docs: Path
) -> None:
    one = open_node("one")
    await one.add([str(docs)])
    delete_cache(one)
    shutil.rmtree(one.root.parent.parent / "shared-own")
    again = open_node("one")
    (docs / "foxes.md").unlink()
    report = await again.sync()
    assert report.removed == 0
    assert f"agent add {docs}" in report.note
    assert len(await again.sources()) == 3
    assert (await again.add([str(docs)])).removed == 1
    assert (await again.sync()).note == ""


async def test_what_others_took_out_while_the_cache_was_gone_stays_out(
    open_node: MakeNode, docs: Path
) -> None:
    one, other = open_node("one", machine="alpha"), open_node("other", machine="beta")
    await one.add([str(docs / "whales.md"), str(docs / "foxes.md")])
    delete_cache(one)
    await other.remove([f"alpha-host:{docs / 'foxes.md'}"])
    again = open_node("one", machine="alpha")
    report = await again.sync()
    assert (report.unchanged, report.added, report.note) == (1, 0, "")


async def test_nobody_else_can_have_a_file_read_again_that_was_taken_out(
    open_node: MakeNode, docs: Path
) -> None:
    one = open_node("one")
    foxes = str(docs / "foxes.md")
    await one.add([str(docs)])
    await one.remove([foxes])
    assert one._log.commit(3, Changes(one._node, paths=((one._node.id, "excluded", foxes, False),)))
    assert (await one.sync()).added == 0
    delete_cache(one)
    again = open_node("one")
    assert (await again.sync()).added == 0
    assert foxes not in [source.source for source in await again.sources()]
    assert (await again.add([foxes])).added == 1
    delete_cache(again)
    third = open_node("one")
    assert (await third.sync()).unchanged == 3


async def test_a_damaged_list_is_named_and_nothing_is_taken_back(
    open_node: MakeNode, docs: Path
) -> None:
    one = open_node("one")
    await one.add([str(docs)])
    delete_cache(one)
    (file,) = (one.root.parent.parent / "shared-own").glob("*-*.json")
    file.write_text('{"roots": 7}')
    again = open_node("one")
    with pytest.raises(LibraryCorrupt, match="damaged") as caught:
        await again.sync()
    assert str(file) in caught.value.hint


async def test_a_machine_with_a_new_host_name_still_syncs_what_it_added(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = open_node("one")
    await one.add([str(docs)])
    one.close()
    monkeypatch.setattr(socket, "gethostname", lambda: "on-another-network")
    again = open_node("one")
    (docs / "foxes.md").unlink()
    assert (await again.sync()).removed == 1
    assert {source.reason for source in await again.sources()} == {""}
    assert this_node(docs.parent / "new").label.startswith("on-another-network-")


def test_a_machine_that_cannot_tell_who_it_is_says_so(tmp_path: Path) -> None:
    node = this_node(tmp_path)
    (file,) = (tmp_path / "shared-own").iterdir()
    assert json.loads(file.read_text())["id"] == node.id
    file.write_text('{"id": 7}')
    with pytest.raises(LibraryCorrupt, match="damaged") as caught:
        this_node(tmp_path)
    assert str(file) in caught.value.hint


async def test_what_a_lost_machine_added_can_be_taken_out_by_its_name(
    open_node: MakeNode, docs: Path
) -> None:
    lost, one = open_node("lost", machine="alpha"), open_node("one", machine="beta")
    await lost.add([str(docs)])
    await one.add([str(docs / "notes.txt")])
    assert len(await one.remove(["alpha-host:/"])) == 3
    assert [source.source for source in await one.sources()] == [str(docs / "notes.txt")]


async def test_a_cache_that_is_deleted_while_it_is_open_is_made_anew_for_all_who_use_it(
    open_node: MakeNode, docs: Path
) -> None:
    long_lived = open_node("one")
    await long_lived.add([str(docs / "whales.md")])
    shutil.rmtree(long_lived.root)
    assert await names(long_lived, "blue whale") == ["whales.md"]
    shutil.rmtree(long_lived.root)
    short = open_node("one")
    await short.add([str(docs / "foxes.md")])
    for _ in range(2):
        for library in (long_lived, short):
            assert await names(library, "red fox", limit=1) == ["foxes.md"]
            assert len(await library.sources()) == 2
    pictures = {one._shelves.shelf.catalog.meta("snapshot") for one in (long_lived, short)}
    assert len(pictures) == 1
    assert (await long_lived.sync()).unchanged == 2


@pytest.mark.parametrize("what", ["picture-*", "segment-*", "picture-*/segments.json"])
async def test_a_picture_that_is_gone_is_built_again_at_the_next_question(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    one = open_node("one")
    await one.add([str(docs)])
    monkeypatch.setattr(follow, "LOOK", 600.0)
    await one.sources()
    for found in (one.root / "snapshots").glob(what):
        found.unlink() if found.is_file() else shutil.rmtree(found)
    assert await names(one, "blue whale", limit=1) == ["whales.md"]

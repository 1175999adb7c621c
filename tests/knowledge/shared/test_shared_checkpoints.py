"""A machine that comes later begins at a version that was written down, and sees the same."""

from __future__ import annotations

import shutil
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from knowledge.dense import Record
from knowledge.shared import checkpoint, follow
from knowledge.shared.library import SharedLibrary
from tests.fakes import HashingEmbedder
from tests.knowledge.shared.conftest import MakeNode


@pytest.fixture(autouse=True)
def look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LOOK", 0.0)
    monkeypatch.setattr(checkpoint, "EVERY", 3)


def seen(library: SharedLibrary) -> list[object]:
    """What a library's node knows of all nodes, but for when a source was last looked at."""
    view = library._share(library._shelves.shelf).state.view()
    claims = {key: replace(entry, indexed_at=0.0) for key, entry in view.claims.items()}
    return [view.version, view.token, view.nodes, claims, *astuple(view)[5:]]


async def work(one: SharedLibrary, other: SharedLibrary, docs: Path) -> None:
    """Eight commits of two machines: added, changed, taken out, swept and stored again."""
    foxes = docs / "foxes.md"
    text = foxes.read_text()
    await one.add([str(docs)])
    await other.add([str(docs / "notes.txt")])
    for changed in ("# Bears\n\nThe brown bear sleeps.\n", text, "# Foxes\n\nWhite.\n", text):
        foxes.write_text(changed)
        await one.sync()
    await one.remove([str(docs / "whales.md")])
    await other.remove([f"alpha-host:{docs / 'notes.txt'}"])
    await one.sources()


def begun_at(library: SharedLibrary, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Notes after which versions a library reads commits."""
    versions, since = [], library._log.since

    def noted(version, token):  # type: ignore[no-untyped-def]
        versions.append(version)
        return since(version, token)

    monkeypatch.setattr(library._log, "since", noted)
    return versions


async def test_a_machine_that_comes_later_reads_only_what_follows_the_last_checkpoint(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (
        open_node(name, HashingEmbedder(), machine=at)
        for name, at in (("one", "alpha"), ("other", "beta"))
    )
    await work(one, other, docs)
    third = open_node("third", HashingEmbedder(), machine="gamma")
    versions = begun_at(third, monkeypatch)
    found = await third.search("the red fox", limit=1)
    assert found.how == "hybrid"
    assert versions == [6]
    assert [source.document_id for source in await third.sources()] == [
        source.document_id for source in await one.sources()
    ]
    assert seen(third) == seen(one)
    one.close()
    shutil.rmtree(one.root)
    again = open_node("one", HashingEmbedder(), machine="alpha")
    report = await again.sync()
    assert (report.unchanged, report.added, report.removed, report.note) == (1, 0, 0, "")
    assert seen(again) == seen(third)
    assert set(again._log._records.get([f"checkpoint-{n:012d}" for n in (1, 2, 3)])) == {
        "checkpoint-000000000001",
        "checkpoint-000000000002",
    }


async def test_checkpoints_that_a_killed_writer_did_not_delete_are_deleted_later(
    open_node: MakeNode,
) -> None:
    log = open_node("one")._log
    for number in (1, 2, 7):
        log.put_checkpoint(number, "{}")
    log._records.add([Record(f"checkpoint-{3:012d}", "{}", f"checkpoint-{3:012d}")])
    log.put_checkpoint(8, "{}")
    every = [f"checkpoint-{n:012d}" for n in range(1, 9)]
    assert {*log._records.get(every)} == {every[6], every[7]}


@pytest.mark.parametrize("text", ["no checkpoint", '{"digest": 1}', "", None])
async def test_a_checkpoint_that_is_damaged_or_missing_is_passed_over(
    text: str | None,
    open_node: MakeNode,
    docs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = open_node("one", machine="alpha"), open_node("other", machine="beta")
    await work(one, other, docs)
    there = one._log._records._at.it
    for name, first in (("checkpoint-000000000002", 3), ("checkpoint-000000000001", 0)):
        if text is None:
            there.delete(ids=[name])
        else:
            there.update(ids=[name], embeddings=[[0.0]], documents=[text])
        third = open_node(f"third-{name}", machine="gamma")
        versions = begun_at(third, monkeypatch)
        await third.sources()
        assert versions == [first]
        assert seen(third) == seen(one)


async def test_a_checkpoint_of_another_log_is_not_believed(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = open_node("one", machine="alpha"), open_node("other", machine="beta")
    await work(one, other, docs)
    view = one._share(one._shelves.shelf).state.view()
    forged = replace(view, version=6, token="of another", claims={})
    one._log._records.delete([f"checkpoint-{n:012d}" for n in (1, 2)])
    one._log.put_checkpoint(2, checkpoint._write(forged))
    third = open_node("third", machine="gamma")
    versions = begun_at(third, monkeypatch)
    assert len(await third.sources()) == len(await one.sources())
    assert versions == [6, 0]


async def test_that_a_checkpoint_cannot_be_written_stops_no_sync(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knowledge.errors import StoreUnreachable

    def gone(*_: object) -> None:
        raise StoreUnreachable("The server is gone.")

    one, other = open_node("one", machine="alpha"), open_node("other", machine="beta")
    for library in (one, other):
        monkeypatch.setattr(library._log, "put_checkpoint", gone)
    await work(one, other, docs)
    assert len(await open_node("third").sources()) == len(await one.sources())

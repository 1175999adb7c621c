"""What a sync that was cut off, or overtaken, leaves: nothing that comes back, nothing lost."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from knowledge.errors import StoreUnreachable
from knowledge.shared import follow
from knowledge.shared.library import SharedLibrary
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import names
from tests.knowledge.shared.conftest import MakeNode

if TYPE_CHECKING:
    from knowledge.embed import Vectors


@pytest.fixture(autouse=True)
def look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LOOK", 0.0)


def at_commit(library: SharedLibrary, work: Callable[[], object]) -> None:
    """Do something at the library's next attempt at a commit."""
    log, commit = library._log, library._log.commit

    def first(number, changes):  # type: ignore[no-untyped-def]
        log.commit = commit  # type: ignore[method-assign]
        work()
        return commit(number, changes)

    log.commit = first  # type: ignore[method-assign]


def apart(work: Callable[[], object]) -> None:
    """Do in a thread what needs an event loop of its own."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def gone() -> None:
    raise StoreUnreachable("The server is gone.")


async def test_vectors_of_a_sync_that_was_interrupted_are_published_by_the_next(
    open_node: MakeNode, docs: Path
) -> None:
    class CutOff(HashingEmbedder):
        """Ends the sync instead of embedding a second document, once."""

        ends = iter((False, True))

        def embed(self, texts: Sequence[str], **rest: Any) -> Vectors:
            if next(self.ends, False):
                raise InterruptedError
            return super().embed(texts, **rest)

    plain = open_node("plain", machine="alpha")
    full = open_node("full", CutOff(), machine="full")
    third = open_node("third", HashingEmbedder(), machine="third")
    await plain.add([str(docs)])
    with pytest.raises(InterruptedError):
        await full.sync()
    await full.sync()
    for library in (full, third, plain):
        assert (await library.status()).embedded == 3
    assert (await third.search("blue whale")).how == "hybrid"


async def test_vectors_that_the_server_has_lost_are_made_again_for_all(
    open_node: MakeNode, docs: Path
) -> None:
    one = open_node("one", HashingEmbedder())
    await one.add([str(docs)])
    one._shelves.shelf.store.clear()
    other, third = open_node("other", HashingEmbedder()), open_node("third", HashingEmbedder())
    assert (await other.search("whale")).how == "lexical"
    await other.sync()
    assert (await third.search("whale")).how == "hybrid"
    assert (await third.status()).embedded == 3


async def test_a_root_that_another_machine_removes_during_a_sync_stays_out(
    open_node: MakeNode, docs: Path
) -> None:
    one, other = open_node("one", machine="alpha"), open_node("other", machine="beta")
    await one.add([str(docs)])
    (docs / "bears.md").write_text("# Bears\n\nThe brown bear sleeps in winter.\n")
    at_commit(one, lambda: apart(lambda: asyncio.run(other.remove([f"alpha-host:{docs}"]))))
    await one.sync()
    assert await one.sources() == ()
    assert (await one.sync()).added == 0
    assert await other.sources() == ()


async def test_what_is_removed_before_it_was_committed_stays_out_of_later_syncs(
    open_node: MakeNode, docs: Path
) -> None:
    one = open_node("one")
    await one.add([str(docs)])
    bears = docs / "bears.md"
    bears.write_text("# Bears\n\nThe brown bear sleeps in winter.\n")
    at_commit(one, gone)
    with pytest.raises(StoreUnreachable):
        await one.sync()
    assert await one.remove([str(bears)]) == (str(bears),)
    assert (await one.sync()).added == 0
    assert "bears.md" not in await names(one, "brown bear winter")


async def test_a_removal_that_others_overtake_still_knows_what_was_not_committed(
    open_node: MakeNode, docs: Path
) -> None:
    one, other = open_node("one"), open_node("other", machine="beta")
    await one.add([str(docs / "whales.md")])
    await other.sources()
    at_commit(one, gone)
    with pytest.raises(StoreUnreachable):
        await one.add([str(docs)])
    at_commit(one, lambda: apart(lambda: asyncio.run(other.add([str(docs / "notes.txt")]))))
    assert await one.remove([str(docs / "foxes.md")]) == (str(docs / "foxes.md"),)
    assert (await one.sync()).removed == 0
    assert "foxes.md" not in await names(one, "red fox")


async def test_a_text_that_the_server_has_lost_hides_no_other_and_is_stored_again(
    open_node: MakeNode, docs: Path
) -> None:
    one = open_node("one", machine="alpha")
    await one.add([str(docs)])
    (lost,) = [s for s in await one.sources() if s.source.endswith("foxes.md")]
    assert lost.document_id is not None
    one._log._records.delete([lost.document_id])
    other = open_node("other", machine="beta")
    assert await names(other, "blue whale", limit=1) == ["whales.md"]
    assert [s.reason for s in await other.sources() if not s.document_id] == [
        "its text is missing on the server; of another machine"
    ]
    one.close()
    shutil.rmtree(one.root)
    again = open_node("one", machine="alpha")
    await again.sync()
    for library in (again, other):
        assert await names(library, "red fox dusk", limit=1) == ["foxes.md"]
        assert all(source.document_id for source in await library.sources())

"""How long a question waits: for the server, for what others have added, for another process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from knowledge import snapshot
from knowledge.catalog import Catalog
from knowledge.dense import DenseStore
from knowledge.errors import LibraryBusy, StoreUnreachable
from knowledge.shared import follow
from knowledge.shared.library import SharedLibrary
from knowledge.shared.wire import Changes
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import OtherEmbedder, names
from tests.knowledge.shared.conftest import MakeNode


@pytest.fixture(autouse=True)
def look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LOOK", 0.0)
    monkeypatch.setattr(follow, "AGAIN", 0.0)


class Held:
    """Has a call wait until it is told to go on."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self, *values: Any) -> Any:
        self.reached.set()
        assert self.go_on.wait(60)
        return self._call(*values)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[SharedLibrary], Held]]:
    """Holds what a library reads of commits; lets all go on at the end."""
    made = []

    def hold(library: SharedLibrary) -> Held:
        call = Held(library._log.since)
        monkeypatch.setattr(library._log, "since", call)
        made.append(call)
        return call

    yield hold
    for call in made:
        call.go_on.set()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_question_does_not_wait_for_a_server_that_hangs_while_commits_are_read(
    open_node: MakeNode,
    docs: Path,
    held: Callable[[SharedLibrary], Held],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = open_node("one"), open_node("other")
    await one.add([str(docs / "whales.md")])
    await names(other, "whale")
    await one.add([str(docs / "foxes.md")])
    monkeypatch.setattr(follow, "PATIENCE", 0.1)
    reading = held(other)
    for _ in range(2):
        found = await other.search("whale")
        assert [Path(p.source).name for p in found.passages] == ["whales.md"]
        assert "still being taken in" in found.note
    assert reading.reached.is_set()
    reading.go_on.set()
    await until(lambda: other._follower._at_work is None)
    monkeypatch.setattr(follow, "PATIENCE", 60.0)
    found = await other.search("red fox", limit=1)
    assert [Path(p.source).name for p in found.passages] == ["foxes.md"]
    assert "cache" not in found.note


async def test_a_question_that_the_server_does_not_answer_in_time_is_answered_with_a_note(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = open_node("one")
    await one.add([str(docs)])
    looking = Held(one._follower.watched.moved)
    monkeypatch.setattr(one._follower.watched, "moved", looking)
    monkeypatch.setattr(follow, "PATIENCE", 0.1)
    assert "has not answered yet" in (await one.search("whale")).note
    looking.go_on.set()
    await until(lambda: one._follower._at_work is None)


async def test_a_library_that_is_closed_while_it_takes_in_ends_that_first_and_says_so(
    open_node: MakeNode,
    docs: Path,
    held: Callable[[SharedLibrary], Held],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = open_node("one"), open_node("other")
    await one.add([str(docs / "whales.md")])
    await names(other, "whale")
    await one.add([str(docs / "foxes.md")])
    monkeypatch.setattr(follow, "PATIENCE", 0.1)
    reading = held(other)
    await other.search("whale")
    told: list[str] = []
    monkeypatch.setattr(other, "_notify", told.append)
    closing = asyncio.create_task(asyncio.to_thread(other.close))
    await until(lambda: bool(told))
    assert "before this ends" in told[0]
    assert not closing.done()
    reading.go_on.set()
    await asyncio.wait_for(closing, 60)
    assert len(told) == 1
    again = open_node("other")
    assert again._share(again._shelves.shelf).state.version() == 2


async def test_a_library_that_is_closed_does_not_wait_for_a_server_that_is_silent(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = open_node("one")
    await one.add([str(docs)])
    looking = Held(one._follower.watched.moved)
    monkeypatch.setattr(one._follower.watched, "moved", looking)
    monkeypatch.setattr(follow, "PATIENCE", 0.1)
    await one.search("whale")
    closing = asyncio.create_task(asyncio.to_thread(one.close))
    await asyncio.wait_for(closing, 60)
    looking.go_on.set()
    await until(lambda: one._follower._at_work is None)


async def test_what_comes_in_the_way_of_a_library_that_is_being_closed_is_told(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = open_node("one"), open_node("other")
    await one.add([str(docs / "whales.md")])
    await names(other, "whale")
    await one.add([str(docs / "foxes.md")])

    def gone(*_: object) -> None:
        raise StoreUnreachable("The server went away.")

    reading = Held(gone)
    monkeypatch.setattr(other._log, "since", reading)
    monkeypatch.setattr(follow, "PATIENCE", 0.1)
    await other.search("whale")
    told: list[str] = []
    monkeypatch.setattr(other, "_notify", told.append)
    closing = asyncio.create_task(asyncio.to_thread(other.close))
    await until(lambda: bool(told))
    reading.go_on.set()
    await asyncio.wait_for(closing, 60)
    assert "could not be taken in: The server went away." in told[-1]


async def test_what_builds_that_were_killed_left_is_cleared_away_by_the_next(
    open_node: MakeNode, docs: Path
) -> None:
    one, other = open_node("one"), open_node("other")
    await one.add([str(docs / "whales.md")])
    left = [other.root / "snapshots" / name for name in ("segment-killed", "picture-killed")]
    for folder in left:
        folder.mkdir(parents=True)
    build = snapshot.build
    there: list[bool] = []

    def looked(catalog: Catalog, store: DenseStore, folder: Path, live: set[str]) -> str:
        there.extend(path.exists() for path in left)
        return build(catalog, store, folder, live)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(snapshot, "build", looked)
        assert await names(other, "whale") == ["whales.md"]
    assert there == [False, False]


async def test_a_first_question_waits_for_another_process_and_then_says_that_it_is_busy(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = open_node("one"), open_node("other")
    await one.add([str(docs)])
    monkeypatch.setattr(follow, "LOCK_WAIT", 0.1)
    lock = FileLock(other.root / "write.lock")
    with lock:
        for ask in (other.search("whale"), other.sources(), other.status()):
            with pytest.raises(LibraryBusy, match="first time") as caught:
                await ask
            assert caught.value.hint
    assert await names(other, "blue whale", limit=1) == ["whales.md"]


async def test_a_first_question_is_answered_as_soon_as_another_process_has_read_the_library(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = open_node("one"), open_node("other")
    await one.add([str(docs)])
    looking = Held(other._follower.watched.moved)
    looking.go_on.set()
    monkeypatch.setattr(other._follower.watched, "moved", looking)
    monkeypatch.setattr(follow, "LOCK_WAIT", 600.0)
    with FileLock(other.root / "write.lock"):
        asked = asyncio.create_task(other.search("blue whale", limit=1))
        await asyncio.to_thread(looking.reached.wait, 60)
        with other._shelves.use() as at:
            other._share(at).pull()
        found = await asyncio.wait_for(asked, 60)
    assert [Path(p.source).name for p in found.passages] == ["whales.md"]


async def test_a_question_says_that_another_process_has_to_take_in_what_is_new(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = open_node("one"), open_node("other")
    await one.add([str(docs / "whales.md")])
    await names(other, "whale")
    await one.add([str(docs / "foxes.md")])
    monkeypatch.setattr(follow, "WAIT", 0.1)
    with FileLock(other.root / "write.lock"):
        found = await other.search("whale")
        assert [Path(p.source).name for p in found.passages] == ["whales.md"]
        assert "another process on this machine" in found.note
    found = await other.search("red fox", limit=1)
    assert [Path(p.source).name for p in found.passages] == ["foxes.md"]
    assert "cache" not in found.note


async def test_a_server_that_is_back_is_not_said_to_be_gone_while_much_is_taken_in(
    open_node: MakeNode,
    docs: Path,
    held: Callable[[SharedLibrary], Held],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = open_node("one"), open_node("other")
    await one.add([str(docs / "whales.md")])
    await names(other, "whale")
    await one.add([str(docs / "foxes.md")])

    def gone(*_: object) -> bool:
        raise StoreUnreachable("The server does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(other._follower.watched, "moved", gone)
        assert "does not answer" in (await other.search("whale")).note
    reading = held(other)
    monkeypatch.setattr(follow, "PATIENCE", 0.1)
    await other.search("whale")
    assert await asyncio.to_thread(reading.reached.wait, 60)
    note = (await other.search("whale")).note
    assert "still being taken in" in note
    assert "does not answer" not in note


async def test_an_embedder_that_made_no_vector_binds_nobody(
    open_node: MakeNode, docs: Path
) -> None:
    class Interrupted(HashingEmbedder):
        name = "interrupted"

        def embed(self, texts, **_):  # type: ignore[no-untyped-def]
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await open_node("one", Interrupted()).add([str(docs)])
    other = open_node("other", OtherEmbedder())
    assert (await other.add([str(docs)])).added == 3
    assert (await other.search("whale")).how == "hybrid"


async def test_what_is_listed_from_an_old_cache_is_told_to_be_old_once(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = open_node("one")
    await one.add([str(docs)])
    told: list[str] = []
    monkeypatch.setattr(one, "_notify", told.append)
    assert len(await one.sources()) == 3

    def gone(*_: object) -> bool:
        raise StoreUnreachable("The server does not answer: timed out")

    with monkeypatch.context() as patched:
        patched.setattr(one._follower.watched, "moved", gone)
        assert len(await one.sources()) == 3
        assert (await one.status()).sources == 3
        note = (await one.search("whale")).note
    assert len(told) == 1
    assert note.startswith(told[0])
    assert "timed out. Start the server" in note
    await one.sources()
    assert len(told) == 1


async def test_what_nobody_foresaw_while_taking_in_is_not_swallowed(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = open_node("one")
    await one.add([str(docs)])
    assert one._log.commit(2, Changes(one._node))

    def broken(*_: object) -> bool:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(one._log, "since", broken)
        with pytest.raises(ZeroDivisionError):
            await one.search("whale")
    assert await names(one, "blue whale", limit=1) == ["whales.md"]


async def test_what_nobody_foresaw_is_told_once_also_where_it_comes_after_the_wait(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = open_node("one"), open_node("other")
    await one.add([str(docs)])
    await names(other, "whale")
    assert one._log.commit(2, Changes(one._node))

    def broken(*_: object) -> bool:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        reading = Held(broken)
        patched.setattr(other._log, "since", reading)
        patched.setattr(follow, "PATIENCE", 0.1)
        assert "still being taken in" in (await other.search("whale")).note
        reading.go_on.set()
        await until(lambda: other._follower._at_work is None)
    with pytest.raises(ZeroDivisionError):
        await other.search("whale")
    assert await names(other, "blue whale", limit=1) == ["whales.md"]

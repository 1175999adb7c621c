"""A provider that goes on talking hears at once that nobody listens any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.budget import Limits
from agent.events import Done, Event, Token
from agent.models.embedded import Embedded
from agent.models.gateway import Gateway
from agent.session import Session
from agent.transcripts import Transcripts
from agent.wiring import MODES, Parts
from tests.fakes import MemoryLibrary
from tests.loopback import FaultKind, Loopback

TEXTS = {"moon.txt": "The Moon has no air.", "mars.txt": "Mars has two moons."}


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Transcripts]:
    transcripts = Transcripts(tmp_path / "transcripts.db")
    yield transcripts
    transcripts.close()


def session(server: Loopback, store: Transcripts | None = None, **rest: Any) -> Session:
    library: Any = MemoryLibrary(TEXTS)
    return Session(
        modes=Parts.from_env({}).modes(),
        model=Gateway("openai/test", api_base=server.base_url, api_key="k"),
        library=library,
        transcripts=store,
        quoter=Embedded(None),
        **rest,
    )


async def ask(session: Session) -> list[Event]:
    try:
        return [event async for event in session.ask("Has the Moon air, and what moons has Mars?")]
    finally:
        await session.model.aclose()


async def interrupted(
    server: Loopback, talk: Session, end: Callable[[asyncio.Task[Any]], object]
) -> asyncio.Task[list[Event]]:
    """An ask that is ended once its provider speaks; the provider has heard of it in a second."""
    task = asyncio.create_task(ask(talk))
    assert await asyncio.to_thread(server.speaking.wait, 60)
    end(task)
    assert await asyncio.to_thread(server.left.wait, 1.0)
    await asyncio.wait([task])
    assert await asyncio.to_thread(server.wait_until_alone, 10)
    return task


@pytest.mark.parametrize("fault", ["slow", "hang"])
@pytest.mark.parametrize("mode", MODES)
async def test_a_cancel_closes_the_connection(
    mode: str, fault: FaultKind, server: Loopback, store: Transcripts
) -> None:
    server.fail(fault)
    talk = session(server, store, mode=mode)
    task = await interrupted(server, talk, asyncio.Task.cancel)
    assert task.cancelled()
    said = server.tokens
    assert talk.id is not None
    assert store.turns(talk.id)[0].state == "interrupted"
    assert server.tokens == said


@pytest.mark.parametrize("fault", ["slow", "hang"])
@pytest.mark.parametrize("mode", MODES)
async def test_a_stop_closes_the_connection_and_ends_with_what_there_is(
    mode: str, fault: FaultKind, server: Loopback, store: Transcripts
) -> None:
    server.fail(fault)
    talk = session(server, store, mode=mode)
    task = await interrupted(server, talk, lambda _: talk.stop())
    *_, last = task.result()
    assert isinstance(last, Done)
    assert "You stopped it." in last.note
    assert last.outcome != "grounded"
    assert talk.id is not None
    assert store.turns(talk.id)[0].state == "done"
    if fault == "hang":
        # Nothing was said, so what was found is quoted.
        assert last.outcome == "partial"


async def test_leaving_the_events_closes_the_connection(server: Loopback) -> None:
    server.fail("slow")
    talk = session(server, mode="naive")
    stream = talk.ask("Has the Moon air, and what moons has Mars?")
    async for event in stream:
        if isinstance(event, Token):
            break
    await stream.aclose()
    assert await asyncio.to_thread(server.left.wait, 1.0)
    await talk.model.aclose()


@pytest.mark.parametrize("mode", MODES)
async def test_time_that_is_up_closes_the_connection(mode: str, server: Loopback) -> None:
    server.fail("slow")
    talk = session(server, mode=mode, limits=Limits(seconds=3.0))
    await talk.model.warm()
    *_, last = await ask(talk)
    assert isinstance(last, Done)
    assert "The limit of 3 s is reached." in last.note
    assert await asyncio.to_thread(server.left.wait, 10)


@pytest.mark.parametrize("mode", MODES)
async def test_a_stop_during_a_search_that_hangs_ends_the_ask(mode: str, server: Loopback) -> None:
    searching, let_go = asyncio.Event(), threading.Event()

    class Hanging(MemoryLibrary):
        async def search(self, query: str, **rest: Any) -> Any:
            searching.set()
            await asyncio.to_thread(let_go.wait)

        async def extent(self, *_: Any, **__: Any) -> Any:
            searching.set()
            await asyncio.to_thread(let_go.wait)

    talk = session(server, mode=mode)
    talk.library = Hanging(TEXTS)  # type: ignore[assignment]
    task = asyncio.create_task(ask(talk))
    try:
        await searching.wait()
        talk.stop()
        async with asyncio.timeout(10):
            *_, last = await task
    finally:
        let_go.set()
    assert isinstance(last, Done)
    assert "You stopped it." in last.note
    assert server.requests == []

"""Services over fakes, for the knowledge server; and a mode that waits until it is stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from mcp_types import CallToolResult

from agent.events import Event, Status
from agent.modes.base import Mode, Turn
from agent.modes.naive import Naive
from agent.session import Session
from knowledge.filters import Filters
from knowledge.report import Progress, SyncReport
from mcp_servers.knowledge import Services
from tests.fakes import EchoModel, MemoryLibrary

if TYPE_CHECKING:
    from knowledge.library import Library

NOTES: Mapping[str, str] = {
    "/notes/lamp.md": "The lamp of the lighthouse was lit in 1902.\n\nAda Brown was its keeper.",
    "/notes/boat.md": "The boat was built of oak in 1911.",
}


class Waiting:
    """A mode that tells that it waits, and never ends of itself; what it holds takes a while to
    close."""

    name = "waiting"

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        try:
            yield Status("Waiting")
            await asyncio.Event().wait()
        finally:
            for _ in range(3):  # as a connection that says goodbye
                await asyncio.sleep(0)
            self.closed.set()


def services(
    texts: Mapping[str, str] = NOTES,
    *,
    mode: Mode | None = None,
    add: Callable[[str, Callable[[Progress], None]], Any] | None = None,
    library: MemoryLibrary | None = None,
) -> Services:
    """What a server needs, over texts by source."""
    held = cast("Library", library or MemoryLibrary(texts))
    chosen = mode or Naive()

    async def opened() -> Library:
        return held

    async def ask(question: str, mode: str, filters: Filters | None) -> AsyncGenerator[Event, None]:
        session = Session(
            modes={chosen.name: chosen}, model=EchoModel(), library=held, mode=chosen.name
        )
        async with aclosing(session.ask(question, mode=mode or None, filters=filters)) as events:
            async for event in events:
                yield event

    return Services(library=opened, ask=ask, modes=("auto", "naive"), add=add)


async def added(path: str, progress: Callable[[Progress], None]) -> SyncReport:
    """Adds one file, telling of it from another thread."""
    await asyncio.to_thread(progress, Progress("read", 1, 1, path))
    return SyncReport(added=1, chunks=3)


def data(result: CallToolResult) -> dict[str, Any]:
    """The data of a result, which its text says too, and which fits a host."""
    assert not result.is_error, result.content
    assert result.structured_content is not None
    [block] = result.content
    assert json.loads(block.text) == result.structured_content  # type: ignore[union-attr]
    assert len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) < 20_000
    return result.structured_content


def words(result: CallToolResult) -> str:
    """What a failed call says."""
    assert result.is_error
    [block] = result.content
    return str(block.text)  # type: ignore[union-attr]

"""The chat in a browser as `agent serve --web` has it: behind its login, on a port of loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from agent.server.serving import bind, serve, url_of
from tests.agent.server.whole_server import TOKEN, Whole, whole

DEADLINE = 120.0


@dataclass(frozen=True)
class Served:
    """A server that answers."""

    url: str
    whole: Whole

    @property
    def entrance(self) -> str:
        """Where a browser goes first; it holds the token."""
        return f"{self.url}/?token={TOKEN}"


@contextlib.asynccontextmanager
async def served(command: str = "true") -> AsyncIterator[Served]:
    """A server whose pages each start this command; it ends when this is left."""
    bound = bind("127.0.0.1", 0)
    url = url_of(bound)
    ready = asyncio.Event()
    async with asyncio.timeout(DEADLINE), whole(chat=command, url=url) as server:
        running = asyncio.create_task(
            serve(server.app, bound, server.admission, drain=1, ready=ready.set)
        )
        waiting = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
            yield Served(url, server)
        finally:
            waiting.cancel()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


@contextlib.asynccontextmanager
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A browser without pages."""
    jar = aiohttp.CookieJar(unsafe=True)  # an address is no name, and may have cookies here
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield session


@contextlib.asynccontextmanager
async def page(entrance: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """The socket of a page that was entered with its token."""
    own = entrance.partition("/?")[0]
    async with client() as session:
        async with session.get(entrance) as response:
            assert response.status == 200
        yield await session.ws_connect(f"{own}/ws", headers={"Origin": own})


@contextlib.asynccontextmanager
async def ended(server: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """Whatever happens, it does not outlive the test."""
    try:
        yield
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()

"""How a server of ours is reached: over standard input and output, by HTTP, or on a lent port."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

    from mcp.server import MCPServer
    from starlette.types import Message, Receive, Scope, Send

    Server = MCPServer[Any]
    """Whatever `build` gives, for those who may not know the SDK."""

PATH = "/mcp"
"""Where HTTP finds a server."""
_GRACE = 2
"""Seconds that calls may still take when HTTP is to end."""
SESSIONS = 100
"""Open at once on one `Lent` server; a client that has lost its own opens another."""
_SESSION = b"mcp-session-id"
_IDLE = 300.0
"""Seconds without a request after which such a session ends: many clients leave without a word."""


async def over_stdio(server: Server, close: Callable[[], Awaitable[None]]) -> None:
    """Serve until standard input ends, or a signal comes.

    Nothing but the protocol goes to standard output: what anything else writes there goes to
    standard error.

    Args:
        server: That is served.
        close: Lets go of what it holds.
    """
    loop = asyncio.get_running_loop()
    leaving: list[asyncio.Task[None]] = []

    async def leave(code: int) -> None:
        # The thread that waits for input cannot be stopped: the process ends without it.
        with suppress(Exception):
            await close()
        sys.stderr.flush()
        os._exit(code)

    def stop(code: int) -> None:
        leaving.append(loop.create_task(leave(code)))

    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop, 128 + number)
    try:
        await server.run_stdio_async()
    except* BrokenPipeError:
        pass  # whoever started it has gone, and hears no more
    finally:
        await close()


async def over_http(
    server: Server, bound: socket.socket, close: Callable[[], Awaitable[None]]
) -> None:
    """Serve streamable HTTP until a signal comes.

    A page in a browser can reach this machine's addresses too, under a name of its own: only
    requests that name the bound address, and come from no page or from one of it, are heard.

    Args:
        server: That is served.
        bound: A socket bound to a loopback address.
        close: Lets go of what the server holds.
    """
    import uvicorn
    from mcp.server.transport_security import TransportSecuritySettings

    host, port = bound.getsockname()[:2]
    names = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}", f"localhost:{port}"]
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=names,
            allowed_origins=[f"http://{name}" for name in names],
        ),
    )
    # What it has to say goes where all logs go: that a client listened to the end is no error.
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=_GRACE
    )
    try:
        await uvicorn.Server(config).serve(sockets=[bound])
    finally:
        await close()


class Lent:
    """A server as an ASGI application, between `open` and `close`.

    Whoever lends it the port has seen to hosts, origins and keys; each user has one of their own,
    so that no session of one is another's. Where a user has as many sessions as may be, a new one
    takes the place of the one that has been idle for longest.
    """

    def __init__(self, server: Server, *, sessions: int = SESSIONS) -> None:
        """Serve nothing yet; `sessions` may be open at once."""
        from mcp.server.transport_security import TransportSecuritySettings

        server.streamable_http_app(
            max_sessions=sessions,
            session_idle_timeout=_IDLE,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self._manager = server.session_manager
        self._most = sessions
        self._asked: dict[str, int] = {}
        """Requests under way, by session; the one that was not used for longest first."""
        self._ended = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to answer."""
        ready = asyncio.Event()

        # One task from beginning to end: what the SDK opens, the same task must close.
        async def run() -> None:
            async with self._manager.run():
                ready.set()
                await self._ended.wait()

        self._running = asyncio.create_task(run())
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({self._running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._running.done():
            self._running.result()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, whatever its path."""
        if session := _session_in(scope["headers"]):
            with ExitStack() as asking:
                if session in self._asked:
                    asking.enter_context(self._asking(session))

                async def known(message: Message) -> None:
                    # A session that is no more takes no real one's place among those known here.
                    if message["type"] == "http.response.start":
                        if message["status"] == 404:
                            self._asked.pop(session, None)
                        elif session not in self._asked:
                            asking.enter_context(self._asking(session))
                    await send(message)

                await self._manager.handle_request(scope, receive, known)
            if scope["method"] == "DELETE":
                self._asked.pop(session, None)
        else:
            read: list[Message] = []

            async def noted() -> Message:
                read.append(await receive())
                return read[-1]

            async def again() -> Message:
                return read.pop(0) if read else await receive()

            if await self._opens(scope, noted, send, full=False):
                await self._make_room(scope)
                await self._opens(scope, again, send, full=True)

    async def _opens(self, scope: Scope, receive: Receive, send: Send, *, full: bool) -> bool:
        """Answer a request that may open a session.

        Args:
            scope: The request.
            receive: Its body; read even where there is no room.
            send: Takes the answer.
            full: Whether it is to be answered where there is no room.

        Returns:
            Whether there is no room, and nothing was answered.
        """
        refused = False
        with ExitStack() as asking:

            async def told(message: Message) -> None:
                nonlocal refused
                if message["type"] == "http.response.start":
                    refused = message["status"] == 503 and not full
                    if session := _session_in(message["headers"]):
                        asking.enter_context(self._asking(session))
                if not refused:
                    await send(message)

            await self._manager.handle_request(scope, receive, told)
        return refused

    @contextmanager
    def _asking(self, session: str) -> Iterator[None]:
        """While open, something is asked in a session; afterwards it is the last that was used."""
        self._asked[session] = self._asked.get(session, 0) + 1
        try:
            yield
        finally:
            if session in self._asked:
                self._asked[session] = self._asked.pop(session) - 1
            # What is more than may be open has ended by itself: what was not used for longest.
            for idle in self._idle[: max(0, len(self._asked) - self._most)]:
                del self._asked[idle]

    @property
    def _idle(self) -> list[str]:
        """The sessions in which nothing is being asked, the one that was not for longest first."""
        return [session for session, asked in self._asked.items() if not asked]

    async def _make_room(self, scope: Scope) -> None:
        """End the session that has been idle for longest, where there is one, as a client would."""
        ended = False

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def told(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                ended = message["status"] < 400

        for session in self._idle:
            self._asked.pop(session, None)
            named = [(_SESSION, session.encode("latin-1")), (b"host", b"localhost")]
            ending = {**scope, "method": "DELETE", "headers": named}
            await self._manager.handle_request(ending, receive, told)
            if ended:
                return

    async def close(self) -> None:
        """End all sessions, and the calls in them."""
        self._ended.set()
        if self._running is not None:
            await self._running


def _session_in(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The session that a request or a response names; empty for none."""
    named = [value for name, value in headers if name.lower() == _SESSION]
    return named[0].decode("latin-1") if named else ""

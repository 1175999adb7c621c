"""How a server of ours is reached: over standard input and output, by HTTP, or on a lent port."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

    from mcp.server import MCPServer
    from starlette.types import Receive, Scope, Send

    Server = MCPServer[Any]
    """Whatever `build` gives, for those who may not know the SDK."""

PATH = "/mcp"
"""Where HTTP finds a server."""
_GRACE = 2
"""Seconds that calls may still take when HTTP is to end."""
_SESSIONS = 100
"""Open at once on one `Lent` server; a client that has lost its own opens another."""
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
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE
    )
    try:
        await uvicorn.Server(config).serve(sockets=[bound])
    finally:
        await close()


class Lent:
    """A server as an ASGI application, between `open` and `close`.

    Whoever lends it the port has seen to hosts, origins and keys; each user has one of their own,
    so that no session of one is another's.
    """

    def __init__(self, server: Server) -> None:
        """Serve nothing yet."""
        from mcp.server.transport_security import TransportSecuritySettings

        server.streamable_http_app(
            max_sessions=_SESSIONS,
            session_idle_timeout=_IDLE,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self._manager = server.session_manager
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
        await self._manager.handle_request(scope, receive, send)

    async def close(self) -> None:
        """End all sessions, and the calls in them."""
        self._ended.set()
        if self._running is not None:
            await self._running

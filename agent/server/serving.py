"""The socket, and uvicorn on it from its start to a quiet end.

The end has two parts. First the server still listens: new asks are refused with 503, and those that
run are told to end with what they have, for which they are given `drain` seconds. Then it listens
no more, and what still runs is cancelled. What else answers by open connections is closed between
the two.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from agent.errors import UsageError
from agent.server.connections import CONNECTIONS, Connection
from agent.server.logs import Forwarded, silent
from agent.server.observed import Broken

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from agent.server.admission import Admission
    from agent.server.logs import Log

DRAIN = 20.0
"""Seconds that running asks are given to end."""
_LAST = 3
"""Seconds for connections to close once nothing is asked any more."""
_BACKLOG = 512


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(host: str, port: int) -> socket.socket:
    """A socket that is not listening yet.

    Args:
        host: An address of this machine, or a name of one.
        port: 0 takes any that is free.

    Raises:
        UsageError: It is taken, or none may be had.
    """
    bound = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # An address of version 4 where a name has both: it is what clients try without fail.
        family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        bound = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":  # elsewhere it would let two programs share a port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except (OSError, OverflowError, UnicodeError) as error:
        if bound is not None:
            bound.close()
        reason = getattr(error, "strerror", "") or error
        raise UsageError(
            f"{host}, port {port}, cannot be used: {reason}.",
            hint="Take another port; --port 0 takes any that is free.",
        ) from error
    return bound


def url_of(bound: socket.socket) -> str:
    """Where this machine reaches a bound socket, without a path."""
    host, port = bound.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"http://{address}:{port}" if address.version == 4 else f"http://[{address}]:{port}"


async def _nothing() -> None:
    """What is closed where nothing else answers."""


async def serve(
    app: Starlette,
    bound: socket.socket,
    admission: Admission,
    *,
    drain: float = DRAIN,
    ready: Callable[[], None] = lambda: None,
    close: Callable[[], Awaitable[None]] = _nothing,
    log: Log = silent,
) -> None:
    """Serve until told to end by a signal, or cancelled; the socket is closed then.

    A second signal, or being cancelled again, ends it at once.

    Args:
        app: What `build_app` gives.
        bound: Where to listen; see `bind`.
        admission: Of the app.
        drain: Seconds that running asks are given to end with what they have.
        ready: Called once requests are answered.
        close: Called once asks have ended: lets go of what would hold connections open.
        log: Where lines go.
    """
    server = _Server(
        uvicorn.Config(
            app,
            http=Connection,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=_LAST,
            ws_ping_interval=15.0,
        )
    )
    asked = asyncio.Event()
    # The lifespan is opened here and not by uvicorn, which would end the process where it fails.
    with _forwarded(log), _signals(asked, server):
        async with app.router.lifespan_context(app):
            # A task of its own: cancelling the caller lets the asks end, too.
            serving = asyncio.create_task(server.serve([bound]))
            waiting = asyncio.create_task(asked.wait())
            try:
                await server.wait_started(serving)
                if not serving.done():
                    ready()
                    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
                ending = asyncio.create_task(_end(server, serving, admission, drain, close, log))
                try:
                    await asyncio.shield(ending)
                except asyncio.CancelledError:
                    server.hurry()
                    await ending
                    raise
                finally:
                    bound.close()
    serving.result()


async def _end(
    server: _Server,
    serving: asyncio.Task[None],
    admission: Admission,
    drain: float,
    close: Callable[[], Awaitable[None]],
    log: Log,
) -> None:
    log("ending", running=admission.running, waiting=admission.waiting)
    admission.drain()
    idle = asyncio.create_task(admission.idle())
    hurried = asyncio.create_task(server.hurried.wait())
    await asyncio.wait({idle, hurried, serving}, timeout=drain, return_when=asyncio.FIRST_COMPLETED)
    if left := admission.running:
        log("cancelled", running=left)
    # What a chat or a client of MCP has open is no ask, and would not end by itself.
    closing = asyncio.ensure_future(close())
    await asyncio.wait({closing, hurried}, return_when=asyncio.FIRST_COMPLETED)
    if not closing.done():
        closing.cancel()
    for task in (idle, hurried):
        task.cancel()
    server.should_exit = True
    await asyncio.wait({serving})
    # uvicorn cancels what still runs, and neither waits for that nor closes the connections.
    if tasks := set(server.server_state.tasks):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_LAST)
    for connection in list(server.server_state.connections):
        if connection.transport is not None:
            connection.transport.abort()
    await asyncio.sleep(0)
    # Where it was told to hurry, what does not end at once ends with the process.
    await asyncio.wait({closing}, timeout=_LAST)
    if closing.done() and not closing.cancelled():
        closing.result()
    log("ended")


class _Server(uvicorn.Server):
    """uvicorn's server, whose signals and end are ours."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.hurried = asyncio.Event()
        """Set where it is to end without waiting any longer."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: see `_signals`."""
        yield

    async def wait_started(self, serving: asyncio.Task[None]) -> None:
        """Wait until it listens, or has failed to."""
        while not self.started and not serving.done():
            await asyncio.sleep(0.01)

    def hurry(self) -> None:
        """End without waiting."""
        self.hurried.set()
        self.force_exit = self.should_exit = True


@contextmanager
def _signals(asked: asyncio.Event, server: _Server) -> Iterator[None]:
    """While open, signals that would end this process ask for a quiet end; the second hurries it.

    One that whoever started it lets be ignored, as `nohup` does, is ignored further.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def end() -> None:
        if asked.is_set():
            server.hurry()
        asked.set()

    def told(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(end)

    names = ("SIGINT", "SIGTERM", "SIGHUP", *(("SIGBREAK",) if sys.platform == "win32" else ()))
    before = {}
    for name in names:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, told)
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(TypeError):  # one that was not set from Python cannot be set again
                signal.signal(number, handler)


def _untold(record: logging.LogRecord) -> bool:
    """Whether the log has no line of it: what was broken off has one by its request."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, Broken | asyncio.CancelledError)


@contextmanager
def _forwarded(log: Log) -> Iterator[None]:
    """While open, what uvicorn has to say goes to the log, and nowhere else."""
    handler = Forwarded(log)
    handler.addFilter(_untold)
    logger = logging.getLogger("uvicorn")
    propagates = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates

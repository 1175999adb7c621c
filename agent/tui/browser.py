"""The chat in a browser: textual-serve, on loopback, for whoever knows the token. The only door.

textual-serve by itself answers everybody who can reach its port, web pages included, and its page
loads a font from a stranger. So every request must name this address as its host and carry the
token, once in the URL and from then on in a cookie; a socket must come from this very page; and
the page is one of ours, which may load nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import secrets
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

from agent.errors import UsageError

HOST = "127.0.0.1"
_TEMPLATES = Path(__file__).with_name("web")
_SECONDS = 2.0
"""How long a chat is waited for at its end, each time before it is told more firmly."""
_DRIVER = "agent.tui.page_driver:PageDriver"
_log = logging.getLogger("textual-serve")


def bind(port: int) -> socket.socket:
    """A socket on loopback.

    Args:
        port: 0 takes any that is free.

    Raises:
        UsageError: It is taken, or none may be had.
    """
    bound = socket.socket(socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise UsageError(
            f"Port {port} cannot be used: {getattr(error, 'strerror', '') or error}.",
            hint="Take another one; --port 0 takes any that is free.",
        ) from error
    return bound


class Page(AppService):
    """The chat of one open page: a process, whose end is waited for."""

    _ending: asyncio.Task[None] | None = None

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        return {**super()._build_environment(width, height), "TEXTUAL_DRIVER": _DRIVER}

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        """Start it in a group of its own, which the terminal's Ctrl-C does not reach."""
        self._process = await asyncio.create_subprocess_shell(
            self.command, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True,
            env=self._build_environment(width, height),
        )  # fmt: skip
        self._stdin = self._process.stdin
        return self._process

    async def stop(self) -> None:
        """End it: asked first, then told, then killed. Whoever calls waits for that one end."""
        if self._process is None or self._task is None:
            return
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(self._process, self._task))
        await asyncio.shield(self._ending)

    async def _end(self, process: Process, reading: asyncio.Task[None]) -> None:
        await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
        await self.send_meta({"type": "quit"})
        gone = asyncio.gather(reading, process.wait())
        for firmly in (signal.SIGTERM, signal.SIGKILL if sys.platform != "win32" else None):
            if (await asyncio.wait([gone], timeout=_SECONDS))[0]:
                break
            _signal(process, firmly)
        await asyncio.wait([gone], timeout=_SECONDS)
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        await self.remote_close()


def _signal(process: Process, number: signal.Signals | None) -> None:
    """Send a signal to a process and all that it has started; where there is none, kill it."""
    with suppress(ProcessLookupError):
        if sys.platform == "win32" or number is None:  # pragma: no cover
            process.kill()
        else:
            os.killpg(process.pid, number)


@contextmanager
def _signals(ended: Callable[[], None]) -> Iterator[None]:
    """While open, what would end this process calls something instead.

    A signal that whoever started it lets be ignored, as `nohup` does, is ignored further.
    """
    loop, caught = asyncio.get_running_loop(), []
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) is signal.SIG_IGN:
            continue
        # Windows has none of these; there Ctrl-C cancels what runs.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, ended)
            caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


class Browser(Server):
    """Serves one command, each page with a process of its own."""

    def __init__(self, command: str, bound: socket.socket) -> None:
        """Make a token; nothing is served yet.

        Args:
            command: What a shell starts for each page.
            bound: Where to listen; see `bind`.
        """
        self.token = secrets.token_urlsafe(24)
        """What the first request must carry."""
        self._bound = bound
        port: int = bound.getsockname()[1]
        super().__init__(
            command, host=HOST, port=port, title="Understudy", templates_path=_TEMPLATES,
            public_url=f"http://{HOST}:{port}",
        )  # fmt: skip
        self._cookie = f"understudy-{port}"
        self._pages: set[Page] = set()

    @property
    def url(self) -> str:
        """Where to go first; it holds the token."""
        return f"{self.public_url}/?token={self.token}"

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled, or told to end by a signal; no chat is left running.

        Args:
            ready: Called once requests are answered.
        """
        _log.setLevel(logging.CRITICAL)
        runner = web.AppRunner(await self._make_app(), access_log=None, shutdown_timeout=_SECONDS)
        ended = asyncio.Event()
        with _signals(ended.set):
            await runner.setup()
            try:
                await web.SockSite(runner, self._bound).start()
                ready()
                await ended.wait()
            finally:
                await runner.cleanup()

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guarded)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: whoever runs this says where it is."""

    async def on_shutdown(self, app: web.Application) -> None:
        """End all chats, before their sockets are cut off."""
        await asyncio.gather(*(page.stop() for page in self._pages))

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run one chat, from its page's first word to its last."""
        socket = web.WebSocketResponse(heartbeat=15, timeout=_SECONDS)
        await socket.prepare(request)

        # What a page that has gone is not sent is still read: else its chat could not write on,
        # nor end.
        async def write_bytes(data: bytes) -> None:
            with suppress(ConnectionError):
                await socket.send_bytes(data)

        async def write_str(data: str) -> None:
            with suppress(ConnectionError):
                await socket.send_str(data)

        async def close() -> None:
            await socket.close()

        page = Page(
            self.command, write_bytes=write_bytes, write_str=write_str, close=close,
            download_manager=self.download_manager,
        )  # fmt: skip
        self._pages.add(page)
        try:
            asked = (request.query.get("width", ""), 80), (request.query.get("height", ""), 24)
            await page.start(*(to_int(given, default) for given, default in asked))
            await self._process_messages(socket, page)
        except Exception as error:  # a page may send anything
            _log.exception(error)
        finally:
            await page.stop()
            self._pages.discard(page)
        return socket

    @property
    def _guarded(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.headers.getall("Host", []) != [f"{HOST}:{self.port}"]:
                raise web.HTTPForbidden(text="This address is not served.\n")
            origin = request.headers.get("Origin")
            if origin != self.public_url and (origin is not None or request.path == "/ws"):
                raise web.HTTPForbidden(text="Other pages may not ask here.\n")
            if request.path == "/" and self._is_token(request.query.get("token", "")):
                entered = web.HTTPSeeOther("/")
                entered.set_cookie(self._cookie, self.token, httponly=True, samesite="Strict")
                self._harden(entered)
                raise entered
            if not self._is_token(request.cookies.get(self._cookie, "")):
                raise web.HTTPForbidden(text="Open the address that `agent serve` printed.\n")
            response = await handler(request)
            if not response.prepared:
                self._harden(response)
            return response

        return guard

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _harden(self, response: web.StreamResponse) -> None:
        own = f"'self' 'unsafe-inline' data: blob: ws://{HOST}:{self.port}"
        response.headers["Content-Security-Policy"] = f"default-src {own}; frame-ancestors 'none'"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"

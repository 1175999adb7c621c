"""The chat in a browser: an ASGI application, each page of it with a chat in a process of its own.

The door to textual-serve, of which only the way to run such a process is used: its own server
answers everybody who can reach its port, and its page loads a font from a stranger. Who asks is
found out before anything comes here (`agent serve`'s login, and its watch over hosts and origins);
here, whoever is not allowed gets no page and starts no process, and the page is one of ours, which
may load nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import textual_serve
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

_PAGE = Path(__file__).with_name("web") / "index.html"
_STATIC = Path(textual_serve.__file__).with_name("static")
_SECONDS = 2.0
"""How long a chat is waited for at its end, each time before it is told more firmly."""
_DRIVER = "agent.tui.page_driver:PageDriver"
_WIDEST = 1000
"""Cells of a terminal, in either direction: a page may ask for anything."""
_HOST = re.compile(r"[\w.:\[\]-]+", re.ASCII)
_log = logging.getLogger("textual-serve")


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
        # Each by itself: a process that says nothing has its reading end as if it were cancelled.
        gone = {reading, asyncio.ensure_future(process.wait())}
        for firmly in (signal.SIGTERM, signal.SIGKILL if sys.platform != "win32" else None):
            if not (await asyncio.wait(gone, timeout=_SECONDS))[1]:
                break
            _signal(process, firmly)
        await asyncio.wait(gone, timeout=_SECONDS)
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        await self.remote_close()

    async def hear(self, said: object) -> None:
        """Pass on what the page's script says: keys, a new size, whether it is looked at."""
        match said:
            case ["stdin", str(keys)]:
                await self.send_bytes(keys.encode("utf-8", "replace"))
            case ["resize", {"width": width, "height": height}]:
                await self.set_terminal_size(_cells(width, 80), _cells(height, 24))
            case ["ping", beat]:
                await self.remote_write_str(json.dumps(["pong", beat]))
            case ["blur", *_]:
                await self.blur()
            case ["focus", *_]:
                await self.focus()
            case _:
                pass


def _signal(process: Process, number: signal.Signals | None) -> None:
    """Send a signal to a process and all that it has started; where there is none, kill it."""
    with suppress(ProcessLookupError):
        if sys.platform == "win32" or number is None:  # pragma: no cover
            process.kill()
        else:
            os.killpg(process.pid, number)


def _cells(given: object, default: int) -> int:
    """A width or a height that a terminal can have."""
    try:
        return min(max(int(str(given)), 1), _WIDEST)
    except ValueError:
        return default


def _hardened(scope: Scope, send: Send) -> Send:
    """Adds to a response what its page, and other pages, may not do."""
    host = Headers(scope=scope).get("host", "")
    # What `'self'` leaves out in older browsers: the page's own sockets.
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    own = f"'self' 'unsafe-inline' data: blob:{sockets}"

    async def hardened(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = f"default-src {own}; frame-ancestors 'none'"
            headers["Referrer-Policy"] = "no-referrer"
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Cache-Control"] = "no-store"
        await send(message)

    return hardened


class Browser:
    """Serves one command, each page with a process of its own. An ASGI application."""

    def __init__(self, command: str, *, allowed: Callable[[Scope], bool]) -> None:
        """Nothing is started before a page asks.

        Args:
            command: What a shell starts for each page.
            allowed: Whether a request is from somebody whose program this is; a socket, from this
                very page.
        """
        self._command = command
        self._allowed = allowed
        self._downloads = DownloadManager()
        self._pages: set[Page] = set()
        self._closed = False
        _log.setLevel(logging.CRITICAL)
        self._routes: ASGIApp = Router(
            [
                Route("/", self._index),
                WebSocketRoute("/ws", self._socket),
                Route("/download/{key}", self._download),
                Mount("/static", StaticFiles(directory=_STATIC)),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer whoever is allowed to see a chat; the others learn that they are not."""
        if scope["type"] == "websocket":
            await self._open(scope, receive, send)
            return
        answer: ASGIApp = self._routes
        if not self._allowed(scope):
            answer = PlainTextResponse(
                "The chat in the browser is its owner's: open the address that `agent serve`"
                " printed. With a key of your own, ask under /v1.\n",
                status_code=403,
            )
        await answer(scope, receive, _hardened(scope, send))

    async def close(self) -> None:
        """End all chats; no other begins."""
        self._closed = True
        await asyncio.gather(*(page.stop() for page in self._pages))

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._closed or scope["path"] != "/ws" or not self._allowed(scope):
            # Before it is accepted: the browser gets a 403.
            await WebSocket(scope, receive, send).close()
            return
        await self._routes(scope, receive, send)

    async def _index(self, request: Request) -> Response:
        return HTMLResponse(_PAGE.read_text(encoding="utf-8"))

    async def _download(self, request: Request) -> Response:
        """A file that a chat has offered to its page: to be kept, never to be shown as a page."""
        key = request.path_params["key"]
        try:
            offered = await self._downloads.get_download_metadata(key)
        except KeyError:
            return PlainTextResponse("Nothing is offered under this name.\n", status_code=404)

        async def pieces() -> AsyncIterator[bytes]:
            async for piece in self._downloads.download(key):
                yield piece

        return StreamingResponse(
            pieces(),
            media_type="application/octet-stream",
            headers={
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(offered.file_name)}"
            },
        )

    async def _socket(self, socket: WebSocket) -> None:
        """Run one chat, from its page's first word to its last."""
        await socket.accept()

        # What a page that has gone is not sent is still read: else its chat could not write on,
        # nor end. Starlette says by a RuntimeError that the socket is closed already.
        async def write_bytes(data: bytes) -> None:
            with suppress(WebSocketDisconnect, RuntimeError):
                await socket.send_bytes(data)

        async def write_str(data: str) -> None:
            with suppress(WebSocketDisconnect, RuntimeError):
                await socket.send_text(data)

        async def close() -> None:
            with suppress(WebSocketDisconnect, RuntimeError):
                await socket.close()

        page = Page(
            self._command, write_bytes=write_bytes, write_str=write_str, close=close,
            download_manager=self._downloads,
        )  # fmt: skip
        self._pages.add(page)
        try:
            asked = socket.query_params
            await page.start(_cells(asked.get("width"), 80), _cells(asked.get("height"), 24))
            async for text in socket.iter_text():
                await page.hear(json.loads(text))
        except Exception as error:  # a page may send anything
            _log.exception(error)
        finally:
            await page.stop()
            self._pages.discard(page)

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
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from textual_serve.server import Server

from agent.errors import UsageError

HOST = "127.0.0.1"
_TEMPLATES = Path(__file__).with_name("web")
_SECONDS = 2.0
"""How long open pages are waited for at the end."""


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

    @property
    def url(self) -> str:
        """Where to go first; it holds the token."""
        return f"{self.public_url}/?token={self.token}"

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled.

        Args:
            ready: Called once requests are answered.
        """
        logging.getLogger("textual-serve").setLevel(logging.CRITICAL)
        runner = web.AppRunner(await self._make_app(), access_log=None, shutdown_timeout=_SECONDS)
        await runner.setup()
        try:
            await web.SockSite(runner, self._bound).start()
            ready()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guarded)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: whoever runs this says where it is."""

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

"""Other ASGI applications on the server's port: each answers a path and all that lies below it.

Which there are is said by whoever composes the server; they come after its own routes.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["ASGIApp", "Receive", "Scope", "Send", "mount_routes"]


def mount_routes(mounts: Mapping[str, ASGIApp]) -> list[BaseRoute]:
    """Routes to applications.

    Args:
        mounts: By path: `/mcp` answers `/mcp` and what begins with `/mcp/`; `/` answers itself
            alone. The application is given the path as it came, HTTP or WebSocket.
    """
    return [Mounted(path, mounts[path]) for path in sorted(mounts, key=len, reverse=True)]


class Mounted(BaseRoute):
    """A path and all below it. Unlike starlette's `Mount`, it has the path itself, too."""

    def __init__(self, path: str, app: ASGIApp) -> None:
        """Answer `path` and what is below by `app`."""
        self.path = path
        self._below = f"{path}/"
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether it answers a request."""
        if scope["type"] not in ("http", "websocket"):
            return Match.NONE, {}
        path = scope["path"]
        if path != self.path and not path.startswith(self._below):
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self._app}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer it."""
        await self._app(scope, receive, send)

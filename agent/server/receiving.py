"""How a request's body comes in: whole in time, a file piece by piece, and no longer than may be.

Whose request it is, is known by then; how long a whole body may be, its route says.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from agent.server.errors import Refused

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATIENCE = 30.0
"""Seconds for the next piece of a body, and for the whole of one that is no file."""
_PIECES = "by_pieces"


def by_pieces(scope: Scope) -> None:
    """Have each piece of a request's body wait for its own time: it is a file."""
    scope.setdefault("state", {})[_PIECES] = True


class Received:
    """Refuses bodies that do not come, and says in the house's shape that one is too long."""

    def __init__(self, app: ASGIApp, *, patience: float = PATIENCE) -> None:
        """Receive for an application.

        Args:
            app: Whoever reads the bodies, and answers 413 in plain words to what is too long.
            patience: Seconds for a body; for each piece where `by_pieces` was said.
        """
        self.app = app
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on.

        Raises:
            Refused: 408, its body does not come; 413, it is too long.
        """
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        whole = begun = False
        until: float | None = None
        refused: Refused | None = None

        async def received() -> Message:
            nonlocal whole, until, refused
            if whole:  # from here on it is waited for whether the client leaves
                return await receive()
            now = asyncio.get_running_loop().time()
            if until is None or scope.get("state", {}).get(_PIECES):
                until = now + self._patience
            try:
                if now > until:  # what comes at once is never interrupted
                    raise TimeoutError
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                refused = _late()
                raise refused from None
            whole = not message.get("more_body", False)
            return message

        async def told(message: Message) -> None:
            nonlocal begun
            if refused is not None and not begun:
                return  # whatever the application makes of it
            begun = True
            if message["type"] == "http.response.start" and message["status"] == 413:
                kind = Headers(raw=message["headers"]).get("content-type", "")
                if kind.startswith("text/plain"):
                    raise Refused(413, "The body is longer than is taken here.", code="too_large")
            await send(message)

        try:
            await self.app(scope, received, told)
        except Exception:
            if refused is None or begun:
                raise
        if refused is not None and not begun:
            raise refused


def _late() -> Refused:
    """What is answered where a body does not come."""
    return Refused(
        408, "The body of the request did not come in time.", code="request_timeout",
        hint="Send it again, without a pause.",
    )  # fmt: skip

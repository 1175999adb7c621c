"""How a request's body comes in: piece after piece in time, and no longer than may be.

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


class Received:
    """Refuses bodies that do not come, and says in the house's shape that one is too long."""

    def __init__(self, app: ASGIApp, *, patience: float = PATIENCE) -> None:
        """Receive for an application.

        Args:
            app: Whoever reads the bodies, and answers 413 in plain words to what is too long.
            patience: Seconds for each piece.
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
        whole = False

        async def received() -> Message:
            nonlocal whole
            if whole:  # from here on it is waited for whether the client leaves
                return await receive()
            try:
                async with asyncio.timeout(self._patience):
                    message = await receive()
            except TimeoutError:
                raise late() from None
            whole = not message.get("more_body", False)
            return message

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 413:
                kind = Headers(raw=message["headers"]).get("content-type", "")
                if kind.startswith("text/plain"):
                    raise Refused(413, "The body is longer than is taken here.", code="too_large")
            await send(message)

        await self.app(scope, received, told)


def late() -> Refused:
    """What is answered where a body does not come."""
    return Refused(
        408, "The body of the request did not come in time.", code="request_timeout",
        hint="Send it again, without a pause.",
    )  # fmt: skip

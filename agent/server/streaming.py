"""Server-sent events that begin when there is something to say, stay alive, and end when unheard.

Source: the HTML standard, 9.2 "Server-sent events"; OpenAI's API ends a stream with `[DONE]`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.responses import Response

from agent.plain_text import one_line
from agent.server.failures import body_of
from agent.server.observed import answer_for

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

KEEP_ALIVE = 10.0
"""Seconds of silence after which a comment is sent: proxies close what is silent for long."""
STALLED = 60.0
"""Seconds after which a client that takes nothing of what is sent counts as gone."""
DONE = b"data: [DONE]\n\n"
_AHEAD = 64
"""Events that may wait for a slow client."""

_T = TypeVar("_T")


class ClientGone(Exception):
    """Whoever asked has left; nobody reads a response."""


def comment(text: str) -> bytes:
    """An event that clients pass over."""
    return f": {one_line(text)}\n\n".encode(errors="replace")


class EventStream(Response):
    """A response of server-sent events.

    The status waits for the first event that is no comment, at most `KEEP_ALIVE` seconds from the
    first of any kind: what is refused before that, for as long as it waited for a place, has a
    status of its own; what fails later becomes an `error` event. When the client leaves, the
    events' generator is closed at once.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        """Make the response; nothing is asked for yet.

        Args:
            events: Whole events, as they are sent: a comment first, once work begins. May raise
                until its end.
        """
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            await until_gone(receive, self._send_all(scope, send))
        except ClientGone:
            return

    async def _send_all(self, scope: Scope, send: Send) -> None:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
        pump = asyncio.create_task(_pump(self._events, queue))
        patience: float | None = None
        try:
            while True:
                try:
                    async with asyncio.timeout(patience):
                        event = await queue.get()
                except TimeoutError:
                    await self._begin(send)
                    event = comment("still at work")
                patience = KEEP_ALIVE
                if event is None:
                    break
                if not event.startswith(b":"):
                    await self._begin(send)
                if self._begun:
                    await _send(send, event)
            try:
                await pump
            except Exception as error:
                if not self._begun:
                    raise
                said = json.dumps(body_of(answer_for(scope, error)))
                await _send(send, f"data: {said}\n\n".encode())
            await self._begin(send)
            await _send(send, DONE, more=False)
        finally:
            await _end(pump)

    async def _begin(self, send: Send) -> None:
        if not self._begun:
            self._begun = True
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)


async def until_gone(receive: Receive, work: Coroutine[Any, Any, _T]) -> _T:
    """Do some work for as long as the client is there; it is cancelled when the client leaves.

    Args:
        receive: Of a request whose body has been read.
        work: What the client waits for.

    Raises:
        ClientGone: It has left. Whatever `work` raises, besides.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return await working
    finally:
        await _end(working, leaving)


async def _pump(events: AsyncGenerator[bytes, None], queue: asyncio.Queue[bytes | None]) -> None:
    """Fetch events in one task: what they come from may hold on to the task it began in."""
    try:
        async with aclosing(events):
            async for event in events:
                await queue.put(event)
    finally:
        task = asyncio.current_task()
        if task is None or not task.cancelling():
            await queue.put(None)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    try:
        async with asyncio.timeout(STALLED):
            await send({"type": "http.response.body", "body": body, "more_body": more})
    except TimeoutError:
        raise ClientGone from None

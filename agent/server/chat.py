"""`POST /v1/chat/completions`: one question of a conversation, answered whole or as a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.responses import Response

from agent.events import Status
from agent.server.asking import Ask, Ended
from agent.server.auth import user_of
from agent.server.bodies import ChatRequest, read
from agent.server.completion import Delta, Wire
from agent.server.streaming import ClientGone, EventStream, comment, until_gone

if TYPE_CHECKING:
    from starlette.requests import Request

    from agent.server.admission import Admission
    from agent.server.completion import ChatCompletion
    from agent.server.hosting import Hosting


async def chat(request: Request, hosting: Hosting, admission: Admission) -> Response:
    """Answer one request.

    Raises:
        Refused: The request cannot be carried out, or not now.
    """
    body = await read(request, ChatRequest)
    ask = Ask(hosting, admission, user_of(request), body)
    if body.stream:
        options = body.stream_options
        used = options is not None and options.include_usage
        return EventStream(_pieces(ask, Wire(body.model), used=used))
    try:
        answer = await until_gone(request.receive, whole(ask, Wire(body.model)))
    except ClientGone:
        return Response(status_code=499)
    return Response(answer.model_dump_json(), media_type="application/json")


async def whole(ask: Ask, wire: Wire) -> ChatCompletion:
    """The answer in one piece."""
    async with aclosing(ask.events()) as events:
        (end,) = [event async for event in events if isinstance(event, Ended)]
    content = None if end.calls and not ask.said else ask.said + end.tail
    return wire.whole(content, end.finish, ask.usage, end.calls, end.about)


async def _pieces(ask: Ask, wire: Wire, *, used: bool) -> AsyncGenerator[bytes, None]:
    """The answer in pieces, as it is said; where a persona may replace it, at its end."""
    restyled = await ask.restyled()
    begun = False
    async with aclosing(ask.events()) as events:
        async for event in events:
            if isinstance(event, Status):
                yield comment(event.text)
                continue
            if not begun:
                begun = True
                yield wire.piece(Delta(role="assistant", content=""))
            if isinstance(event, Ended):
                if text := (ask.said if restyled else "") + event.tail:
                    yield wire.piece(Delta(content=text))
                if event.calls:
                    yield wire.piece(Delta(tool_calls=list(event.calls)))
                yield wire.piece(Delta(), event.finish, event.about)
            elif not restyled:
                yield wire.piece(Delta(content=event.text))
    if used:
        yield wire.used(ask.usage)

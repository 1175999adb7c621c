"""Around every request: a name for it, a line in the log, the figures, and errors as responses.

The outermost of the application's layers: whatever goes wrong inside becomes a response here, so
that no error reaches uvicorn, which would print it.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect

from agent.server.failures import bug, ending, refusal, response_of
from agent.server.logs import places
from agent.server.tickets import TOLD

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from agent.server.errors import Refused
    from agent.server.logs import Log
    from agent.server.metrics import Metrics

REQUEST_ID = "X-Request-ID"
_FIT = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""A name that a proxy in front may give."""
_LEFT = 499
"""The status that is counted where the client went before there was one (nginx' custom)."""
_ANSWER_FOR = "answer_for"
"""Where a request's state has the way to tell of an error in what has begun to be sent."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def answer_for(scope: Scope, error: Exception) -> Refused:
    """Count and log an error in a response that has begun, and that tells of it in its own way.

    Args:
        scope: Of a request that has passed `Observed`.
        error: What was raised.

    Returns:
        What is told to the client.
    """
    told: Refused = scope["state"][_ANSWER_FOR](error)
    return told


class Observed:
    """Names, times, counts and logs requests, and answers for what goes wrong."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, log: Log) -> None:
        """Observe an application."""
        self.app = app
        self._metrics = metrics
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        state = scope.setdefault("state", {})
        given = Headers(scope=scope).get(REQUEST_ID, "")
        name = state["request_id"] = given if _FIT.fullmatch(given) else secrets.token_hex(8)
        began, status = time.monotonic(), 0
        told: dict[str, object] = {}
        reset = TOLD.set(told)

        def noted(error: Exception) -> Refused:
            user = state.get("user")
            refused = refusal(error, owner=user is not None and user.is_owner)
            if refused is None:
                self._log("bug", request=name, error=type(error).__name__, places=places(error))
                refused = bug()
            elif refused.cause:
                self._log("failed", request=name, code=refused.code, message=refused.cause)
            self._metrics.refused(refused.code)
            told["code"] = refused.code
            return refused

        state[_ANSWER_FOR] = noted

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).setdefault(REQUEST_ID, name)
            elif message["type"] == "websocket.accept":
                status = 101
            elif message["type"] == "websocket.close" and not status:
                status = 403
            await send(message)

        try:
            await self.app(scope, receive, observed_send)
        except asyncio.CancelledError:
            if not status:
                await self._say(noted(ending()), scope, receive, observed_send)
            raise
        except ClientDisconnect:
            pass  # in the middle of its body; nobody reads an answer
        except Exception as error:
            refused = noted(error)
            if not status:
                await self._say(refused, scope, receive, observed_send)
            elif scope["type"] == "http":
                # The response has begun: only its breaking off can tell that it is not whole.
                raise Broken from None
        finally:
            TOLD.reset(reset)
            self._tell(scope, status or _LEFT, time.monotonic() - began, told)

    async def _say(self, refused: Refused, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": str(refused)[:120]})
        else:
            await response_of(refused)(scope, receive, send)

    def _tell(self, scope: Scope, status: int, seconds: float, told: dict[str, object]) -> None:
        state = scope["state"]
        method: str = scope.get("method", "WS")
        method = method if method in _METHODS or method == "WS" else "other"
        # The route's pattern, never the path itself, which may hold names of documents.
        route = str(getattr(scope.get("route"), "path", "") or "none")
        self._metrics.request(method, route, status, seconds)
        user = state.get("user")
        self._log(
            "request",
            request=state["request_id"],
            user=user.name if user is not None else None,
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            **told,
        )


class Broken(Exception):
    """A response broke off after it had begun; the log says why."""

"""The application: routes and mounts behind one login, one port, and one way to say what is wrong.

It composes what the modules beside it give; it knows nothing of sockets and signals (`serving.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from agent.server.auth import Auth, Logins
from agent.server.errors import Refused
from agent.server.failures import refusal, response_of
from agent.server.health import Readiness, health_routes
from agent.server.login import login_routes
from agent.server.logs import silent
from agent.server.metrics import Metrics
from agent.server.mounts import mount_routes
from agent.server.observed import Observed
from agent.server.receiving import Received

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send

    from agent.server.admission import Admission
    from agent.server.hosting import Hosting
    from agent.server.keys import Keys
    from agent.server.logs import Log

LONGEST_BODY = 8 * 1024 * 1024
"""Bytes of a request; a route that takes files sets its own `max_body_size`."""


@dataclass(frozen=True, slots=True)
class Address:
    """How the server is reached."""

    names: tuple[str, ...] = ()
    """Host names that mean it, beside localhost, any IP address and that of `public_url`."""
    public_url: str = ""
    """Where a proxy in front is reached, without a path; empty where there is none."""
    pages: bool = False
    """Whether there are pages for browsers, and so a login."""


def build_app(
    hosting: Hosting,
    keys: Keys,
    admission: Admission,
    *,
    routes: Sequence[BaseRoute] = (),
    mounts: Mapping[str, ASGIApp] | None = None,
    address: Address | None = None,
    metrics: Metrics | None = None,
    log: Log = silent,
) -> Starlette:
    """The application of one server.

    Args:
        hosting: What it answers from; whoever made it closes it.
        keys: Who may ask.
        admission: How much; the same that the routes were made with.
        routes: Of the APIs.
        mounts: Applications by path; see `mount_routes`. They come after the routes.
        address: How it is reached; None for loopback without pages.
        metrics: The figures that `admission` is told of too.
        log: Where lines go.
    """
    address, metrics = address or Address(), metrics or Metrics()
    readiness = Readiness(hosting, admission, log)
    logins = Logins(keys, secure=address.public_url.startswith("https:"))
    own = [
        *health_routes(readiness, metrics),
        *(login_routes(keys, logins) if address.pages else ()),
    ]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        readiness.begin()
        try:
            yield
        finally:
            await readiness.aclose()

    return Starlette(
        routes=[*own, *routes, *mount_routes(mounts or {})],
        middleware=[
            Middleware(Observed, metrics=metrics, log=log),
            Middleware(
                Auth, keys=keys, logins=logins, names=address.names,
                public_url=address.public_url, pages=address.pages,
            ),
            Middleware(Rated, admission=admission),
            Middleware(Received),
            Middleware(RequestBodyLimitMiddleware, max_body_size=LONGEST_BODY),
        ],
        exception_handlers={HTTPException: _http_error},
        lifespan=lifespan,
    )  # fmt: skip


class Rated:
    """Counts every request of a user against their rate, and those that they have open."""

    def __init__(self, app: ASGIApp, *, admission: Admission) -> None:
        """Count for an application."""
        self.app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or raise `Refused`."""
        if scope["type"] in ("http", "websocket") and (user := scope["state"].get("user")):
            self._admission.count(user)
            with self._admission.under_way(user):
                return await self.app(scope, receive, send)
        await self.app(scope, receive, send)


async def _http_error(request: Request, error: Exception) -> Response:
    """What starlette itself raises (no such path, too large) in the house's shape."""
    refused = refusal(error)
    assert isinstance(refused, Refused)
    response = response_of(refused)
    # With 405: what is allowed.
    response.headers.update(getattr(error, "headers", None) or {})
    return response

"""The application around routes of the test's own: real keys, no library and no model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from agent.server.admission import Admission
from agent.server.app import Address, build_app
from agent.server.auth import user_of
from agent.server.hosting import Hosting
from agent.server.keys import Keys
from agent.server.metrics import Metrics
from agent.server.users import User

TOKEN = "und_the_owners_of_this_run"
BASE = "http://127.0.0.1:8766"


class Model:
    """A model of which only its being ready is asked."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def warm(self) -> None:
        if self.error is not None:
            raise self.error


class Empty:
    """A library of which only its being readable is asked."""

    async def extent(self) -> None:
        return None


class Nothing:
    """What an application is built over where nothing is answered from."""

    def __init__(self) -> None:
        self.model = Model()
        self.error: Exception | None = None

    async def library(self, user: User, name: str = "") -> Empty:
        if self.error is not None:
            raise self.error
        return Empty()


@dataclass
class Guarded:
    """An application, and what it has said."""

    app: Starlette
    keys: Keys
    admission: Admission
    metrics: Metrics
    hosting: Nothing
    lines: list[dict[str, Any]] = field(default_factory=list)
    """Of the log."""

    @asynccontextmanager
    async def client(self, key: str = "", **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        if key:
            headers["Authorization"] = f"Bearer {key}"
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as client:
            yield client


async def who(request: Request) -> Response:
    """Says who asks."""
    return JSONResponse({"user": user_of(request).name})


async def echo(request: Request) -> Response:
    """Says how long the body is."""
    return PlainTextResponse(str(len(await request.body())))


def guarded(
    folder: Path,
    *,
    routes: Sequence[BaseRoute] = (),
    address: Address | None = None,
    admission: Admission | None = None,
) -> Guarded:
    """An application with `/who` and `/echo`, and routes of the test's own."""
    metrics, hosting = Metrics(), Nothing()
    admission = admission or Admission(metrics=metrics)
    keys = Keys(folder / "users.json", token=TOKEN)
    lines: list[dict[str, Any]] = []

    def log(event: str, **fields: object) -> None:
        lines.append({"event": event, **fields})

    app = build_app(
        cast(Hosting, hosting), keys, admission,
        routes=[
            Route("/who", who, methods=["GET", "POST"]),
            Route("/echo", echo, methods=["POST"]), *routes,
        ],
        address=address, metrics=metrics, log=log,
    )  # fmt: skip
    return Guarded(app, keys, admission, metrics, hosting, lines)

"""Whether the server lives, whether it can answer, and its figures."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.errors import AgentError
from agent.server.logs import places
from agent.server.metrics import CONTENT_TYPE
from agent.server.users import ALL, OWNER, User
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from agent.server.admission import Admission
    from agent.server.hosting import Hosting
    from agent.server.logs import Log
    from agent.server.metrics import Metrics

_AGAIN = 10.0
"""Seconds between two tries at what has failed."""
_STILL = 60.0
"""Seconds after which what was in order is looked at again."""


class Readiness:
    """Whether the library can be read and the model loads: tried at the start and now and then."""

    def __init__(self, hosting: Hosting, admission: Admission, log: Log) -> None:
        """Try nothing yet."""
        self._hosting = hosting
        self._admission = admission
        self._log = log
        self._trying: asyncio.Task[dict[str, str]] | None = None
        self._tried = 0.0
        self._checks: dict[str, str] = {}

    def begin(self) -> None:
        """Open the library and warm the model beside whatever else happens."""
        if self._trying is None:
            self._trying = asyncio.create_task(self._try())

    async def checks(self) -> dict[str, str]:
        """What stands how: `ok`, `starting` or `failed`, by name. No reason: anybody may ask."""
        now = asyncio.get_running_loop().time()
        lasts = _AGAIN if "failed" in self._checks.values() else _STILL
        if not self._checks or now - self._tried > lasts:
            self.begin()
        checks = self._checks or {"library": "starting", "model": "starting"}
        return {**checks, "server": "ending" if self._admission.draining else "ok"}

    async def aclose(self) -> None:
        """Give up a try that is under way."""
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.wait([self._trying])

    async def _try(self) -> dict[str, str]:
        owner = User(OWNER, reads=(ALL,), writes=(ALL,))
        checks = {}
        for name in ("library", "model"):
            try:
                if name == "library":
                    await (await self._hosting.library(owner)).extent()
                else:
                    await self._hosting.model.warm()
            except (AgentError, KnowledgeError) as error:
                checks[name] = "failed"
                self._log("not_ready", check=name, message=str(error), hint=error.hint)
            except Exception as error:
                checks[name] = "failed"
                self._log("not_ready", check=name, error=type(error).__name__, places=places(error))
            else:
                checks[name] = "ok"
        self._tried = asyncio.get_running_loop().time()
        self._checks, self._trying = checks, None
        return checks


def health_routes(readiness: Readiness, metrics: Metrics) -> list[BaseRoute]:
    """`/healthz` and `/readyz`, open to anybody, and `/metrics`, for whoever has a key."""

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def readyz(request: Request) -> Response:
        checks = await readiness.checks()
        ready = all(state == "ok" for state in checks.values())
        return JSONResponse(
            {"ready": ready, "checks": checks},
            status_code=200 if ready else 503,
            headers={"Cache-Control": "no-store", **({} if ready else {"Retry-After": "5"})},
        )

    async def figures(request: Request) -> Response:
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", figures, methods=["GET"]),
    ]

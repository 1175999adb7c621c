"""The JSON API: which operations there are, and the document that describes all the server does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from agent.server.api_search import Searching
from agent.server.api_sessions import Sessions
from agent.server.api_sources import Sources
from agent.server.api_upkeep import Upkeep
from agent.server.openapi import document
from agent.server.operations import routes

if TYPE_CHECKING:
    from agent.server.admission import Admission
    from agent.server.hosting import Hosting
    from agent.server.operations import Operation


def api_routes(hosting: Hosting, admission: Admission) -> list[BaseRoute]:
    """The routes of `/api`, and `/openapi.json`, which describes the others' too.

    Args:
        hosting: What they work with.
        admission: How much is done at once.
    """
    operations: list[Operation[Any, Any]] = [
        *Searching(hosting, admission).operations(),
        *Sources(hosting, admission).operations(),
        *Upkeep(hosting, admission).operations(),
        *Sessions(hosting).operations(),
    ]
    described = document(operations)

    async def openapi(request: Request) -> Response:
        return JSONResponse(described)

    return [
        *routes(operations),
        Route("/openapi.json", openapi, methods=["GET"], name="openapi"),
    ]

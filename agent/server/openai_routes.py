"""OpenAI's HTTP API over the agent: which paths there are. What they do is in the modules beside.

Source: https://platform.openai.com/docs/api-reference (models, chat, embeddings).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from agent.server.bodies import OpenAI
from agent.server.chat import chat
from agent.server.embeddings import embeddings
from agent.server.model_names import NAMES, meant

if TYPE_CHECKING:
    from agent.server.admission import Admission
    from agent.server.hosting import Hosting


class ModelInfo(OpenAI):
    """A model."""

    id: str
    object: Literal["model"] = "model"
    created: int
    """When the server was started."""
    owned_by: str = NAMES


class ModelList(OpenAI):
    """All models."""

    object: Literal["list"] = "list"
    data: list[ModelInfo]


def openai_routes(hosting: Hosting, admission: Admission) -> list[BaseRoute]:
    """The routes `/v1/models`, `/v1/chat/completions` and `/v1/embeddings`.

    Args:
        hosting: What they answer from.
        admission: How much is answered at once.
    """
    began = int(time.time())

    async def models(request: Request) -> Response:
        names = await asyncio.to_thread(hosting.models)
        listed = ModelList(data=[ModelInfo(id=name, created=began) for name in names])
        return JSONResponse(listed.model_dump())

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in await asyncio.to_thread(hosting.models):
            _, persona = meant(name)
            await asyncio.to_thread(hosting.persona, persona)
        return JSONResponse(ModelInfo(id=name, created=began).model_dump())

    async def chatting(request: Request) -> Response:
        return await chat(request, hosting, admission)

    async def embedding(request: Request) -> Response:
        return await embeddings(request, hosting, admission)

    return [
        Route("/v1/models", models, methods=["GET"]),
        Route("/v1/models/{name:path}", model, methods=["GET"]),
        Route("/v1/chat/completions", chatting, methods=["POST"]),
        Route("/v1/embeddings", embedding, methods=["POST"]),
    ]

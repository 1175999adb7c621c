"""The OpenAPI document: every path that the server answers, with what it takes and gives.

Of the JSON API it is made from the same declarations that requests are checked against; of OpenAI's
API from the shapes that `bodies.py` and `completion.py` read and write. What MCP and the chat in
the browser speak is no OpenAPI, and is named in the description only.

Source: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from agent import __version__
from agent.server import bodies, completion
from agent.server.embeddings import Embeddings
from agent.server.openai_routes import ModelInfo, ModelList
from agent.server.operations import Nothing, Operation

_ABOUT = """\
Answers over your own documents, with checked citations.

Send the key that `agent serve` printed, or that `agent users add` made, with each request:
`Authorization: Bearer KEY`. Errors have one shape, that of OpenAI's API, and say in `hint` what to
do. Where a client is refused for now (429, 503), `Retry-After` says when to come again.

Under `/mcp` there are the MCP servers (streamable HTTP); they are no part of this document."""
_REF = "#/components/schemas/{model}"
_WHY = {
    400: "The request is wrong; `param` says where.",
    401: "No key, or none that counts.",
    403: "You may not.",
    404: "There is none of that name, or none that you may see.",
    408: "The body did not come in time.",
    409: "It could mean several, and the hint says how to name one; or this library cannot.",
    413: "It is too large.",
    422: "It could not be read, or may not be fetched.",
    429: "Too much for now.",
    502: "Somebody else failed: the model's provider, or a page's server.",
    503: "Not now: the server is starting or ending, or something is busy.",
}
_ALWAYS = (401, 403, 429)


class Error(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str = Field(description="A stable word for machines.")
    hint: str = Field("", description="What to do about it.")


class ErrorBody(BaseModel):
    """Every error."""

    error: Error


class Alive(BaseModel):
    """The server runs."""

    status: str


class Ready(BaseModel):
    """How what an answer needs stands: `ok`, `starting`, `failed`, `ending`, by name."""

    ready: bool
    checks: dict[str, str]


class ModelParams(BaseModel):
    """Which model."""

    name: str = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Described:
    """An operation as the document tells it."""

    method: str
    path: str
    name: str
    summary: str
    body: type[BaseModel] | None = None
    answers: tuple[tuple[str, type[BaseModel] | None], ...] = ()
    """By media type; None for what is no JSON."""
    params: type[BaseModel] = Nothing
    refusals: tuple[int, ...] = ()
    refused: type[BaseModel] = ErrorBody
    """What an error looks like."""
    open: bool = False
    """Whether it needs no key."""
    takes_bytes: bool = False


_JSON, _TEXT = "application/json", "text/plain"
_ASKING = (400, 404, 413, 502, 503)


ELSEWHERE = (
    Described(
        "GET", "/v1/models", "list_models", "The models.", answers=((_JSON, ModelList),)
    ),
    Described(
        "GET", "/v1/models/{name:path}", "show_model", "One model.",
        answers=((_JSON, ModelInfo),), params=ModelParams, refusals=(404,),
    ),
    Described(
        "POST", "/v1/chat/completions", "chat",
        "Ask a question; the answer cites its sources, as text and as fields.",
        body=bodies.ChatRequest, refusals=_ASKING,
        answers=(
            (_JSON, completion.ChatCompletion),
            ("text/event-stream", completion.ChatCompletionChunk),
        ),
    ),
    Described(
        "POST", "/v1/embeddings", "embed", "The vectors of texts.",
        body=bodies.EmbeddingsRequest, refusals=_ASKING, answers=((_JSON, Embeddings),),
    ),
    Described(
        "GET", "/healthz", "alive", "Whether the server runs.", open=True,
        answers=((_JSON, Alive),),
    ),
    Described(
        "GET", "/readyz", "ready", "Whether it can answer now.", open=True, refusals=(503,),
        answers=((_JSON, Ready),), refused=Ready,
    ),
    Described(
        "GET", "/metrics", "metrics", "What the server has done, for Prometheus.",
        answers=((_TEXT, None),),
    ),
)  # fmt: skip
"""What is not made from declarations of ours."""


def document(operations: Iterable[Operation[Any, Any]]) -> dict[str, Any]:
    """The whole document, as JSON has it.

    Args:
        operations: Of the JSON API.
    """
    described = [*ELSEWHERE, *(_described(operation) for operation in operations)]
    shapes: dict[type[BaseModel], None] = {each.refused: None for each in described}
    for each in described:
        shapes |= {shape: None for _, shape in each.answers if shape is not None}
    bodies_ = {each.body: None for each in described if each.body is not None}
    refs, schemas = models_json_schema(
        [*((shape, "serialization") for shape in shapes), *((b, "validation") for b in bodies_)],
        ref_template=_REF,
    )
    named: dict[Any, Any] = {model: ref for (model, _), ref in refs.items()}
    paths: dict[str, dict[str, Any]] = {}
    for each in described:
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", each.path)
        paths.setdefault(path, {})[each.method.lower()] = _operation(each, named)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Understudy", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(operation: Operation[Any, Any]) -> Described:
    answers: tuple[tuple[str, type[BaseModel] | None], ...]
    answers = tuple((media, None) for media in operation.media)
    if operation.answer is not None:
        answers = ((_JSON, operation.answer),)
    return Described(
        operation.method,
        operation.path,
        operation.name,
        operation.summary,
        body=None if operation.body is Nothing else operation.body,
        answers=answers,
        params=operation.params,
        refusals=(400, *operation.refusals),
        takes_bytes=operation.most_bytes is not None,
    )


def _operation(each: Described, named: Mapping[Any, Any]) -> dict[str, Any]:
    params = _parameters(each)
    told: dict[str, Any] = {
        "operationId": each.name,
        "summary": each.summary,
        "tags": [each.path.split("/")[1]],
        "parameters": params,
        "responses": {
            "200": {
                "description": "Done.",
                "content": {m: {"schema": named[s]} if s else {} for m, s in each.answers},
            }
        },
    }
    statuses = set(each.refusals) | (set() if each.open else set(_ALWAYS))
    if each.body is not None or each.takes_bytes:
        statuses.add(408)
    for status in sorted(statuses):
        told["responses"][str(status)] = {
            "description": _WHY[status],
            "content": {_JSON: {"schema": named[each.refused]}},
        }
    if each.body is not None:
        told["requestBody"] = {
            "required": True,
            "content": {_JSON: {"schema": named[each.body]}},
        }
    if each.takes_bytes:
        told["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": {}},
        }
    if each.open:
        told["security"] = []
    return told


def _parameters(each: Described) -> list[dict[str, Any]]:
    """Path and query parameters; all shapes in them are simple, and are told where they stand."""
    schema = each.params.model_json_schema()
    in_path = set(re.findall(r"\{(\w+)(?::\w+)?\}", each.path))
    told = []
    for name, about in schema.get("properties", {}).items():
        about = {key: value for key, value in about.items() if key != "title"}
        description = about.pop("description", "")
        # What may be left out is left out: no text in a query means null.
        if kinds := [kind for kind in about.pop("anyOf", []) if kind != {"type": "null"}]:
            about |= kinds[0]
            about.pop("default", None)
        told.append(
            {
                "name": name,
                "in": "path" if name in in_path else "query",
                "required": name in in_path or name in schema.get("required", ()),
                "schema": about,
            }
            | ({"description": description} if description else {})
        )
    return told

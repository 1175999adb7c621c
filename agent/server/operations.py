"""One operation of the JSON API: what it takes, what it gives, and how a request becomes it.

The same declaration is checked against (here) and described (`openapi.py`), so that what the
document says is what the server does. What operations do is in the modules named `api_…`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agent.server.auth import user_of
from agent.server.bodies import read
from agent.server.errors import Refused
from agent.server.receiving import by_pieces
from agent.server.users import User


class Shape(BaseModel):
    """What goes in or comes out; an unknown field is a mistake, and is said to be one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Nothing(Shape):
    """No parameters, or no body."""


P = TypeVar("P", bound=Shape)
B = TypeVar("B", bound=Shape)

Name = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\u0000-\u001f]+$")]
"""What names a thing: one line of text."""
LibraryName = Annotated[
    str,
    Field(
        max_length=2000,
        pattern=r"^[^\u0000-\u001f]*$",
        description="Which library, as /api/libraries calls it; empty for the first of them.",
    ),
]


@dataclass(frozen=True, slots=True)
class Asked(Generic[P, B]):
    """One request, checked."""

    user: User
    params: P
    """From the path and from the query."""
    body: B
    request: Request
    """For what is streamed."""


@dataclass(frozen=True, slots=True)
class Operation(Generic[P, B]):
    """A method on a path."""

    method: str
    path: str
    """As starlette writes it: `/api/documents/{id}`."""
    name: str
    """Of its own; a client made from the document calls its function so."""
    summary: str
    handle: Callable[[Asked[P, B]], Awaitable[BaseModel | Response]]
    params: type[P]
    body: type[B]
    """`Nothing` for none."""
    answer: type[BaseModel] | None
    """In JSON; None where only `media` is given."""
    refusals: tuple[int, ...] = ()
    """Statuses of errors, beside those that each operation may have."""
    media: tuple[str, ...] = ()
    """Types of an answer that is no JSON."""
    most_bytes: int | None = None
    """Of a body that is a file; None for JSON."""

    async def answered(self, request: Request) -> Response:
        """Check a request, do what it asks, and answer."""
        asked = Asked(
            user_of(request),
            _checked(self.params, self._given(request)),
            await self._body(request),
            request,
        )
        answer = await self.handle(asked)
        if isinstance(answer, Response):
            return answer
        return Response(answer.model_dump_json(), media_type="application/json")

    def _given(self, request: Request) -> dict[str, Any]:
        """The parameters, as texts; those that may come several times as lists."""
        fields = self.params.model_fields
        query = request.query_params
        given: dict[str, Any] = {}
        for name in query:
            several = name in fields and get_origin(fields[name].annotation) is list
            values = query.getlist(name)
            if len(values) > 1 and not several:
                raise _wrong(name, "it is given several times")
            given[name] = values if several else values[0]
        return given | request.path_params

    async def _body(self, request: Request) -> B:
        return self.body() if self.body is Nothing else await read(request, self.body)


def routes(operations: Iterable[Operation[Any, Any]]) -> list[BaseRoute]:
    """One route for each path, which knows all of its methods; in the order of the paths."""
    by_path: dict[str, dict[str, Operation[Any, Any]]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return [_route(path, methods) for path, methods in by_path.items()]


def _route(path: str, methods: Mapping[str, Operation[Any, Any]]) -> Route:
    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if methods[method].most_bytes is not None:
            by_pieces(request.scope)
        return await methods[method].answered(request)

    largest = max((each.most_bytes or 0 for each in methods.values()), default=0) or None
    return Route(path, endpoint, methods=list(methods), max_body_size=largest)


def _checked(shape: type[P], given: Mapping[str, Any]) -> P:
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        raise _said(error) from None


def _said(error: ValidationError) -> Refused:
    """The first of what is wrong."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return _wrong(".".join(map(str, first["loc"])), first["msg"])


def _wrong(where: str, why: str) -> Refused:
    return Refused(
        400,
        f"{where or 'The body'}: {why}.",
        code="invalid_request",
        param=where or None,
        hint="GET /openapi.json says what is understood.",
    )

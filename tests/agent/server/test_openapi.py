"""The OpenAPI document: every route of the application is in it, and it says what they answer."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from starlette.routing import Route

from tests.agent.server.whole_server import fill, whole


async def test_every_route_is_described_and_everything_described_is_a_route() -> None:
    async with whole() as server, server.client() as client:
        document = (await client.get("/openapi.json")).json()
        routes = {
            (method, re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path))
            for route in server.app.routes
            if isinstance(route, Route) and route.path != "/openapi.json"
            for method in (route.methods or set()) - {"HEAD"}
        }
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert described == routes


async def test_operations_have_names_of_their_own_and_name_every_part_of_their_path() -> None:
    async with whole() as server, server.client() as client:
        document = (await client.get("/openapi.json")).json()
    names = []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            names.append(operation["operationId"])
            in_path = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert in_path == set(re.findall(r"\{(\w+)\}", path))
            assert operation["summary"].endswith(".")
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "path",
    [
        "/api/search?q=moon",
        "/api/sources",
        "/api/libraries",
        "/api/tags",
        "/api/sessions",
        "/api/sessions/search?q=moon",
        "/v1/models",
        "/healthz",
        "/readyz",
    ],
)
async def test_an_answer_is_as_the_document_says(tmp_path: Path, path: str) -> None:
    await fill("default", tmp_path / "own", moon="The Moon has no air.")
    async with whole() as server, server.client() as client:
        document = (await client.get("/openapi.json")).json()
        answer = await client.get(path)
        wrong = await client.get(f"{path}{'&' if '?' in path else '?'}library=nowhere")
    about = document["paths"][path.partition("?")[0]]["get"]["responses"]
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry: Registry[object] = Registry().with_resource("urn:api", resource)

    def check(status: int, data: object) -> None:
        schema = about[str(status)]["content"]["application/json"].get("schema", {})
        told = {"$ref": "urn:api" + schema["$ref"]} if "$ref" in schema else schema
        jsonschema.Draft202012Validator(told, registry=registry).validate(data)

    check(answer.status_code, answer.json())
    check(wrong.status_code, wrong.json())

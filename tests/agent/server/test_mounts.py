"""The MCP servers on the server's port: each user's own, by their rights, one ask among others."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.server.users import User
from tests.agent.server.whole_server import Whole, fill, whole

READER = User("reader", reads=("default",))
WRITER = User("writer", writes=("default",))
KNOWLEDGE = {"search", "ask", "list_sources", "read_source"}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Whole]:
    await fill("default", tmp_path / "own", moon="The Moon has no air.")
    await fill("other", tmp_path / "other", mars="Mars has two moons.")
    async with whole(READER, WRITER) as server:
        yield server


class Session:
    """A session with an MCP server, by hand."""

    def __init__(self, client: httpx.AsyncClient, path: str) -> None:
        self._client = client
        self._path = path
        self.headers = {"Accept": "application/json, text/event-stream"}

    async def open(self) -> dict[str, Any]:
        params = {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        }  # fmt: skip
        answer = await self.do("initialize", params)
        self.headers["mcp-protocol-version"] = "2025-11-25"
        return answer

    async def tools(self) -> set[str]:
        return {tool["name"] for tool in (await self.do("tools/list", {}))["tools"]}

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        return await self.do("tools/call", {"name": name, "arguments": arguments})

    async def do(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = await self._client.post(self._path, json=body, headers=self.headers)
        assert answer.status_code == 200, answer.text
        if "mcp-session-id" in answer.headers:
            self.headers["mcp-session-id"] = answer.headers["mcp-session-id"]
        (last,) = [
            json.loads(line.removeprefix("data: "))
            for line in answer.text.splitlines()
            if line.startswith("data: {") and '"id"' in line
        ]
        assert "result" in last, last
        result: dict[str, Any] = last["result"]
        return result


async def test_what_is_offered_is_what_a_user_may(server: Whole) -> None:
    async def offered(user: str, path: str = "/mcp") -> set[str]:
        async with server.client(user) as client:
            session = Session(client, path)
            await session.open()
            return await session.tools()

    assert await offered("reader") == KNOWLEDGE
    assert await offered("writer") == KNOWLEDGE | {"add_source"}
    owners = await offered("owner")
    assert owners > KNOWLEDGE | {"add_source", "web_fetch", "web_search", "research_start"}
    assert await offered("owner", "/mcp/knowledge") == KNOWLEDGE | {"add_source"}
    assert "fetch" in await offered("owner", "/mcp/web")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/mcp/web", 403), ("/mcp/research", 403), ("/mcp/all", 403), ("/mcp/none", 404)],
)
async def test_the_web_and_research_are_the_owners(server: Whole, path: str, status: int) -> None:
    async with server.client("writer") as client:
        answer = await client.post(path, json={})
    assert answer.status_code == status
    assert answer.json()["error"]["hint"]


async def test_a_library_is_named_by_the_address(server: Whole) -> None:
    async with server.client() as client:
        session = Session(client, "/mcp/knowledge?library=other")
        await session.open()
        found = await session.call("search", query="moons")
        assert "Mars has two moons" in found["structuredContent"]["passages"][0]["text"]
        assert (await client.post("/mcp?library=nowhere", json={})).status_code == 404


async def test_an_ask_is_answered_with_citations_and_keeps_no_session(server: Whole) -> None:
    async with server.client("reader") as client:
        session = Session(client, "/mcp")
        await session.open()
        answer = (await session.call("ask", question="Has the Moon air?"))["structuredContent"]
        assert answer["outcome"] == "grounded"
        assert answer["citations"][0]["verified"]
        assert (await client.get("/api/sessions")).json() == {"sessions": []}


async def test_an_ask_is_let_through_like_any_other(server: Whole) -> None:
    async with server.client("reader") as client:
        session = Session(client, "/mcp")
        await session.open()
        server.admission.drain()
        refused = await session.call("ask", question="Has the Moon air?")
        assert refused["isError"]
        assert "ending" in refused["content"][0]["text"]


async def test_a_search_waits_among_the_others(server: Whole) -> None:
    async with server.client("reader") as client:
        session = Session(client, "/mcp")
        await session.open()
        server.admission.drain()
        refused = await session.call("search", query="Moon")
        assert refused["isError"]
        assert "ending" in refused["content"][0]["text"]


async def test_a_path_of_the_server_is_read_for_the_owner_only(
    server: Whole, tmp_path: Path
) -> None:
    (tmp_path / "venus.txt").write_text("Venus is hot.")
    venus = str(tmp_path / "venus.txt")
    async with server.client("writer") as client:
        session = Session(client, "/mcp")
        await session.open()
        refused = await session.call("add_source", source=venus)
        assert refused["isError"]
        assert "owner" in refused["content"][0]["text"]
        assert (await client.get("/api/sources?contains=venus")).json()["total"] == 0
    async with server.client() as client:
        session = Session(client, "/mcp")
        await session.open()
        added = await session.call("add_source", source=venus)
        assert added["structuredContent"]["added"] == 1


async def test_a_session_is_not_inherited_by_who_has_the_name_of_a_removed_user(
    server: Whole,
) -> None:
    first = server.keys.add(User("hal", reads=("default",)))
    headers = {"Authorization": f"Bearer {first}"}
    async with server.client() as client:
        client.headers.update(headers)
        session = Session(client, "/mcp")
        await session.open()
        assert await session.tools() == KNOWLEDGE
        server.keys.remove("hal")
        second = server.keys.add(User("hal", reads=("default",)))
        client.headers.update({"Authorization": f"Bearer {second}"})
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        answer = await client.post("/mcp", json=body, headers=session.headers)
        assert answer.status_code == 404


async def test_a_request_stays_on_its_own_path(server: Whole) -> None:
    async with server.client() as client:
        assert (await client.post("/mcpx", json={})).status_code == 404
        assert (await client.get("/")).status_code == 404

"""The MCP servers on the server's port: each user's own, by their rights, one ask among others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.cli.serve_mounts import McpServers, close_sessions_of_removed
from agent.server.mounts import Mounted
from agent.server.users import User
from mcp_servers import serving
from tests.agent.server.whole_server import TOKEN, Whole, fill, whole

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

    async def open_anew(self) -> None:
        self.headers = {"Accept": self.headers["Accept"]}
        await self.open()

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


def by_hand(server: Whole) -> McpServers:
    """The MCP servers, as the server has them."""
    (found,) = {
        route._app for route in server.app.routes if isinstance(route, Mounted)
        if isinstance(route._app, McpServers)
    }  # fmt: skip
    return found


@pytest.mark.parametrize("what", ["remove", "renew", "change"])
async def test_an_open_stream_ends_when_its_user_is_removed_or_has_another_key_or_rights(
    server: Whole, what: str
) -> None:
    key = server.keys.add(User("hal", reads=("default",)))
    async with server.client() as client, asyncio.timeout(30):
        client.headers["Authorization"] = f"Bearer {key}"
        session = Session(client, "/mcp")
        await session.open()
        began = asyncio.Event()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                assert message["status"] == 200
                began.set()

        asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Any:
            if (message := next(asked, None)) is not None:
                return message
            await asyncio.Event().wait()

        given = {**session.headers, "Authorization": f"Bearer {key}", "Host": "127.0.0.1:8766"}
        scope = {
            "type": "http", "method": "GET", "path": "/mcp", "raw_path": b"/mcp",
            "query_string": b"", "root_path": "", "scheme": "http", "server": ("127.0.0.1", 8766),
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        }  # fmt: skip
        stream = asyncio.create_task(server.app(scope, receive, send))
        await asyncio.wait(
            {stream, asyncio.ensure_future(began.wait())}, return_when=asyncio.FIRST_COMPLETED
        )
        assert began.is_set()
        by_hand(server).drop_void()
        await asyncio.sleep(0)
        assert not stream.done()
        if what == "change":
            server.keys.change("hal", lambda user: replace(user, reads=("other",)))
        else:
            getattr(server.keys, what)("hal")
        by_hand(server).drop_void()
        await stream


async def test_the_sessions_of_a_removed_user_are_let_go_of_once_nothing_of_theirs_runs(
    server: Whole,
) -> None:
    key = server.keys.add(User("hal", reads=("default",)))
    hal = server.keys.user(key)
    assert hal is not None
    server.hosting.transcripts(hal)
    owner = server.keys.user(TOKEN)
    assert owner is not None
    server.hosting.transcripts(owner)
    let_go = partial(close_sessions_of_removed, server.hosting, server.admission, server.keys)
    await let_go()
    assert hal.kept_as in server.hosting.sessions_open
    server.keys.remove("hal")
    with server.admission.under_way(hal):
        await let_go()
        assert hal.kept_as in server.hosting.sessions_open
    await let_go()
    assert server.hosting.sessions_open == {"owner"}


async def test_the_slow_end_of_one_users_servers_keeps_nobody_waiting(server: Whole) -> None:
    key = server.keys.add(User("hal", reads=("default",)))
    may_end, ending = asyncio.Event(), asyncio.Event()
    async with server.client() as hal, server.client("reader") as reader, asyncio.timeout(30):
        hal.headers["Authorization"] = f"Bearer {key}"
        await Session(hal, "/mcp").open()
        ((_, found),) = by_hand(server)._open.items()
        lent = found.opening.result()
        close = lent.close

        async def slowly() -> None:
            ending.set()
            await may_end.wait()
            await close()

        lent.close = slowly  # type: ignore[method-assign]
        server.keys.remove("hal")
        by_hand(server).drop_void()
        await ending.wait()
        session = Session(reader, "/mcp")
        await session.open()
        assert await session.tools() == KNOWLEDGE
        may_end.set()


async def test_who_leaves_while_their_servers_are_built_leaves_them_to_the_next(
    server: Whole,
) -> None:
    servers, user = by_hand(server), server.keys.user(server.tokens["reader"])
    assert user is not None
    async with asyncio.timeout(30):
        leaves = asyncio.create_task(servers._lent(user, "/mcp", ""))
        while not servers._open:
            await asyncio.sleep(0.001)
        leaves.cancel()
        await asyncio.wait([leaves])
        (found,) = servers._open.values()
        assert await servers._lent(user, "/mcp", "") is found.opening.result()


async def test_a_session_too_many_takes_the_place_of_the_one_that_was_idle_for_longest(
    server: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = serving.Lent
    monkeypatch.setattr(serving, "Lent", partial(built, sessions=3))
    async with server.client("reader") as client, server.client("writer") as other:
        sessions = [Session(client, "/mcp") for _ in range(4)]
        await Session(other, "/mcp").open()
        for session in sessions[:3]:
            await session.open()
        await sessions[0].tools()  # so the second was not used for longest
        await sessions[3].open()
        for session in (sessions[0], sessions[2], sessions[3]):
            assert await session.tools() == KNOWLEDGE
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        gone = await client.post("/mcp", json=body, headers=sessions[1].headers)
        assert gone.status_code == 404
        # One that its client has ended is not ended in place of another.
        ended = await client.delete("/mcp", headers=sessions[0].headers)
        assert ended.status_code == 200
        await sessions[1].open_anew()
        for session in sessions[1:]:
            assert await session.tools() == KNOWLEDGE


async def test_a_session_in_which_something_is_asked_is_not_ended_for_another(
    server: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "Lent", partial(serving.Lent, sessions=1))
    async with server.client("reader") as client, asyncio.timeout(30):
        session = Session(client, "/mcp")
        await session.open()
        (found,) = by_hand(server)._open.values()
        with found.opening.result()._asking(session.headers["mcp-session-id"]):
            params = {
                "protocolVersion": "2025-11-25", "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            }  # fmt: skip
            body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
            accept = {"Accept": session.headers["Accept"]}
            refused = await client.post("/mcp", json=body, headers=accept)
            assert refused.status_code == 503
        assert await session.tools() == KNOWLEDGE

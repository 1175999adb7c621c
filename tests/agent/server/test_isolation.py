"""No key of one user leads to another's sessions or libraries: each route is tried with each.

What is Ann's, and what only Ann may read, has a word in it that no other answer may have.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from agent.server.mounts import Mounted
from agent.server.users import User
from tests.agent.server.whole_server import URL, Whole, fill, whole

SECRET = "xylophone"
ANN = User("ann", reads=("private",), writes=("private",))
BOB = User("bob", reads=("default",), writes=("default",))
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {},
               "clientInfo": {"name": "test", "version": "1"}},
}  # fmt: skip
SPEAKS_MCP = {"Accept": "application/json, text/event-stream"}


@dataclass(frozen=True)
class Anns:
    """What Bob would like to reach."""

    server: Whole
    session: str
    document: str
    source: str
    mcp_session: str


@pytest.fixture
async def anns(tmp_path: Path) -> AsyncIterator[Anns]:
    await fill("default", tmp_path / "own", moon="The Moon has no air.")
    await fill("private", tmp_path / "private", note=f"The {SECRET} is kept in the cellar.")
    async with whole(ANN, BOB) as server, server.client("ann") as client:
        answer = await client.post("/v1/chat/completions", json=asking(library="private"))
        assert SECRET in answer.text, answer.text
        assert (await client.put(f"/api/tags/{SECRET}?library=private")).is_success
        sources = (await client.get("/api/sources?library=private")).json()["sources"]
        entered = await client.post("/mcp?library=private", json=INITIALIZE, headers=SPEAKS_MCP)
        yield Anns(
            server,
            answer.json()["understudy"]["session"],
            sources[0]["document_id"],
            sources[0]["source"],
            entered.headers["mcp-session-id"],
        )


def asking(**metadata: str) -> dict[str, Any]:
    return {
        "model": "understudy/naive",
        "messages": [{"role": "user", "content": f"Where is the {SECRET} kept?"}],
        "store": True,
        "metadata": metadata,
    }


Tries = dict[tuple[str, str], list[tuple[str, Any]]]


def tries(anns: Anns) -> Tries:
    """By route, how Bob asks for what is Ann's: addresses, each with a body."""
    session = f"/api/sessions/{anns.session}"
    put = "/api/files/x.txt?library="
    return {
        ("GET", "/api/search"): [(f"/api/search?q={SECRET}", None),
                                 (f"/api/search?q={SECRET}&library=private", None)],
        ("GET", "/api/documents/{id}"): [(f"/api/documents/{anns.document}", None),
                                         (f"/api/documents/{anns.document}?library=private", None)],
        ("GET", "/api/libraries"): [("/api/libraries", None)],
        ("GET", "/api/sources"): [("/api/sources", None), ("/api/sources?library=private", None),
                                  ("/api/sources?library=../private", None)],
        ("POST", "/api/sources"): [
            ("/api/sources", {"source": "https://example.com/", "library": "private"}),
            ("/api/sources", {"source": anns.source}),
            ("/api/sources", {"source": anns.source, "library": "private"})],
        ("DELETE", "/api/sources"): [
            (f"/api/sources?source={anns.source}", None),
            (f"/api/sources?source={anns.source}&library=private", None)],
        ("PUT", "/api/files/{name}"): [(f"{put}private", b"mine"), (f"{put}../private", b"mine")],
        ("POST", "/api/sync"): [("/api/sync?library=private", None)],
        ("GET", "/api/tags"): [("/api/tags", None), ("/api/tags?library=private", None)],
        ("PUT", "/api/tags/{name:path}"): [("/api/tags/mine?library=private", None)],
        ("DELETE", "/api/tags/{name:path}"): [(f"/api/tags/{SECRET}?library=private", None),
                                         ("/api/tags/mine?library=private", None)],
        ("POST", "/api/tags/{name:path}/restore"): [
            (f"/api/tags/{SECRET}/restore?library=private", None)],
        ("GET", "/api/sessions"): [("/api/sessions", None)],
        ("GET", "/api/sessions/search"): [(f"/api/sessions/search?q={SECRET}", None)],
        ("GET", "/api/sessions/{id}"): [(session, None), (f"{session}?library=private", None)],
        ("PATCH", "/api/sessions/{id}"): [(session, {"title": "mine"})],
        ("DELETE", "/api/sessions/{id}"): [(session, None)],
        ("GET", "/api/sessions/{id}/export"): [
            (f"{session}/export?format={form}", None) for form in ("md", "html", "json")],
        ("GET", "/v1/models"): [("/v1/models", None)],
        ("GET", "/v1/models/{name:path}"): [("/v1/models/understudy/naive", None)],
        ("POST", "/v1/chat/completions"): [
            ("/v1/chat/completions", asking()),
            ("/v1/chat/completions", asking(library="private")),
            ("/v1/chat/completions", asking(session=anns.session)),
            ("/v1/chat/completions", asking(session=anns.session[:3], library="default")),
            ("/v1/chat/completions", asking(library="private") | {"stream": True}),
            ("/v1/chat/completions", asking() | {"user": "ann"})],
        ("POST", "/v1/embeddings"): [
            ("/v1/embeddings", {"model": "understudy/embedding", "input": "x"})],
        ("GET", "/openapi.json"): [("/openapi.json", None)],
        ("GET", "/healthz"): [("/healthz", None)],
        ("GET", "/readyz"): [("/readyz", None)],
        ("GET", "/metrics"): [("/metrics", None)],
        ("*", "/mcp"): [("/mcp?library=private", INITIALIZE), ("/mcp/web", INITIALIZE),
                        ("/mcp/research", INITIALIZE), ("/mcp/all", INITIALIZE),
                        ("/mcp/knowledge?library=private", INITIALIZE)],
    }  # fmt: skip


OPEN = {"/healthz", "/readyz"}


def routes_of(server: Whole) -> set[tuple[str, str]]:
    """All that the application answers."""
    found = set()
    for route in server.app.routes:
        if isinstance(route, Mounted):
            found.add(("*", route.path))
        else:
            assert isinstance(route, Route)
            methods = (route.methods or {"*"}) - {"HEAD"}
            found |= {(method, route.path) for method in methods}
    return found


async def send(
    client: httpx.AsyncClient, method: str, path: str, body: Any, **headers: str
) -> httpx.Response:
    sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    return await client.request(
        "POST" if method == "*" else method,
        path,
        headers=SPEAKS_MCP | headers,
        **(sent if body is not None else {}),
    )


async def test_every_route_is_tried(anns: Anns) -> None:
    assert set(tries(anns)) == routes_of(anns.server)


async def test_no_route_gives_what_is_anothers(anns: Anns) -> None:
    async with anns.server.client("bob") as bob, anns.server.client("ann") as ann:
        before = (await ann.get(f"/api/sessions/{anns.session}")).text
        listed = (await ann.get("/api/sources?library=private")).text
        tags = (await ann.get("/api/tags?library=private")).text
        for (method, _), asked in tries(anns).items():
            for path, body in asked:
                answer = await send(bob, method, path, body)
                where = f"{method} {path}: {answer.status_code} {answer.text[:300]}"
                assert answer.status_code < 500 or path == "/readyz", where
                # What he asked for is told again, and in it the word of his own question.
                told = answer.text.replace(f"Where is the {SECRET} kept?", "")
                told = told.replace(f'"query":"{SECRET}"', "")
                assert SECRET not in told, where
                assert "cellar" not in told, where
                assert anns.session not in told or answer.status_code == 404, where
                if any(word in f"{path} {body}" for word in ("private", anns.session[:3])):
                    begun = answer.status_code == 200 and (body or {}).get("stream")
                    assert begun or 400 <= answer.status_code < 500, where
                    assert '"error"' in answer.text, where
                    assert '"understudy":' not in told, where
        assert (await ann.get(f"/api/sessions/{anns.session}")).text == before
        assert (await ann.get("/api/sources?library=private")).text == listed
        assert (await ann.get("/api/tags?library=private")).text == tags


async def test_a_library_that_may_not_be_read_is_told_like_one_that_is_not_there(
    anns: Anns,
) -> None:
    async with anns.server.client("bob") as bob:
        for path in ("/api/search?q=x&library={}", "/api/sources?library={}"):
            there = await bob.get(path.format("private"))
            not_there = await bob.get(path.format("nowhere"))
            assert there.status_code == not_there.status_code == 404
            assert there.text.replace("private", "nowhere") == not_there.text


async def test_without_a_key_no_route_answers(anns: Anns) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(anns.server.app), base_url=URL
    ) as nobody:
        for (method, route), asked in tries(anns).items():
            for path, body in asked:
                for headers in ({}, {"Authorization": "Bearer und_wrong"}, {"x-api-key": "wrong"}):
                    answer = await send(nobody, method, path, body, **headers)
                    if route not in OPEN:
                        assert answer.status_code == 401, f"{method} {path}"


async def test_an_mcp_session_is_its_users_own(anns: Anns) -> None:
    call = {
        "jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": {"name": "search", "arguments": {"query": SECRET}},
    }  # fmt: skip
    named = {"mcp-session-id": anns.mcp_session, "mcp-protocol-version": "2025-11-25"}
    async with anns.server.client("ann") as ann, anns.server.client("bob") as bob:
        hers = await send(ann, "*", "/mcp?library=private", call, **named)
        assert "cellar" in hers.text
        for path in ("/mcp", "/mcp/knowledge", "/mcp?library=private", "/mcp?library=default"):
            his = await send(bob, "*", path, call, **named)
            assert his.status_code == 404, his.text
            assert "cellar" not in his.text


async def test_who_is_removed_or_has_another_key_is_out_at_once(anns: Anns) -> None:
    async with anns.server.client("ann") as ann:
        assert (await ann.get("/api/sessions")).status_code == 200
        anns.server.keys.renew(ANN.name)
        assert (await ann.get("/api/sessions")).status_code == 401


async def test_rights_that_are_taken_away_are_gone_from_open_mcp_sessions(anns: Anns) -> None:
    from dataclasses import replace

    listing = {"jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": {}}
    named = {"mcp-session-id": anns.mcp_session, "mcp-protocol-version": "2025-11-25"}
    async with anns.server.client("ann") as ann:
        offered = await send(ann, "*", "/mcp?library=private", listing, **named)
        assert "add_source" in offered.text
        anns.server.keys.change("ann", lambda user: replace(user, writes=()))
        lost = await send(ann, "*", "/mcp?library=private", listing, **named)
        assert lost.status_code == 404
        anns.server.keys.change("ann", lambda user: replace(user, reads=()))
        refused = await send(ann, "*", "/mcp?library=private", INITIALIZE)
        assert refused.status_code == 404

"""Bodies that do not come, come in drops, or are too long; and requests that are cut off."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message

from agent.server.app import LONGEST_BODY
from agent.server.errors import Refused
from agent.server.mounts import Mounted
from agent.server.operations import Asked, Nothing, Operation, routes
from agent.server.receiving import Received, by_pieces
from agent.server.users import User
from tests.agent.server.guarded import TOKEN, guarded
from tests.agent.server.whole_server import fill, whole

POST: dict[str, Any] = {
    "type": "http", "method": "POST", "path": "/echo", "raw_path": b"/echo", "query_string": b"",
    "root_path": "", "scheme": "http", "server": ("127.0.0.1", 8766),
    "headers": [(b"host", b"127.0.0.1:8766"), (b"authorization", f"Bearer {TOKEN}".encode())],
}  # fmt: skip


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def nothing(message: Message) -> None:
    raise AssertionError


async def test_a_body_of_which_nothing_comes_any_more_is_refused() -> None:
    pieces: list[Message] = [{"type": "http.request", "body": b"x", "more_body": True}]

    async def receive() -> Message:
        return pieces.pop() if pieces else await never()

    async def whole(scope: Any, receive: Any, send: Any) -> None:
        await Request(scope, receive).body()

    async with asyncio.timeout(20):
        with pytest.raises(Refused) as caught:
            await Received(whole, patience=0.01)(dict(POST), receive, nothing)
    assert (caught.value.status, caught.value.code) == (408, "request_timeout")


async def test_whether_a_client_leaves_is_waited_for_without_an_end() -> None:
    left = asyncio.Event()
    messages: list[Message] = [{"type": "http.request", "body": b"x", "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b"x"
        waiting = asyncio.create_task(receive())
        await asyncio.wait([waiting], timeout=0.1)
        left.set()
        assert (await waiting)["type"] == "http.disconnect"

    async with asyncio.timeout(20):
        await Received(waits, patience=0.01)(dict(POST), receive, nothing)


async def drops() -> Message:
    await asyncio.sleep(0)
    return {"type": "http.request", "body": b" ", "more_body": True}


@pytest.mark.parametrize("hides", [False, True])
async def test_a_body_that_comes_in_drops_is_refused_as_a_whole(hides: bool) -> None:
    async def reads(scope: Any, receive: Any, send: Any) -> None:
        try:
            await Request(scope, receive).body()
        except Refused:
            if not hides:
                raise
            await PlainTextResponse("a failure of its own", 500)(scope, receive, send)

    async with asyncio.timeout(20):
        with pytest.raises(Refused, match="in time"):
            await Received(reads, patience=0.05)(dict(POST), drops, nothing)


async def test_a_message_to_an_mcp_server_that_comes_in_drops_is_refused(tmp_path: Path) -> None:
    async with whole(User("reader", reads=("default",))) as server, asyncio.timeout(60):
        await fill("default", tmp_path / "own", moon="The Moon has no air.")
        (mcp,) = (r for r in server.app.routes if isinstance(r, Mounted) and r.path == "/mcp")
        headers = [
            (b"accept", b"application/json, text/event-stream"),
            (b"content-type", b"application/json"),
        ]
        scope = {**POST, "path": "/mcp", "headers": headers}
        scope["state"] = {"user": server.keys.user(server.tokens["reader"])}
        with pytest.raises(Refused, match="in time"):
            await Received(mcp.handle, patience=0.05)(scope, drops, nothing)


async def test_a_file_may_take_long_as_a_whole() -> None:
    took: list[bytes] = []
    until = asyncio.get_running_loop().time() + 0.1

    async def receive() -> Message:
        await asyncio.sleep(0)
        more = asyncio.get_running_loop().time() < until
        return {"type": "http.request", "body": b" ", "more_body": more}

    async def reads(scope: Any, receive: Any, send: Any) -> None:
        by_pieces(scope)
        took.append(await Request(scope, receive).body())

    async with asyncio.timeout(20):
        await Received(reads, patience=0.05)(dict(POST), receive, nothing)
    assert took


async def test_a_route_that_takes_files_takes_them_piece_by_piece(tmp_path: Path) -> None:
    taken: list[bool] = []

    async def handle(asked: Asked[Nothing, Nothing]) -> Nothing:
        taken.append(asked.request.scope["state"].get("by_pieces", False))
        return Nothing()

    operations = [
        Operation(
            method, "/taking", method, "Take.", handle, Nothing, Nothing, Nothing, most_bytes=most
        )
        for method, most in (("PUT", 100), ("POST", None))
    ]
    server = guarded(tmp_path, routes=routes(operations))
    async with server.client(TOKEN) as client:
        for method in ("PUT", "POST"):
            assert (await client.request(method, "/taking")).status_code == 200
    assert taken == [True, False]


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_that_is_too_long_is_refused_in_the_shape_of_the_api(
    tmp_path: Path, declared: bool
) -> None:
    async def pieces() -> Any:
        for _ in range(9):
            yield bytes(LONGEST_BODY // 8)

    server = guarded(tmp_path)
    async with server.client(TOKEN) as client:
        body = bytes(LONGEST_BODY + 1) if declared else pieces()
        answer = await client.post("/echo", content=body)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"
    assert server.lines[0]["status"] == 413


async def test_a_request_that_is_cut_off_at_the_end_is_logged_and_counted_with_its_reason(
    tmp_path: Path,
) -> None:
    begun = asyncio.Event()

    async def hang(request: Request) -> Response:
        begun.set()
        await asyncio.Event().wait()
        return PlainTextResponse("never")

    server = guarded(tmp_path, routes=[Route("/hang", hang)])
    async with server.client(TOKEN) as client, asyncio.timeout(20):
        asked = asyncio.create_task(client.get("/hang"))
        await begun.wait()
        asked.cancel()
        await asyncio.wait([asked])
    (line,) = server.lines
    assert (line["status"], line["code"]) == (503, "server_ending")
    assert b'code="server_ending"' in server.metrics.text()

"""The chat in a browser: for the owner's login, from its own page, and with no stray process."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.types import Message

from agent.cli import exits
from agent.server.users import User
from agent.tui.browser import Browser
from tests.agent.server.whole_server import fill, whole
from tests.agent.tui.browser_server import DEADLINE, client, ended, served

PATHS = ["/", "/ws", "/static/js/textual.js", "/download/x"]


@pytest.mark.parametrize("path", [*PATHS, "/?token=", "/?token=wrong"])
async def test_without_the_token_nothing_is_served(path: str) -> None:
    async with served() as server, client() as session:
        headers = {"Origin": server.url}
        async with session.get(server.url + path, headers=headers) as response:
            assert response.status == 401


async def test_the_token_opens_the_page_and_does_not_stay_in_the_address() -> None:
    async with served() as server, client() as session:
        async with session.get(server.entrance) as response:
            assert response.status == 200
            assert str(response.url) == f"{server.url}/"
            page = await response.text()
        assert "googleapis" not in page
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["Cache-Control"] == "no-store"
        for path, status in (("/static/js/textual.js", 200), ("/download/none", 404)):
            async with session.get(server.url + path) as response:
                assert response.status == status
                assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", PATHS)
async def test_another_user_of_the_server_has_no_chat_in_it(path: str) -> None:
    async with (
        whole(User("ann", reads=("*",)), chat="true") as server,
        server.client("ann") as ann,
    ):
        answer = await ann.get(path)
    assert answer.status_code == 403
    if path == "/":
        assert "owner" in answer.text


async def test_another_user_starts_no_process_by_a_socket(tmp_path: Path) -> None:
    wrote = tmp_path / "started"
    async with served(f"touch {wrote}") as server:
        key = server.whole.keys.add(User("ann", reads=("*",)))
        headers = {"Origin": server.url, "Authorization": f"Bearer {key}"}
        async with client() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await session.ws_connect(f"{server.url}/ws", headers=headers)
    assert not wrote.exists()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", ""])
async def test_a_request_that_names_another_host_is_refused(host: str) -> None:
    async with served() as server, client() as session:
        named = {"Host": host.format(port=server.url.rpartition(":")[2])}
        async with session.get(server.entrance, headers=named) as response:
            assert response.status in (400, 403)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None])
async def test_a_socket_opens_for_its_own_page_only(origin: str | None, tmp_path: Path) -> None:
    wrote = tmp_path / "started"
    async with served(f"touch {wrote}") as server, client() as session:
        async with session.get(server.entrance):
            pass
        headers = {"Origin": origin} if origin else {}
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(f"{server.url}/ws", headers=headers)
    assert not wrote.exists()


async def test_a_chat_that_ends_at_once_is_waited_for_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_shell

    async def noted(*args: Any, **options: Any) -> asyncio.subprocess.Process:
        started.append(await start(*args, **options))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_shell", noted)
    browser = Browser("true", allowed=lambda scope: True)
    for _ in range(20):
        heard: Iterator[Message] = iter(
            [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
        )

        async def receive(heard: Iterator[Message] = heard) -> Message:
            return next(heard)

        async def send(message: Message) -> None:
            pass

        scope = {"type": "websocket", "path": "/ws", "headers": [], "query_string": b""}
        await browser(scope, receive, send)
    await browser.close()
    assert [process.returncode for process in started] == [0] * 20


async def test_the_chat_is_on_no_path_but_its_own() -> None:
    async with whole(chat="true") as server, server.client() as owner:
        for path in ("/nothing", "/wsx", "/v1/nothing", "/api"):
            answer = await owner.get(path)
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "not_found"
        assert (await owner.post("/api/search")).status_code == 405


OFFERS = """
import json, sys
from textual_serve._binary_encode import dump
def packet(kind, payload):
    sys.stdout.buffer.write(kind + len(payload).to_bytes(4, "big") + payload)
    sys.stdout.buffer.flush()
sys.stdout.buffer.write(b"__GANGLION__\\n")
packet(b"M", json.dumps({
    "type": "deliver_file_start", "key": "k1", "path": "/x/a\\r\\nSet-Cookie: b.html",
    "open_method": "browser", "mime_type": "text/html", "encoding": "utf-8",
}).encode())
pieces = [b"<script>alert(1)</script>", b""]
while head := sys.stdin.buffer.read(5):
    said = json.loads(sys.stdin.buffer.read(int.from_bytes(head[1:], "big")))
    if said["type"] == "quit":
        break
    if said["type"] == "deliver_chunk_request":
        packet(b"P", dump(("deliver_chunk", "k1", pieces.pop(0))))
"""
"""Looks like a chat, and offers its page a file that would be a page of its own."""


async def test_a_file_that_a_chat_offers_is_kept_and_never_shown_as_a_page(tmp_path: Path) -> None:
    script = tmp_path / "offers.py"
    script.write_text(OFFERS)
    async with served(shlex.join([sys.executable, str(script)])) as server, client() as session:
        async with session.get(server.entrance) as response:
            assert response.status == 200
        socket = await session.ws_connect(f"{server.url}/ws", headers={"Origin": server.url})
        assert await socket.receive_json() == ["deliver_file_start", "k1"]
        async with session.get(f"{server.url}/download/k1") as response:
            assert await response.text() == "<script>alert(1)</script>"
            assert response.headers["Content-Type"] == "application/octet-stream"
            assert response.headers["Content-Disposition"].startswith("attachment;")
            assert "Set-Cookie" not in response.headers
        await socket.close()


@pytest.mark.parametrize(
    "said", ["{", "[]", "3", '["stdin"]', '["resize", {"width": "x", "height": -1}]', '["no", 1]']
)
async def test_a_page_may_say_anything_and_others_are_served_on(tmp_path: Path, said: str) -> None:
    script = tmp_path / "offers.py"
    script.write_text(OFFERS)
    async with served(shlex.join([sys.executable, str(script)])) as server, client() as session:
        async with session.get(server.entrance) as response:
            assert response.status == 200
        size = f"{server.url}/ws?width=99999999999&height=x"
        socket = await session.ws_connect(size, headers={"Origin": server.url})
        await socket.receive()
        await socket.send_str(said)
        await socket.send_bytes(b"\0")
        async with session.get(f"{server.url}/") as response:
            assert response.status == 200
        await socket.close()


async def test_a_question_is_asked_and_answered_through_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_EMBEDDER", "none")
    await fill("default", tmp_path / "own", moon="The Moon has no air.")
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent", "serve", "--web", "--port", "0",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert server.stdout is not None
    async with asyncio.timeout(DEADLINE), client() as session, ended(server):
        url = (await server.stdout.readline()).decode().strip()
        own = url.partition("/?")[0]
        async with session.get(url) as response:
            assert response.status == 200
        socket = await session.ws_connect(f"{own}/ws", headers={"Origin": own})
        seen = ""

        async def until(words: str) -> None:
            nonlocal seen
            while words not in seen:
                message = await socket.receive()
                assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), seen
                if message.type == aiohttp.WSMsgType.BINARY:
                    seen += message.data.decode("utf-8", "replace")

        await until("ready")
        for key in "Has the Moon air?":
            await socket.send_json(["stdin", key])
        await socket.send_json(["stdin", "\r"])
        await until("grounded")
        await until("The Moon has no air")
        await socket.close()
        server.send_signal(signal.SIGINT)
        assert await server.wait() == exits.OK

"""The chat in a browser: only this machine, only with the token, only from its own page."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from agent.cli import exits
from agent.tui.browser import Browser, bind
from tests.agent.cli.conftest import Agent

DEADLINE = 60.0


@contextlib.asynccontextmanager
async def served(command: str = "true") -> AsyncIterator[Browser]:
    browser = Browser(command, bind(0))
    ready = asyncio.Event()
    running = asyncio.create_task(browser.run(ready.set))
    async with asyncio.timeout(DEADLINE):
        try:
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if running.done():
                await running
            yield browser
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


@contextlib.asynccontextmanager
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)  # an address is no name, and may have cookies here
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield session


@contextlib.asynccontextmanager
async def ended(server: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """Whatever happens, it does not outlive the test."""
    try:
        yield
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()


@pytest.mark.parametrize("path", ["/", "/?token=", "/?token=wrong", "/ws", "/static/js/textual.js"])
async def test_without_the_token_nothing_is_served(path: str) -> None:
    async with served() as browser, client() as session:
        headers = {"Origin": browser.public_url}
        async with session.get(browser.public_url + path, headers=headers) as response:
            assert response.status == 403


async def test_the_token_opens_the_page_and_does_not_stay_in_the_address() -> None:
    async with served() as browser, client() as session:
        async with session.get(browser.url) as response:
            assert response.status == 200
            assert str(response.url) == f"{browser.public_url}/"
            page = await response.text()
        assert "googleapis" not in page
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        async with session.get(f"{browser.public_url}/static/js/textual.js") as response:
            assert response.status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost:{port}", "127.0.0.1", ""])
async def test_a_request_that_names_another_host_is_refused(host: str) -> None:
    async with served() as browser, client() as session:
        named = {"Host": host.format(port=browser.port)}
        async with session.get(browser.url, headers=named) as response:
            assert response.status == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None])
async def test_a_socket_opens_for_its_own_page_only(origin: str | None) -> None:
    async with served() as browser, client() as session:
        async with session.get(browser.url):
            pass
        headers = {"Origin": origin} if origin else {}
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(f"{browser.public_url}/ws", headers=headers)


async def test_a_question_is_asked_and_answered_through_the_socket(
    home: Path, tmp_path: Path, agent: Agent
) -> None:
    (tmp_path / "moon.txt").write_text("The Moon has no air.\n")
    added = await asyncio.to_thread(agent, "add", tmp_path / "moon.txt")
    assert added.code == exits.OK
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


def test_what_is_to_be_served_must_be_said(agent: Agent) -> None:
    ran = agent("serve")
    assert ran.code == exits.USAGE
    assert "agent serve --web" in ran.err


def test_a_port_that_is_taken_is_an_error_with_a_way_out(agent: Agent) -> None:
    with bind(0) as taken:
        taken.listen()
        ran = agent("serve", "--web", "--port", taken.getsockname()[1])
    assert ran.code == exits.USAGE
    assert "--port 0" in ran.err

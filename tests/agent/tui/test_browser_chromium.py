"""The chat in a real browser: a question typed and answered, driven over Chromium's own protocol.

`UNDERSTUDY_PICTURES=FOLDER` keeps a picture of it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.agent.server.whole_server import fill

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
DEADLINE = 120.0
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


class Page:
    """One page of a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.asked: list[str] = []
        """The addresses that the page has asked for."""
        self.shown = ""
        """What has come through the page's socket, as it came."""

    async def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._ids)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while (message := await self._next()).get("id") != number:
            pass
        assert "error" not in message, message
        result: dict[str, Any] = message["result"]
        return result

    async def until(self, words: str) -> None:
        while words not in self.shown:
            await self._next()

    async def type(self, text: str) -> None:
        await self.do("Runtime.evaluate", expression="document.querySelector('textarea').focus()")
        for key in text:
            name, code = ("Enter", 13) if key == "\r" else (key, 0)
            about = {"key": name, "text": key, "windowsVirtualKeyCode": code}
            await self.do("Input.dispatchKeyEvent", type="keyDown", **about)
            await self.do("Input.dispatchKeyEvent", type="keyUp", **about)

    async def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._socket.receive_json()
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
            case "Network.webSocketFrameReceived":
                frame = message["params"]["response"]["payloadData"]
                with contextlib.suppress(ValueError):
                    self.shown += base64.b64decode(frame).decode("utf-8", "replace")
        return message


@contextlib.asynccontextmanager
async def started(*words: str, **streams: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program that does not outlive the test."""
    program = await asyncio.create_subprocess_exec(*words, **streams)
    try:
        yield program
    finally:
        if program.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                program.send_signal(signal.SIGINT)
        await program.communicate()


@contextlib.asynccontextmanager
async def page(profile: Path) -> AsyncIterator[Page]:
    """A page of a browser that is started for it."""
    pipe = asyncio.subprocess.PIPE
    async with started(
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--window-size=1100,700", "--remote-debugging-port=0",
        f"--user-data-dir={profile}", "about:blank", stderr=pipe, stdout=pipe,
    ) as browser:  # fmt: skip
        assert browser.stderr is not None
        line = ""
        while "DevTools listening on ws://" not in line:
            line = (await browser.stderr.readline()).decode()
            assert line, "the browser has not started"
        own = line.partition("ws://")[2].partition("/")[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://{own}/json/list") as response:
                address = (await response.json())[0]["webSocketDebuggerUrl"]
            async with session.ws_connect(address, max_msg_size=0) as socket:
                yield Page(socket)


async def test_a_question_is_typed_and_answered_in_a_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_EMBEDDER", "none")
    await fill("default", tmp_path / "own", moon="The Moon has no air.")
    pipe = asyncio.subprocess.PIPE
    async with (
        asyncio.timeout(DEADLINE),
        started(
            sys.executable, "-m", "agent", "serve", "--web", "--port", "0", stdout=pipe, stderr=pipe
        ) as server,
        page(tmp_path / "profile") as seen,
    ):
        assert server.stdout is not None
        url = (await server.stdout.readline()).decode().strip()
        await seen.do("Network.enable")
        await seen.do("Page.enable")
        await seen.do("Page.navigate", url=url)
        await seen.until("ready")
        await seen.type("Has the Moon air?\r")
        await seen.until("grounded")
        await seen.until("The Moon has no air")
        own = url.partition("/?")[0]
        strange = [
            a for a in seen.asked if not a.startswith((own, "data:", own.replace("http", "ws")))
        ]
        assert strange == []
        if folder := os.environ.get("UNDERSTUDY_PICTURES"):
            # Drawn with the next frame: what came through the socket is on its way there.
            await seen.do("Runtime.evaluate", awaitPromise=True,
                          expression="new Promise(r => setTimeout(r, 500))")  # fmt: skip
            picture = await seen.do("Page.captureScreenshot")
            Path(folder, "browser.png").write_bytes(base64.b64decode(picture["data"]))

"""The end of `agent serve`: every chat that it has started ends with it, however it ends."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from agent.cli import exits
from tests.agent.tui.browser_server import DEADLINE, client, ended, page, served

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")

CHAT = """
import os, signal, subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
{deaf}
Path(sys.argv[1] + ".part").write_text(f"{{os.getpid()}} {{child.pid}}")
os.replace(sys.argv[1] + ".part", sys.argv[1])
os.write(1, b"__GANGLION__\\n")
while True:
    time.sleep(600)
"""
"""Looks like a chat, hears nothing of its end, and has started something."""


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not asked about does not."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return found.stdout.strip() != "" and not found.stdout.strip().startswith("Z")


async def gone(*pids: int) -> None:
    while any(map(alive, pids)):
        await asyncio.sleep(0.02)


def below(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True)
    pairs = [line.split() for line in listed.stdout.splitlines()]
    found = [int(each) for each, parent in pairs if int(parent) == pid]
    return found + [lower for each in found for lower in below(each)]


@contextmanager
def heard(number: signal.Signals, by: signal.Handlers = signal.SIG_DFL) -> Iterator[None]:
    """A signal means this to begin with, whoever has started the tests."""
    before = signal.signal(number, by)
    try:
        yield
    finally:
        signal.signal(number, before)


def chat(folder: Path, deaf: str = "") -> tuple[str, Path]:
    """The command of a false chat, and the file where it tells its processes."""
    script, wrote = folder / "chat.py", folder / "pids"
    script.write_text(CHAT.format(deaf=deaf))
    return shlex.join([sys.executable, str(script), str(wrote)]) + "; true", wrote


async def written(wrote: Path) -> list[int]:
    while not wrote.exists():
        await asyncio.sleep(0.02)
    return list(map(int, wrote.read_text().split()))


@pytest.mark.parametrize(
    "deaf", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"], ids=["busy", "deaf"]
)
async def test_a_chat_that_does_not_hear_of_its_end_is_ended_with_all_that_it_started(
    deaf: str, tmp_path: Path
) -> None:
    command, wrote = chat(tmp_path, deaf)
    async with asyncio.timeout(DEADLINE):
        async with served(command) as server, page(server.entrance):
            pids = await written(wrote)
            assert all(map(alive, pids))
        await gone(*pids)  # told to end; the kernel may still be at it


async def test_a_page_that_is_closed_ends_its_chat(tmp_path: Path) -> None:
    command, wrote = chat(tmp_path)
    async with asyncio.timeout(DEADLINE), served(command) as server:
        async with page(server.entrance) as socket:
            pids = await written(wrote)
            await socket.close()
        await gone(*pids)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_ends_the_server_as_a_cancellation_does(
    number: signal.Signals, tmp_path: Path
) -> None:
    command, wrote = chat(tmp_path)
    with heard(number):
        async with asyncio.timeout(DEADLINE):
            async with served(command) as server, page(server.entrance):
                pids = await written(wrote)
                os.kill(os.getpid(), number)
                await gone(*pids)


async def test_a_signal_that_is_to_be_ignored_is_ignored(tmp_path: Path) -> None:
    command, wrote = chat(tmp_path)
    with heard(signal.SIGHUP, signal.SIG_IGN):
        async with asyncio.timeout(DEADLINE), served(command) as server, page(server.entrance):
            pids = await written(wrote)
            os.kill(os.getpid(), signal.SIGHUP)
            async with client() as session, session.get(server.entrance) as response:
                assert response.status == 200
            assert all(map(alive, pids))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_no_chat_outlives_the_server_and_nothing_is_complained_about(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_EMBEDDER", "none")
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent", "serve", "--web", "--port", "0",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    assert server.stderr is not None
    async with asyncio.timeout(DEADLINE), ended(server):
        async with page((await server.stdout.readline()).decode().strip()) as socket:
            seen = b""
            while b"ready" not in seen:
                message = await socket.receive()
                assert message.type is aiohttp.WSMsgType.BINARY, seen
                seen += message.data
            chats = below(server.pid)
            assert chats
            server.send_signal(number)
            with suppress(aiohttp.ClientError):
                while (await socket.receive()).type is aiohttp.WSMsgType.BINARY:
                    pass
            code = await server.wait()
            await gone(*chats)
        if number is not signal.SIGKILL:
            assert code == exits.OK
            said = (await server.stderr.read()).decode().splitlines()
            logged = [json.loads(line) for line in said if line.startswith("{")]
            assert [line for line in said if not line.startswith("{")] == ["Ended."]
            assert "bug" not in {line["event"] for line in logged}

"""How a user's MCP servers are opened and let go of: builds that fail, sessions that ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.cli import serve_mounts
from agent.server.users import User
from mcp_servers import serving
from tests.agent.server.test_mounts import KNOWLEDGE, Session, by_hand
from tests.agent.server.whole_server import Whole, fill, whole

READER = User("reader", reads=("default",))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Whole]:
    await fill("default", tmp_path / "own", moon="The Moon has no air.")
    async with whole(READER, User("other", reads=("default",))) as server:
        yield server


def reader(server: Whole) -> User:
    user = server.keys.user(server.tokens["reader"])
    assert user is not None
    return user


class Fails:
    """A build that fails once it may."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()

    def __call__(self, *_: object) -> Any:
        self.began.set()
        assert self.may_end.wait(30)
        raise ValueError("no build")


async def test_all_who_waited_for_a_build_are_told_why_it_failed(
    server: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails, servers = Fails(), by_hand(server)
    async with asyncio.timeout(30):
        with monkeypatch.context() as patched:
            patched.setattr(serve_mounts, "build", fails)
            asks = [servers._lent(reader(server), "/mcp", "") for _ in range(3)]
            waiting = asyncio.gather(*asks, return_exceptions=True)
            assert await asyncio.to_thread(fails.began.wait, 30)
            fails.may_end.set()
            assert [str(error) for error in await waiting] == ["no build"] * 3
        assert await servers._lent(reader(server), "/mcp", "")


async def test_a_build_that_failed_after_its_client_left_is_not_handed_to_the_next(
    server: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails, servers = Fails(), by_hand(server)
    async with asyncio.timeout(30):
        with monkeypatch.context() as patched:
            patched.setattr(serve_mounts, "build", fails)
            leaves = asyncio.create_task(servers._lent(reader(server), "/mcp", ""))
            assert await asyncio.to_thread(fails.began.wait, 30)
            leaves.cancel()
            await asyncio.wait([leaves])
            (found,) = servers._open.values()
            fails.may_end.set()
            await asyncio.wait([found.opening])
        assert await servers._lent(reader(server), "/mcp", "")


async def test_a_request_looks_at_its_own_servers_only(server: Whole) -> None:
    async with server.client("reader") as client, server.client("other") as other:
        for each in (client, other):
            await Session(each, "/mcp").open()
        before = dict(by_hand(server)._open)
        for name in ("reader", "other"):
            server.keys.change(name, lambda user: replace(user, per_minute=1000))
        await Session(client, "/mcp").open()
        after = by_hand(server)._open
        assert [key[0] for key, found in after.items() if before[key] is found] == ["other"]


async def test_names_of_sessions_that_are_no_more_push_no_real_one_out(
    server: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "Lent", partial(serving.Lent, sessions=2))
    async with server.client("reader") as client:
        sessions = [Session(client, "/mcp") for _ in range(3)]
        for session in sessions[:2]:
            await session.open()
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        for n in range(5):
            stale = {**sessions[0].headers, "mcp-session-id": f"stale{n}"}
            assert (await client.post("/mcp", json=body, headers=stale)).status_code == 404
        (found,) = by_hand(server)._open.values()
        real = {session.headers["mcp-session-id"] for session in sessions[:2]}
        assert set(found.opening.result()._asked) == real
        await sessions[2].open()  # in place of the first, which was idle for longest
        for session in sessions[1:]:
            assert await session.tools() == KNOWLEDGE

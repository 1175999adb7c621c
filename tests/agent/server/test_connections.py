"""Connections whose peers say nothing, or of which one peer opens too many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from agent.server import connections
from agent.server.connections import peer_of
from agent.server.serving import bind, serve
from tests.agent.server.guarded import TOKEN, guarded

DEADLINE = 30.0
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    server = guarded(tmp_path)
    bound, ready = bind("127.0.0.1", 0), asyncio.Event()
    serving = asyncio.create_task(serve(server.app, bound, server.admission, ready=ready.set))
    async with asyncio.timeout(DEADLINE):
        await ready.wait()
        yield bound.getsockname()[1]
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def told(port: int, data: bytes) -> bytes:
    """All that a peer hears that sends this and then nothing more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("data", [b"", b"GET / HT", REQUEST[:-2]])
async def test_who_does_not_say_what_is_wanted_in_time_is_given_up(
    port: int, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.05)
    assert await told(port, data) == b""


async def test_who_has_been_answered_and_begins_again_is_given_up_too(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    assert b"200 OK" in await reader.readuntil(b"\r\n")
    writer.write(b"GET / HT")
    with suppress(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_a_request_that_is_being_answered_is_not_hurried(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    writer.write(f"{head}Content-Length: 2\r\n\r\nx".encode())
    await asyncio.gather(*(told(port, b"") for _ in range(3)))  # longer than its patience
    writer.write(b"x")
    assert b"200 OK" in await reader.readuntil(b"\r\n")
    writer.close()


async def test_one_peer_cannot_have_all_connections(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SHARE", 2)
    monkeypatch.setattr(connections, "peer_of", lambda address: "one")
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    assert await told(port, REQUEST) == b""
    for _, writer in opened:
        writer.close()
    async with httpx.AsyncClient() as client:
        while True:  # until the server has seen that they are closed
            with suppress(httpx.TransportError):
                assert (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
                break


def test_a_peer_is_an_address_or_a_network_of_version_6_and_never_this_machine() -> None:
    assert peer_of("192.0.2.7") == peer_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert peer_of("2001:db8:1:2::7") == peer_of("2001:db8:1:2:3:4:5:6%eth0")
    assert peer_of("2001:db8:1:2::7") != peer_of("2001:db8:1:3::7")
    assert peer_of("127.0.0.1") == peer_of("::1") == ""

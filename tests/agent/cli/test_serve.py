"""`agent serve`: what is asked for before it listens, and what it prints."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import openai
import pytest

from agent.cli import exits
from tests.agent.cli.conftest import Agent

DEADLINE = 60.0
TOKEN = "a-key-of-the-owners-own-choice"

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


@asynccontextmanager
async def served(*arguments: str, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`agent serve` in a process of its own, which does not outlive the test."""
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent", "serve", "--port", "0", *arguments,
        stdout=pipe, stderr=pipe, env={**os.environ, **env},
    )  # fmt: skip
    try:
        async with asyncio.timeout(DEADLINE):
            yield server
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()


async def line(server: asyncio.subprocess.Process) -> str:
    assert server.stdout is not None
    return (await server.stdout.readline()).decode().strip()


async def ended(server: asyncio.subprocess.Process) -> tuple[str, str]:
    """End it by Ctrl-C; what else it printed, and its log."""
    server.send_signal(signal.SIGINT)
    out, err = await server.communicate()
    assert server.returncode == exits.OK, err
    return out.decode(), err.decode()


@needs_signals
async def test_openais_own_client_is_answered_with_what_is_printed_and_nothing_else(
    home: Path, tmp_path: Path, agent: Agent
) -> None:
    (tmp_path / "moon.txt").write_text("The Moon has no air.\n")
    assert (await asyncio.to_thread(agent, "add", tmp_path / "moon.txt")).code == exits.OK
    async with served() as server:
        printed = dict([(await line(server)).split("=", 1) for _ in range(2)])
        async with openai.AsyncOpenAI(
            base_url=printed["OPENAI_BASE_URL"], api_key=printed["OPENAI_API_KEY"]
        ) as client:
            stream = await client.chat.completions.create(
                model="understudy",
                messages=[{"role": "user", "content": "Has the Moon air?"}],
                stream=True,
            )
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
        out, err = await ended(server)
    text = "".join(pieces)
    assert "no air" in text.replace("**", "")
    assert "Sources:" in text
    assert out == ""
    assert printed["OPENAI_API_KEY"] not in err
    assert "Has the Moon air" not in err


@needs_signals
async def test_a_key_of_the_owners_own_is_neither_printed_nor_handed_on(home: Path) -> None:
    async with served(AGENT_SERVE_TOKEN=TOKEN) as server:
        url = (await line(server)).removeprefix("OPENAI_BASE_URL=")
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            assert (await client.get(f"{url}/models")).status_code == 200
        out, err = await ended(server)
    assert TOKEN not in out + err


@needs_signals
async def test_who_is_added_may_ask_and_who_is_removed_may_not_while_it_runs(
    home: Path, agent: Agent
) -> None:
    async with served() as server:
        url = (await line(server)).removeprefix("OPENAI_BASE_URL=")
        ran = await asyncio.to_thread(agent, "users", "add", "ada")
        headers = {"Authorization": f"Bearer {ran.out.strip()}"}
        async with httpx.AsyncClient(headers=headers) as client:
            assert (await client.get(f"{url}/models")).status_code == 200
            await asyncio.to_thread(agent, "users", "remove", "ada")
            assert (await client.get(f"{url}/models")).status_code == 401
        await ended(server)


@needs_signals
async def test_the_chat_is_served_on_the_same_port_by_the_address_printed(home: Path) -> None:
    async with served("--web") as server:
        address = await line(server)
        own = address.partition("/?token=")[0]
        assert await line(server) == f"OPENAI_BASE_URL={own}/v1"
        async with httpx.AsyncClient(follow_redirects=True) as client:
            page = await client.get(f"{own}/", headers={"Accept": "text/html"})
            assert "/login" in page.text
            page = await client.get(address)
            assert (page.status_code, str(page.url)) == (200, f"{own}/")
            assert (await client.get(f"{own}/v1/models")).status_code == 200
        await ended(server)


@needs_signals
async def test_half_an_upload_and_an_open_stream_of_mcp_do_not_hinder_a_quiet_end(
    home: Path,
) -> None:
    async with served(AGENT_EMBEDDER="none") as server:
        url = (await line(server)).removeprefix("OPENAI_BASE_URL=").removesuffix("/v1")
        key = (await line(server)).removeprefix("OPENAI_API_KEY=")
        headers = {
            "Authorization": f"Bearer {key}",
            "Accept": "application/json, text/event-stream",
        }
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(
            b"PUT /api/files/a.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
            b"Authorization: Bearer " + key.encode() + b"\r\n\r\nhalf"
        )
        async with httpx.AsyncClient(headers=headers) as client:
            opening = {
                "jsonrpc": "2.0", "id": 1, "method": "initialize",
                "params": {
                    "protocolVersion": "2025-11-25", "capabilities": {},
                    "clientInfo": {"name": "test", "version": "1"},
                },
            }  # fmt: skip
            opened = await client.post(f"{url}/mcp", json=opening)
            session = {"mcp-session-id": opened.headers["mcp-session-id"]}
            async with client.stream("GET", f"{url}/mcp", headers=session) as stream:
                assert stream.status_code == 200
                server.send_signal(signal.SIGINT)
                await stream.aread()
        _, err = await server.communicate()
        writer.close()
    assert server.returncode == exits.OK
    assert "ASGI" not in err.decode(), err.decode()
    assert '"bug"' not in err.decode(), err.decode()
    assert '"event": "ended"' in err.decode()


def test_other_machines_are_served_only_where_somebody_has_a_key(agent: Agent) -> None:
    ran = agent("serve", "--host", "0.0.0.0")
    assert ran.code == exits.USAGE
    assert "agent users add" in ran.err


def test_the_chat_for_other_machines_needs_a_key_that_the_owner_has_chosen(agent: Agent) -> None:
    agent("users", "add", "ada")
    ran = agent("serve", "--host", "0.0.0.0", "--web")
    assert ran.code == exits.USAGE
    assert "AGENT_SERVE_TOKEN" in ran.err


def test_a_key_that_could_be_guessed_is_refused(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_SERVE_TOKEN", "hunter2")
    ran = agent("serve")
    assert ran.code == exits.USAGE
    assert "hunter2" not in ran.err
    assert "openssl rand" in ran.err


def test_a_key_that_no_client_could_send_is_refused_at_the_start(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_SERVE_TOKEN", "schlüssel-des-eigentümers")
    ran = agent("serve")
    assert ran.code == exits.USAGE
    assert "schl" not in ran.err
    assert "openssl rand" in ran.err


@needs_signals
async def test_whoever_serves_other_machines_is_told_of_tls(home: Path, agent: Agent) -> None:
    await asyncio.to_thread(agent, "users", "add", "ada")
    async with served("--host", "0.0.0.0") as server:
        assert (await line(server)).startswith("OPENAI_BASE_URL=http://127.0.0.1:")
        out, err = await ended(server)
    assert "TLS" in err
    assert "OPENAI_API_KEY" not in out


@pytest.mark.parametrize(
    "url",
    ["docs.example", "ftp://docs.example", "https://", "https://a@b", "https://a/b", "http://[x"],
)
def test_a_public_address_must_be_one_of_a_servers_root(agent: Agent, url: str) -> None:
    ran = agent("serve", "--public-url", url)
    assert ran.code == exits.USAGE
    assert "--public-url https://" in ran.err


@pytest.mark.parametrize(
    ("name", "value"),
    [("LIBRARY", "nowhere"), ("MODEL", "scripted:/no/such.json"), ("PERSONA", "nobody"),
     ("MODE", "odd")],
)  # fmt: skip
def test_settings_that_nobody_could_be_answered_with_are_told_at_the_start(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"AGENT_{name}", value)
    ran = agent("serve", "--port", "0")
    assert ran.code == exits.USAGE
    assert ran.out == ""


def test_a_port_that_is_taken_is_an_error_with_a_way_out(agent: Agent) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = agent("serve", "--port", taken.getsockname()[1])
    assert ran.code == exits.USAGE
    assert "--port 0" in ran.err


def test_users_that_cannot_be_read_are_told_before_anything_is_served(
    home: Path, agent: Agent
) -> None:
    home.mkdir(exist_ok=True)
    (home / "users.json").write_text("{")
    ran = agent("serve", "--port", "0")
    assert ran.code == exits.USAGE
    assert "users.json" in ran.err

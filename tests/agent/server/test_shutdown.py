"""The end of the server: what runs ends with what it has, and nothing is waited for too long."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from agent.errors import UsageError
from agent.server.auth import user_of
from agent.server.serving import bind, is_loopback, serve, url_of
from tests.agent.server.guarded import TOKEN, Guarded, guarded

DEADLINE = 30.0
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


class Asking:
    """A route whose asks end when they are told to; `deaf` ones do not listen."""

    def __init__(self, *, deaf: bool = False) -> None:
        self.deaf = deaf
        self.running = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.server: Guarded | None = None

    async def answer(self, request: Request) -> Response:
        assert self.server is not None
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with self.server.admission.admit(user_of(request)) as ticket:
            if not self.deaf:
                ticket.started(told.set_result)
            self.running.set()
            try:
                return PlainTextResponse(f"What there is. {await told}")
            except asyncio.CancelledError:
                self.cancelled.set()
                raise


@asynccontextmanager
async def served(
    folder: Path, asking: Asking, drain: float
) -> AsyncIterator[tuple[str, asyncio.Task[None]]]:
    """A server on a socket of its own: its address, and the task that serves."""
    server = asking.server = guarded(folder, routes=[Route("/ask", asking.answer)])
    bound, ready = bind("127.0.0.1", 0), asyncio.Event()
    serving = asyncio.create_task(
        serve(server.app, bound, server.admission, drain=drain, ready=ready.set)
    )
    async with asyncio.timeout(DEADLINE):
        await ready.wait()
        try:
            yield url_of(bound), serving
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


async def test_an_ask_that_runs_is_told_to_end_and_its_answer_arrives(tmp_path: Path) -> None:
    asking = Asking()
    async with served(tmp_path, asking, DEADLINE) as (url, serving), httpx.AsyncClient() as client:
        asked = asyncio.create_task(client.get(f"{url}/ask", headers=HEADERS))
        await asking.running.wait()
        serving.cancel()
        answer = await asked
        assert answer.text == "What there is. The server is ending."
        with suppress(asyncio.CancelledError):
            await serving
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{url}/healthz")


async def test_while_it_ends_new_asks_are_refused_and_it_is_not_ready(tmp_path: Path) -> None:
    asking = Asking(deaf=True)
    async with served(tmp_path, asking, DEADLINE) as (url, serving), httpx.AsyncClient() as client:
        asked = asyncio.create_task(client.get(f"{url}/ask", headers=HEADERS))
        await asking.running.wait()
        serving.cancel()
        while (await client.get(f"{url}/readyz")).json()["checks"]["server"] == "ok":
            await asyncio.sleep(0)
        refused = await client.get(f"{url}/ask", headers=HEADERS)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) >= 1
        assert (await client.get(f"{url}/healthz")).status_code == 200
        asked.cancel()


async def test_what_does_not_end_in_time_is_cancelled(tmp_path: Path) -> None:
    asking = Asking(deaf=True)
    async with served(tmp_path, asking, 0.05) as (url, serving), httpx.AsyncClient() as client:
        asked = asyncio.create_task(client.get(f"{url}/ask", headers=HEADERS))
        await asking.running.wait()
        serving.cancel()
        answer = await asked
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "server_ending"
        assert asking.cancelled.is_set()


async def test_told_twice_to_end_it_waits_for_nothing_that_others_have_open(
    tmp_path: Path,
) -> None:
    closing, cancelled = asyncio.Event(), asyncio.Event()

    async def close() -> None:
        closing.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    server, bound, ready = guarded(tmp_path), bind("127.0.0.1", 0), asyncio.Event()
    async with asyncio.timeout(DEADLINE):
        serving = asyncio.create_task(
            serve(server.app, bound, server.admission, drain=1, ready=ready.set, close=close)
        )
        await ready.wait()
        serving.cancel()
        await closing.wait()
        serving.cancel()
        await asyncio.wait({serving})
    assert serving.cancelled()
    assert cancelled.is_set()


def test_a_port_that_is_taken_is_told_with_a_way_out() -> None:
    with closing(bind("127.0.0.1", 0)) as taken:
        taken.listen()
        with pytest.raises(UsageError, match="cannot be used") as caught:
            bind("127.0.0.1", taken.getsockname()[1])
    assert "--port 0" in caught.value.hint


def test_an_address_that_is_not_of_this_machine_is_told() -> None:
    with pytest.raises(UsageError, match=r"192\.0\.2\.1"):
        bind("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.7", False), ("localhost.example", False)],
)  # fmt: skip
def test_only_addresses_of_loopback_are_this_machines_alone(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_an_address_of_all_interfaces_is_shown_as_one_that_can_be_typed() -> None:
    with closing(bind("0.0.0.0", 0)) as bound:
        assert url_of(bound).startswith("http://127.0.0.1:")
    if socket.has_dualstack_ipv6():
        with closing(bind("::1", 0)) as bound:
            assert url_of(bound).startswith("http://[::1]:")


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_a_stream_with_what_it_has(
    tmp_path: Path, own_home: Path, number: signal.Signals
) -> None:
    note, script = tmp_path / "note.md", tmp_path / "script.json"
    note.write_text("# Lamp\n\nThe lamp was lit in 1902.\n")
    reply = {"text": "The lamp was lit in 1902 [1]. ", "delay": 0.01, "endless": True}
    script.write_text(json.dumps({"replies": [reply], "loop": True}))
    env = {
        **os.environ, "AGENT_HOME": str(own_home), "AGENT_EMBEDDER": "none",
        "AGENT_MODEL": f"scripted:{script}", "AGENT_SERVE_TOKEN": TOKEN,
    }  # fmt: skip
    program = [sys.executable, "-m", "agent"]
    subprocess.run([*program, "add", note], env=env, check=True, capture_output=True)
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec(
        *program, "serve", "--port", "0", stdout=pipe, stderr=pipe, env=env
    )
    assert server.stdout is not None
    assert server.stderr is not None
    try:
        async with asyncio.timeout(DEADLINE), httpx.AsyncClient(timeout=DEADLINE) as client:
            url = (await server.stdout.readline()).decode().strip().removeprefix("OPENAI_BASE_URL=")
            body = {
                "model": "understudy/naive", "stream": True,
                "messages": [{"role": "user", "content": "When was the lamp lit?"}],
            }  # fmt: skip
            events: list[str] = []
            async with client.stream(
                "POST", f"{url}/chat/completions", json=body, headers=HEADERS
            ) as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data:"):
                        events.append(line.removeprefix("data: "))
                    if len(events) == 5:
                        server.send_signal(number)
            assert await server.wait() == 0
            log = (await server.stderr.read()).decode()
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()
    assert events[-1] == "[DONE]"
    assert not any("error" in json.loads(event) for event in events[:-1])
    assert '"event": "ended"' in log
    assert TOKEN not in log

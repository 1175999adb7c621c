"""`agent mcp serve` as other programs have it: a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from agent.cli.mcp_serve import bind
from agent.errors import UsageError
from tests.loopback import Loopback
from tests.mcp_servers.serving import data, words

ROOT = Path(__file__).parents[2]
SERVE = [sys.executable, "-m", "agent", "mcp", "serve"]
HEAVY = {
    "bm25s", "chromadb", "langchain", "langchain_core", "litellm", "llama_index", "lxml", "numpy",
    "onnx", "onnxruntime", "openai", "pypdf", "scipy", "sqlite3", "tokenizers", "torch",
    "trafilatura", "transformers",
}  # fmt: skip
INITIALIZE = {
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


@pytest.fixture
def env(own_home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(own_home),
        "AGENT_HOME": str(own_home),
        "AGENT_EMBEDDER": "none",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def note(tmp_path: Path) -> Path:
    note = tmp_path / "lamp.md"
    note.write_text("# Lighthouse\n\nThe lamp of the lighthouse was lit in 1902 by Ada Brown.\n")
    return note


def add(path: Path, env: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-m", "agent", "add", "-q", str(path)], env=env, check=True)


@asynccontextmanager
async def connected(
    env: dict[str, str], *options: str, mode: str = "auto"
) -> AsyncIterator[Client]:
    program, *arguments = [*SERVE, *options]
    async with Client(
        StdioServerParameters(command=program, args=arguments, env=env), mode=mode
    ) as client:
        yield client


@contextmanager
def started(env: dict[str, str], *options: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*SERVE, *options], env=env, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def say(process: subprocess.Popen[str], *messages: dict[str, Any]) -> None:
    assert process.stdin is not None
    for message in messages:
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str], id: int) -> dict[str, Any]:
    """The answer to a request; each line before it is a message too."""
    assert process.stdout is not None
    while True:
        message = json.loads(process.stdout.readline())
        assert message["jsonrpc"] == "2.0"
        if message.get("id") == id:
            return dict(message)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_host_lists_the_tools_and_is_answered_with_citations(
    env: dict[str, str], note: Path, mode: str
) -> None:
    add(note, env)
    steps: list[str | None] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        steps.append(message)

    async with connected(env, mode=mode) as client:
        assert len((await client.list_tools()).tools) == 4
        question = {"question": "When was the lamp of the lighthouse lit?", "mode": "naive"}
        answer = data(await client.call_tool("ask", question, progress_callback=progress))
        assert "1902" in answer["answer"]
        assert answer["citations"][0]["source"] == str(note)
        assert "Searching the library" in steps
        passages = data(await client.call_tool("search", {"query": "lamp"}))["passages"]
        assert passages[0]["place"] == "Lighthouse"
        read = data(await client.call_tool("read_source", {"source": "lamp.md"}))
        assert read["text"] == note.read_text().strip()


def test_listing_the_tools_loads_nothing_heavy_and_prints_only_messages(
    env: dict[str, str], note: Path
) -> None:
    add(note, env)
    program = (
        "import sys; from agent.__main__ import main; sys.argv = ['agent', 'mcp', 'serve']; main();"
        "print(*sys.modules, file=sys.stderr)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], env=env, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        say(process, INITIALIZE, {"method": "notifications/initialized"})
        say(process, {"id": 2, "method": "tools/list"})
        assert len(hear(process, 2)["result"]["tools"]) == 4
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out == ""
    [modules] = err.splitlines()
    assert not {name.partition(".")[0] for name in modules.split()} & HEAVY


async def test_what_another_process_adds_to_an_empty_library_is_found(
    env: dict[str, str], note: Path
) -> None:
    async with connected(env) as client:
        found = data(await client.call_tool("search", {"query": "lamp"}))
        assert "The library is empty" in found["note"]
        add(note, env)
        assert data(await client.call_tool("search", {"query": "lamp"}))["passages"]


async def test_a_host_adds_only_where_it_may(env: dict[str, str], note: Path) -> None:
    async with connected(env) as client:
        assert words(await client.call_tool("add_source", {"source": str(note)}))
    async with connected(env, "--allow-write") as client:
        assert data(await client.call_tool("search", {"query": "lamp"}))["passages"] == []
        assert data(await client.call_tool("add_source", {"source": str(note)}))["added"] == 1
        assert data(await client.call_tool("search", {"query": "lamp"}))["passages"]
        gone = await client.call_tool("add_source", {"source": str(note) + "x"})
        assert "there is no such file or folder" in words(gone)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_cancelled_ask_hangs_up_on_the_provider(
    env: dict[str, str], note: Path, mode: str
) -> None:
    add(note, env)
    with Loopback() as provider:
        provider.fail("slow")
        env |= {
            "AGENT_MODEL": "openai/test",
            "AGENT_API_BASE": provider.base_url,
            "OPENAI_API_KEY": "k",
        }
        async with connected(env, mode=mode) as client:
            question = {"question": "When was the lamp lit?", "mode": "naive"}
            call = asyncio.create_task(client.call_tool("ask", question))
            assert await asyncio.to_thread(provider.speaking.wait, 60)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await asyncio.to_thread(provider.left.wait, 10)
            assert (await client.list_tools()).tools


@pytest.mark.parametrize("end", ["close", "SIGTERM", "SIGINT", "SIGKILL"])
def test_it_ends_with_its_host_in_the_middle_of_an_ask(
    env: dict[str, str], note: Path, tmp_path: Path, end: str
) -> None:
    add(note, env)
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"replies": [{"text": "On and on. ", "endless": True}]}))
    env["AGENT_MODEL"] = f"scripted:{script}"
    with started(env) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        say(process, INITIALIZE, {"method": "notifications/initialized"})
        hear(process, 1)
        call = {
            "name": "ask",
            "arguments": {"question": "When was the lamp lit?", "mode": "naive"},
            "_meta": {"progressToken": 1},
        }
        say(process, {"id": 2, "method": "tools/call", "params": call})
        while "Answering" not in process.stdout.readline():
            pass
        if end == "close":
            process.stdin.close()
        else:
            process.send_signal(getattr(signal, end))
        code = process.wait(30)
    assert code == {"close": 0, "SIGTERM": 143, "SIGINT": 130, "SIGKILL": -9}[end]


def test_all_is_every_server_in_one(env: dict[str, str], note: Path) -> None:
    add(note, env)

    async def use() -> None:
        async with connected(env, "all", "--allow-write") as client:
            tools = (await client.list_tools()).tools
            names = {tool.name for tool in tools}
            assert {"search", "ask", "add_source", "web_search", "web_fetch"} <= names
            assert {"research_start", "research_status", "research_report"} <= names
            shown = [tool.model_dump(by_alias=True, exclude_none=True) for tool in tools]
            assert len(json.dumps(shown)) // 4 < 3_000
            assert len((client.instructions or "").encode()) < 2_000
            assert data(await client.call_tool("search", {"query": "lamp"}))["passages"]
            # The guard lets nothing of this machine be fetched.
            inner = await client.call_tool("web_fetch", {"url": "http://127.0.0.1:8080/"})
            assert "127.0.0.1" in words(inner)

    asyncio.run(use())


def test_research_goes_from_a_question_to_its_report_and_is_silent(
    env: dict[str, str], note: Path, tmp_path: Path
) -> None:
    add(note, env)
    log = tmp_path / "log"
    line = shlex.join([*SERVE, "research"])

    async def use() -> None:
        server = StdioServerParameters(
            command="sh", args=["-c", f"exec {line} 2> {shlex.quote(str(log))}"], env=env
        )
        async with Client(server) as client:
            asked = {"question": "When was the lamp of the lighthouse lit?"}
            begun = data(await client.call_tool("start", asked))
            ended = data(await client.call_tool("status", {"id": begun["id"], "wait": 60}))
            assert ended["state"] == "done", ended
            report = data(await client.call_tool("report", {"id": begun["id"]}))
            assert "“The lamp of the lighthouse was lit in 1902" in report["markdown"]
            nowhere = await client.call_tool("start", {**asked, "where": "web"})
            assert "No search engine is named" in words(nowhere)

    asyncio.run(use())
    assert "DEBUG" not in log.read_text()


def test_http_is_heard_by_this_machine_only_and_by_no_page_of_a_browser(
    env: dict[str, str], note: Path
) -> None:
    add(note, env)
    with started(env, "--http", "127.0.0.1:0") as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[2]
        port = url.split(":")[2].split("/")[0]

        def post(**headers: str) -> int:
            request = urllib.request.Request(
                url,
                json.dumps({"jsonrpc": "2.0", **INITIALIZE}).encode(),
                {
                    "Content-Type": "application/json",
                    "Accept": "application/json, text/event-stream",
                    **headers,
                },
            )
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                with error:
                    return int(error.code)

        async def ask(mode: str) -> dict[str, Any]:
            async with Client(url, mode=mode) as client:
                return data(await client.call_tool("ask", {"question": "When was the lamp lit?"}))

        assert post() == 200
        assert post(Host=f"localhost:{port}", Origin=f"http://localhost:{port}") == 200
        assert post(Host="evil.example.com") == 421
        assert post(Host=f"127.0.0.1.evil.example.com:{port}") == 421
        assert post(Origin="https://evil.example.com") == 403
        for mode in ("auto", "legacy"):
            assert "1902" in asyncio.run(ask(mode))["answer"]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)


def test_http_ends_without_a_word_of_error_while_a_client_listens(env: dict[str, str]) -> None:
    with started(env, "--http", "127.0.0.1:0") as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[2]
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        asked = json.dumps({"jsonrpc": "2.0", **INITIALIZE}).encode()
        with urllib.request.urlopen(urllib.request.Request(url, asked, headers)) as answer:
            headers["Mcp-Session-Id"] = answer.headers["Mcp-Session-Id"]
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)):
            process.send_signal(signal.SIGINT)
            assert process.wait(30) in (0, 130)
        assert "ERROR" not in process.stderr.read()


def test_a_client_that_hears_no_more_is_no_bug(env: dict[str, str]) -> None:
    with started(env) as process:
        say(process, INITIALIZE)
        hear(process, 1)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        say(process, {"method": "notifications/initialized"}, {"id": 2, "method": "tools/list"})
        with suppress(BrokenPipeError):
            say(process, {"id": 3, "method": "tools/list"})
            process.stdin.close()  # type: ignore[union-attr]
        assert process.wait(30) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    "address", ["0.0.0.0:8765", "[::]:8765", "192.168.1.2:80", "example.com:80", "8765x", "::1"]
)
def test_http_refuses_an_address_that_others_could_reach(address: str) -> None:
    with pytest.raises(UsageError, match="this machine only") as caught:
        bind(address)
    assert "--http 127.0.0.1:8765" in caught.value.hint


def test_a_port_that_is_taken_is_told() -> None:
    with Loopback() as other, pytest.raises(UsageError, match="cannot be used"):
        bind(f"127.0.0.1:{other.port}")

"""The client against a real server process: held, killed, hung, and closed with all it started."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.mcp_client import McpClient, McpFailed
from agent.mcp_client.log import ServerLog
from agent.mcp_entry import Entry

ROOT = Path(__file__).parents[2]


def fixture(name: str = "fix", **changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "command": sys.executable,
        "args": ("-m", "tests.mcp_fixture"),
        "cwd": str(ROOT),
        **changes,
    }
    return Entry(name, "user", "mcp.json", **fields)


async def yes(entry: Entry) -> bool:
    return True


@asynccontextmanager
async def client(logs: Path, *entries: Entry) -> AsyncIterator[McpClient]:
    async with McpClient(entries, logs, may_run=yes, env=os.environ) as opened:
        yield opened


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


def running(pid: int) -> bool:
    """Whether a process is, zombies aside."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_servers_start_in_parallel_and_one_that_fails_harms_no_other(tmp_path: Path) -> None:
    entries = (fixture(), fixture("gone", command="no-such-program"), fixture("off", enabled=False))
    async with client(tmp_path, *entries) as opened:
        assert {s.name: s.state for s in opened.states()} == {
            "fix": "idle", "gone": "idle", "off": "off",
        }  # fmt: skip
        await opened.open()
        states = {s.name: s for s in opened.states()}
        assert states["fix"].state == "ready"
        assert "MCP 2026-07-28" in states["fix"].about
        assert states["gone"].state == "failed"
        assert "no program 'no-such-program'" in states["gone"].error
        assert "Install it" in states["gone"].hint
        assert "no program" in states["gone"].last_error
        assert {t.server for t in opened.tools} == {"fix"}
        echo = opened.tool("fix", "echo")
        assert echo is not None
        assert (echo.read_only, echo.open_world, echo.sends_out) == (True, False, False)


async def test_results_come_as_text_with_what_is_no_text_beside_it(tmp_path: Path) -> None:
    async with client(tmp_path, fixture()) as opened:
        said = await opened.call("fix", "echo", {"text": "hello"})
        assert (said.text, said.ok) == ("hello", True)
        assert (await opened.call("fix", "weather", {"city": "Bern"})).text == (
            '{"city": "Bern", "degrees": 21}'
        )
        picture = await opened.call("fix", "picture", {})
        assert picture.text == "here it is"
        assert [(a.media_type, len(a.data)) for a in picture.attachments] == [("image/png", 3004)]
        assert not (await opened.call("fix", "fail", {})).ok
        assert not (await opened.call("fix", "no_such_tool", {})).ok
        log = (tmp_path / "fix.log").read_text()
        assert "fixture ready" in log
        assert "a banner that is no message" in log


async def test_a_server_killed_between_calls_is_started_again(tmp_path: Path) -> None:
    async with client(tmp_path, fixture()) as opened:
        await opened.open()
        first = opened.pid("fix")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: opened.states()[0].state == "idle")
        assert (await opened.call("fix", "echo", {"text": "again"})).text == "again"
        assert opened.pid("fix") != first


async def test_a_tool_described_otherwise_than_it_was_allowed_is_not_called(tmp_path: Path) -> None:
    async with client(tmp_path, fixture()) as opened:
        await opened.open()
        echo = opened.tool("fix", "echo")
        assert echo is not None
        allowed = await opened.call("fix", "echo", {"text": "on"}, digest=echo.digest)
        assert allowed.text == "on"
        with pytest.raises(McpFailed, match="echo was described otherwise"):
            await opened.call("fix", "echo", {"text": "on"}, digest="another")
        assert opened.states()[0].state == "ready"


async def test_a_call_that_a_server_dies_of_is_not_made_twice(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with client(tmp_path, fixture()) as opened:
        with pytest.raises(McpFailed, match="died during die: it ended with exit code 7") as caught:
            await opened.call("fix", "die", {"mark": str(mark)})
        assert "out of cheese" in str(caught.value)
        assert mark.read_text() == "x"
        assert (await opened.call("fix", "echo", {"text": "on"})).text == "on"


async def test_a_call_that_only_reads_is_made_once_more(tmp_path: Path) -> None:
    async with client(tmp_path, fixture()) as opened:
        said = await opened.call("fix", "die_reading", {"mark": str(tmp_path / "mark")})
        assert said.text == "read at last"


async def test_progress_is_told_and_puts_the_time_limit_off(tmp_path: Path) -> None:
    told: list[str] = []
    async with client(tmp_path, fixture(timeout=1.0)) as opened:
        said = await opened.call("fix", "slow", {"steps": 4, "seconds": 0.4}, progress=told.append)
        assert said.text == "done"
        assert told[0] == "step 1 (1 of 4)"
        with pytest.raises(McpFailed, match="no sign of progress for 1 seconds"):
            await opened.call("fix", "hang", {})
        assert (await opened.call("fix", "echo", {"text": "still there"})).ok


async def test_a_server_that_is_slow_to_list_its_tools_again_is_not_late_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    async with client(tmp_path, fixture()) as opened:
        await opened.open()
        monkeypatch.setattr("agent.mcp_client.session.Session.definitions", hang)
        await opened.open(patience=0.05)
        assert "echo" in [tool.name for tool in opened.tools]
        assert opened.late == ()


async def test_a_call_that_fails_does_not_take_a_server_away_that_is_well(tmp_path: Path) -> None:
    async with client(tmp_path, fixture(timeout=0.5)) as opened:
        with pytest.raises(McpFailed, match="no sign of progress"):
            await opened.call("fix", "hang", {})
        await opened.open()
        assert opened.states()[0].state == "ready"
        assert "echo" in [tool.name for tool in opened.tools]


async def test_closing_ends_what_the_server_has_started(tmp_path: Path) -> None:
    async with client(tmp_path, fixture()) as opened:
        child = int((await opened.call("fix", "child", {})).text)
        server = opened.pid("fix")
        assert running(child)
    assert server is not None
    await until(lambda: not running(child) and not running(server))


async def test_a_server_that_died_leaves_no_children_behind(tmp_path: Path) -> None:
    async with client(tmp_path, fixture()) as opened:
        child = int((await opened.call("fix", "child", {})).text)
        server = opened.pid("fix")
        assert server is not None
        os.kill(server, signal.SIGKILL)
        await opened.call("fix", "echo", {"text": "x"})
        await until(lambda: not running(child))


async def test_cancelling_a_call_leaves_the_server_usable(tmp_path: Path) -> None:
    async with client(tmp_path, fixture()) as opened:
        begun = asyncio.Event()
        arguments = {"steps": 2000, "seconds": 0.02}
        call = asyncio.create_task(
            opened.call("fix", "slow", arguments, progress=lambda _: begun.set())
        )
        await begun.wait()
        before = opened.pid("fix")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await opened.call("fix", "echo", {"text": "fine"})).text == "fine"
        assert opened.pid("fix") == before


async def test_a_command_that_is_no_server_is_told_with_its_last_words(tmp_path: Path) -> None:
    wrong = fixture(args=("-c", "import sys; print('wrong key', file=sys.stderr); sys.exit(3)"))
    async with client(tmp_path, wrong) as opened:
        await opened.open()
        (state,) = opened.states()
        assert "exit code 3" in state.error
        assert "wrong key" in state.error


async def test_a_slow_server_is_not_waited_for_longer_than_asked(tmp_path: Path) -> None:
    slow = fixture("slow", args=("-c", "import time; time.sleep(600)"))
    async with client(tmp_path, fixture(), slow) as opened:
        await opened.open("fix")
        await opened.open(patience=1.0)
        assert {s.name: s.state for s in opened.states()} == {"fix": "ready", "slow": "idle"}
        assert (await opened.call("fix", "echo", {"text": "x"})).ok


async def test_a_server_that_failed_lately_is_not_tried_at_every_ask(tmp_path: Path) -> None:
    tried = tmp_path / "tried"
    command = f"open({str(tried)!r}, 'a').write('x')"
    async with client(tmp_path, fixture(args=("-c", command))) as opened:
        await opened.open()
        await opened.open()
        assert tried.read_text() == "x"
        with pytest.raises(McpFailed):
            await opened.call("fix", "echo", {})
        assert tried.read_text() == "xx"


async def test_globs_hide_tools(tmp_path: Path) -> None:
    async with client(tmp_path, fixture(allow=("echo", "send"), deny=("s*",))) as opened:
        await opened.open()
        assert [tool.name for tool in opened.tools] == ["echo"]


async def test_a_server_that_may_not_run_is_not_started(tmp_path: Path) -> None:
    async def no(entry: Entry) -> bool:
        return False

    async with McpClient((fixture(),), tmp_path, may_run=no) as opened:
        await opened.open()
        (state,) = opened.states()
        assert state.state == "refused"
        assert "-m tests.mcp_fixture" in state.error
        assert opened.pid("fix") is None


async def test_a_server_over_http_is_used_and_found_again_after_its_end(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    web = Entry("web", "user", url=f"http://127.0.0.1:{port}/mcp")
    async with client(tmp_path, web) as opened:
        with pytest.raises(McpFailed, match="nothing answers at its address"):
            await opened.call("web", "echo", {"text": "x"})
        async with over_http(port):
            assert (await opened.call("web", "echo", {"text": "x"})).text == "x"
            assert len((await opened.call("web", "large", {"megabytes": 2})).text) == 2_000_000
        with pytest.raises(McpFailed):
            await opened.call("web", "echo", {"text": "x"})
        async with over_http(port):
            assert (await opened.call("web", "echo", {"text": "y"})).text == "y"


@asynccontextmanager
async def over_http(port: int) -> AsyncIterator[None]:
    """The fixture at a port, killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.mcp_fixture", f"127.0.0.1:{port}",
        cwd=ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    await writer.wait_closed()
                    break
        yield
    finally:
        process.kill()
        await process.wait()


def test_a_log_does_not_grow_for_ever_and_keeps_its_end(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "one.log")
    for n in range(300):
        log.add(f"{n} ".encode() + b"x" * 9000 + b"\n")
    log.note("it died")
    assert log.file.stat().st_size < 1_100_000
    assert log.file.read_bytes().splitlines()[-2].startswith(b"299 ")
    assert log.last_error.endswith("it died")
    log.add(b"first\nsecond\nthe rest of a")
    assert log.last_words.endswith(" / first / second")

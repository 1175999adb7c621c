"""The real thing: `python -m agent` in a process of its own, with pipes and signals."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import pytest

LAMP = "# Lighthouse\n\nThe lamp of the lighthouse was lit in 1902 by Ada Brown.\n"

# A process started in the background may have been told to ignore Ctrl-C; a person's has not.
_START = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from agent.__main__ import main
sys.argv[0] = "agent"
sys.exit(main())
"""
COMMAND = [sys.executable, "-c", _START]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AGENT_", "_AGENT"))}
    return {
        **env,
        "AGENT_HOME": str(home),
        "AGENT_EMBEDDER": "none",
        "AGENT_MODE": "naive",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }


@pytest.fixture
def library(tmp_path: Path, env: dict[str, str]) -> Path:
    note = tmp_path / "lamp.md"
    note.write_text(LAMP)
    ran = run(env, "add", str(note))
    assert ran.returncode == 0, ran.stderr
    return note


def run(env: dict[str, str], *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=env, input=stdin, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """A model that talks until it is stopped."""
    file = tmp_path / "endless.json"
    file.write_text(json.dumps([{"text": "again and", "endless": True, "delay": 0.001}]))
    return f"scripted:{file}"


def interrupt_after_output(process: subprocess.Popen[str], wanted: str) -> tuple[str, str]:
    """Press Ctrl-C once something has been read that holds `wanted`; all that was printed."""
    assert process.stdout is not None
    seen = _read_until(process.stdout.fileno(), wanted)
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=60)
    return seen + rest, err


def _read_until(descriptor: int, wanted: str) -> str:
    seen = ""
    while wanted not in seen and (piece := os.read(descriptor, 4096)):
        seen += piece.decode()
    return seen


@contextmanager
def started(env: dict[str, str], *command: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is gone at the end, whatever becomes of the test."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def start(env: dict[str, str], *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    return started(env, *COMMAND, *arguments)


def test_from_a_file_to_a_verified_answer_and_an_honest_abstention(
    env: dict[str, str], library: Path
) -> None:
    ran = run(env, "ask", "--json", "When was the lamp of the lighthouse lit?")
    assert ran.returncode == 0, ran.stderr
    data = json.loads(ran.stdout)
    assert all(citation["verified"] for citation in data["citations"])
    assert data["citations"]
    assert run(env, "ask", "How many moons does Jupiter have?").returncode == 3
    assert "1902" in run(env, "ask", stdin="When was the lamp of the lighthouse lit?").stdout


@pytest.fixture
def cites(tmp_path: Path) -> str:
    """A model that cites its passage, and then talks until it is stopped."""
    file = tmp_path / "cites.json"
    text = "It was lit in 1902 by Ada Brown [1]. again and"
    file.write_text(json.dumps([{"text": text, "endless": True, "delay": 0.005}]))
    return f"scripted:{file}"


def test_ctrl_c_checks_and_prints_what_there_is_and_exits_130(
    env: dict[str, str], library: Path, cites: str
) -> None:
    with start(env, "ask", "--model", cites, "Who lit the lamp?") as process:
        out, err = interrupt_after_output(process, "again and")
    assert process.returncode == 130
    assert out.startswith("It was lit in 1902 by Ada Brown [1].")
    assert "\n\n[1] " in out
    assert "The lamp of the lighthouse was lit in 1902" in out
    assert "You stopped it." in err
    assert "partial · naive" in err
    assert "Traceback" not in err


def test_ctrl_c_ends_json_with_one_object(
    env: dict[str, str], library: Path, cites: str, tmp_path: Path
) -> None:
    watched = tmp_path / "home" / "data" / "transcripts.db"
    with start(env, "ask", "--json", "--model", cites, "Who lit the lamp?") as process:
        wait_for_tokens(watched)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    data = json.loads(out)
    assert process.returncode == 130
    assert data["outcome"] == "partial"
    assert data["note"].startswith("You stopped it.")
    assert data["citations"][0]["verified"] is True
    assert "Traceback" not in err


def test_ctrl_c_ends_json_lines_with_one_done(
    env: dict[str, str], library: Path, endless: str
) -> None:
    with start(env, "ask", "--jsonl", "--model", endless, "Who lit the lamp?") as process:
        out, err = interrupt_after_output(process, '"token"')
    events = [json.loads(line) for line in out.splitlines()]
    kinds = [event["kind"] for event in events]
    assert process.returncode == 130
    assert kinds[-1] == "done"
    assert sum(kind in ("done", "failed") for kind in kinds) == 1
    assert events[-1]["outcome"] == "ungrounded"
    assert events[-1]["note"].startswith("You stopped it.")
    assert "Traceback" not in err


_HANGS = """
import asyncio, json, os, signal, sys, threading
from pathlib import Path

signal.signal(signal.SIGINT, signal.default_int_handler)
from agent.cli.asking import answer
from agent.cli.printer import JsonLinesPrinter, JsonPrinter, TextPrinter
from agent.cli.terminal import Console
from agent.modes.naive import Naive
from agent.session import Session
from tests.fakes import EchoModel, MemoryLibrary

where, printer = sys.argv[1:]
hangs = threading.Event()


def hang():
    os.write(2, b"hangs ")
    hangs.wait()


class Library(MemoryLibrary):
    async def search(self, query, **rest):
        if where == "search":
            await asyncio.to_thread(hang)
        return await super().search(query, **rest)

    async def stale(self, source):
        if where == "check":
            await asyncio.to_thread(hang)
        return False


library = Library({"moon.txt": "The Moon has no air."})
session = Session(modes={"naive": Naive()}, model=EchoModel(), library=library)
made = {"json": JsonPrinter, "lines": lambda console: JsonLinesPrinter(), "text": TextPrinter}
sys.exit(answer(session, made[printer](Console()), "Has the Moon air?"))
"""


@contextmanager
def hanging(env: dict[str, str], where: str, printer: str) -> Iterator[subprocess.Popen[str]]:
    """An ask that has come to where it waits for a thread that nothing can end."""
    with started(env, sys.executable, "-c", _HANGS, where, printer) as process:
        assert process.stderr is not None
        _read_until(process.stderr.fileno(), "hangs ")
        yield process


@pytest.mark.parametrize("printer", ["text", "json", "lines"])
def test_ctrl_c_does_not_wait_for_a_thread_that_hangs(env: dict[str, str], printer: str) -> None:
    with hanging(env, "search", printer) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Nothing was answered until then." in (err if printer == "text" else out)
    assert "Traceback" not in err


@pytest.mark.parametrize("printer", ["text", "json", "lines"])
def test_a_second_ctrl_c_leaves_at_once(env: dict[str, str], printer: str) -> None:
    with hanging(env, "check", printer) as process:
        # The first lets the check of the citations go on, and that hangs here.
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "The Moon has no air" in out.replace('"}\n{"kind": "token", "text": "', "")
    assert "Traceback" not in err
    if printer == "json":
        assert json.loads(out)["error"]["kind"] == "Interrupted"
    if printer == "lines":
        assert json.loads(out.splitlines()[-1])["kind"] == "failed"


def wait_for_tokens(store: Path) -> None:
    """Wait until some of an answer is in the store."""
    for _ in range(600):
        if store.exists():
            with closing(sqlite3.connect(store)) as db, suppress(sqlite3.OperationalError):
                found = db.execute("SELECT 1 FROM events WHERE event LIKE '%1902%again%'")
                if found.fetchone():
                    return
        threading.Event().wait(0.1)
    raise AssertionError("no answer was begun")


def test_after_kill_9_in_mid_answer_the_session_opens_with_all_finished_turns(
    env: dict[str, str], library: Path, cites: str, tmp_path: Path
) -> None:
    first = run(env, "ask", "--json", "When was the lamp of the lighthouse lit?")
    session = json.loads(first.stdout)["session"]
    watched = tmp_path / "home" / "data" / "transcripts.db"
    with start(env, "ask", "-c", "--model", cites, "And who lit it?") as process:
        wait_for_tokens(watched)
        process.kill()
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL

    shown = run(env, "sessions", "show", session)
    assert shown.returncode == 0
    assert "> When was the lamp of the lighthouse lit?\n\n" in shown.stdout
    assert "> And who lit it?\n\nIt was lit in 1902 by Ada Brown [1]. again" in shown.stdout
    assert "(the answer was interrupted)" in shown.stdout

    again = run(env, "ask", "-c", "--json", "By whom was the lamp lit?")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["session"] == session
    export = json.loads(run(env, "sessions", "export", session, "--format", "json").stdout)
    assert [turn["state"] for turn in export["turns"]] == ["done", "open", "done"]


def test_a_reader_that_leaves_early_is_no_error(
    env: dict[str, str], library: Path, endless: str
) -> None:
    for arguments in (["--help"], ["ask", "--model", endless, "Who lit the lamp?"], ["config"]):
        with start(env, *arguments) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            err = process.stderr.read()
            process.wait(60)
        assert "Broken" not in err
        assert "Traceback" not in err


def test_output_without_a_terminal_has_no_escape_sequences(
    env: dict[str, str], library: Path
) -> None:
    for arguments in (["ask", "When was the lamp lit?"], ["sources"], ["doctor"], ["sync"]):
        ran = run(env, *arguments)
        assert "\x1b" not in ran.stdout + ran.stderr


def test_python_m_agent_is_the_same_program(env: dict[str, str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "agent", "--version"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout.startswith("understudy ")

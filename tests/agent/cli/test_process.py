"""The real thing: `python -m agent` in a process of its own, with pipes and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
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
    seen = ""
    for piece in _pieces(process.stdout.fileno()):
        seen += piece
        if wanted in seen:
            break
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=60)
    return seen + rest, err


def _pieces(descriptor: int) -> Iterator[str]:
    while piece := os.read(descriptor, 4096):
        yield piece.decode()


def start(env: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


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


def test_ctrl_c_prints_what_there_is_and_exits_130(
    env: dict[str, str], library: Path, endless: str
) -> None:
    with start(env, "ask", "--model", endless, "Who lit the lamp?") as process:
        out, err = interrupt_after_output(process, "again and")
    assert process.returncode == 130
    assert out.startswith("again and")
    assert out.endswith("\n")
    assert "Traceback" not in err


def test_ctrl_c_ends_json_lines_with_one_failed(
    env: dict[str, str], library: Path, endless: str
) -> None:
    with start(env, "ask", "--jsonl", "--model", endless, "Who lit the lamp?") as process:
        out, err = interrupt_after_output(process, '"token"')
    kinds = [json.loads(line)["kind"] for line in out.splitlines()]
    assert process.returncode == 130
    assert kinds[-1] == "failed"
    assert sum(kind in ("done", "failed") for kind in kinds) == 1
    assert "Traceback" not in err


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

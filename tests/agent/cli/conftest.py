"""A command line to call in the process, with a home of its own and standard input of a file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.__main__ import main


@dataclass(frozen=True)
class Ran:
    """What one run came to."""

    code: int
    out: str
    err: str


Agent = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and an environment in which nothing else is configured."""
    home = tmp_path / "home"
    for name in ("MODEL", "MODE", "LIBRARY", "EMBEDDER", "API_BASE", "API_KEY_ENV"):
        monkeypatch.delenv(f"AGENT_{name}", raising=False)
    monkeypatch.setenv("AGENT_HOME", str(home))
    # By words only: what the embedder does is tested in its own room.
    monkeypatch.setenv("AGENT_EMBEDDER", "none")
    return home


@pytest.fixture
def agent(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Agent:
    """Call `agent ARGUMENTS…` in this process."""

    def run(*arguments: object, stdin: str | bytes = b"") -> Ran:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        (tmp_path / "stdin").write_bytes(data)
        monkeypatch.setattr(sys, "argv", ["agent", *map(str, arguments)])
        capsys.readouterr()
        with (tmp_path / "stdin").open() if data else open("/dev/null") as stream:
            monkeypatch.setattr(sys, "stdin", stream)
            code = main()
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run

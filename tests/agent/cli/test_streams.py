"""Standard streams that are full, closed or of another encoding: told of, and called no bug."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import standard_input
from agent.cli.terminal import Console
from agent.errors import UsageError

FULL = "/dev/full"
pytestmark = pytest.mark.skipif(not os.path.exists(FULL), reason="there is no /dev/full")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AGENT_", "PYTHON"))}
    return {
        **env,
        "AGENT_HOME": str(tmp_path / "home"),
        "AGENT_EMBEDDER": "none",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }


def shell(env: dict[str, str], line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `$agent` is the program."""
    env = {**env, "agent": f"{sys.executable} -m agent"}
    return subprocess.run(["bash", "-c", line], env=env, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("words", ["--help", "--version", "config", "library list", "doctor"])
def test_a_full_disk_under_standard_output_is_named(env: dict[str, str], words: str) -> None:
    ran = shell(env, f"$agent add {__file__} -q; $agent {words} >{FULL}")
    assert ran.returncode == 1
    assert "error: standard output: No space left on device" in ran.stderr
    assert "hint: " in ran.stderr
    assert "bug" not in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "Exception ignored" not in ran.stderr


def test_a_full_disk_is_no_bug_where_more_is_printed_than_is_buffered(
    env: dict[str, str], tmp_path: Path
) -> None:
    for n in range(40):
        (tmp_path / f"{n:0200}.md").write_text(f"Word {n}.")
    ran = shell(env, f"$agent add {tmp_path}/*.md -q; $agent sources --json >{FULL}")
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: No space left on device.\nhint: Make room ")
    assert "Traceback" not in ran.stderr


def test_a_full_disk_is_no_bug_where_nothing_is_buffered_either(env: dict[str, str]) -> None:
    ran = shell({**env, "PYTHONUNBUFFERED": "1"}, f"$agent config >{FULL}")
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: No space left on device.\nhint: Make room ")


def test_a_full_disk_under_standard_error_loses_the_notes_and_not_the_result(
    env: dict[str, str],
) -> None:
    ran = shell(env, f"$agent config unset mode 2>{FULL}")
    assert ran.returncode == 0
    assert shell(env, f"$agent nonsense 2>{FULL}").returncode == 2


def test_an_encoding_that_lacks_a_letter_gets_its_escape(env: dict[str, str]) -> None:
    for words in ("--help", "config"):
        ran = shell({**env, "PYTHONIOENCODING": "ascii"}, f"$agent {words}")
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.isascii()


@pytest.mark.parametrize("words", ["ask -", "ask", "ask why"])
def test_a_closed_standard_input_holds_nothing(env: dict[str, str], words: str) -> None:
    ran = shell(env, f"$agent {words} <&-")
    assert ran.returncode == (3 if words == "ask why" else 2)
    assert "bug" not in ran.stderr


def test_closed_outputs_are_written_to_in_vain(env: dict[str, str]) -> None:
    assert shell(env, "$agent config >&- 2>&-").returncode == 0
    assert shell(env, "$agent --help >&-").returncode == 0


def test_a_standard_input_that_cannot_be_read_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "out").open("w") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        with pytest.raises(UsageError, match="standard input cannot be read"):
            standard_input.read(Console())

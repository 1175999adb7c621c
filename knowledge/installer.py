"""The environment's own installer, asked for one package as data; nothing gets installed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

_OFFLINE = (
    "name.?resolution|resolve host|dns error|NewConnectionError|ConnectTimeout|ProxyError"
    "|network is unreachable|connection refused"
)


class Failed(Exception):
    """The installer did not deliver; the message is the reason, in one line for the user."""


def download(requirement: str, place: Path) -> list[str]:
    """The command line that leaves a package's wheel (pip), or what it holds (uv), in a folder.

    Raises:
        Failed: This environment has neither.
    """
    quiet = ["--quiet", "--no-deps", "--only-binary", ":all:"]
    if find_spec("pip") is not None:
        patience = [
            "--no-input",
            "--disable-pip-version-check",
            "--retries",
            "1",
            "--timeout",
            "15",
        ]
        pip = [sys.executable, "-m", "pip", "download", *quiet, *patience]
        return [*pip, "--dest", str(place), requirement]
    if (uv := shutil.which("uv")) is not None:
        here = ["--python", sys.executable, "--target", str(place)]
        return [uv, "pip", "install", *quiet, *here, requirement]
    raise Failed("the embedding model is not on this machine, and there is no pip or uv here")


def run(
    command: list[str], place: Path, seconds: float, cancelled: Callable[[], bool] | None
) -> None:
    """Run the installer in a process group of its own, which does not outlive this call.

    Args:
        command: As `download` gives it.
        place: The folder; what the installer complains about is kept there as well.
        seconds: The time limit.
        cancelled: Asked ten times a second.

    Raises:
        Failed: It could not start, ended with an error, or ran out of time.
        InterruptedError: `cancelled` said so.
    """
    complaints = place / "stderr.txt"
    until = time.monotonic() + seconds
    with complaints.open("wb") as stderr:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        except OSError as error:
            raise Failed(f"the installer cannot be started: {error.strerror or error}") from error
        try:
            while process.poll() is None:
                if cancelled is not None and cancelled():
                    raise InterruptedError("fetching the embedding model was cancelled")
                if time.monotonic() > until:
                    raise Failed(f"the embedding model could not be fetched within {seconds:.0f} s")
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
        finally:
            _end(process)
    if process.returncode != 0:
        said = _gist(complaints.read_text("utf-8", "replace"))
        raise Failed(f"the embedding model could not be fetched: {said}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, if it still runs, with its children."""
    if process.poll() is not None:
        return
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _gist(complaints: str) -> str:
    """The installer's first error in one short line, without colours, passwords or addresses."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", complaints)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    if re.search(_OFFLINE, plain, re.I):
        return "there is no network, or the package index cannot be reached"
    errors = [line for line in lines if line.lower().startswith("error")] or lines[-1:]
    line = re.sub(r"^error:\s*", "", errors[0], flags=re.I) if errors else "the installer failed"
    return re.sub(r"\w+://\S+", "the package index", line)[:200]

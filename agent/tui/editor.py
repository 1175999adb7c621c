"""The user's own editor for a text, while the app stands aside and goes on answering."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import SuspendNotSupported

from agent.errors import AgentError, UsageError

if TYPE_CHECKING:
    from textual.app import App


async def edit(app: App[Any], text: str, env: Mapping[str, str] | None = None) -> str:
    """Let the user change a text in `$VISUAL` or `$EDITOR`.

    Args:
        app: Leaves the terminal to the editor meanwhile.
        text: What to begin with.
        env: The environment that names the editor; the process's own if not given.

    Returns:
        The text as it was left, without line feeds at its end.

    Raises:
        UsageError: No editor is named.
        AgentError: It cannot be run, or says that it failed.
    """
    env = os.environ if env is None else env
    named = env.get("VISUAL", "").strip() or env.get("EDITOR", "").strip()
    try:
        command = shlex.split(named)
    except ValueError as error:
        raise UsageError(f"$EDITOR cannot be understood: {error}.") from error
    if not command:
        raise UsageError("No editor is named.", hint="Leave, and: export EDITOR=nano")
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        file = Path(folder, "question.md")
        file.write_text(text, "utf-8")
        try:
            # Nothing is drawn meanwhile; what answers goes on.
            with _no_interrupt(), app.suspend(), app.batch_update():
                code = await _run(*command, str(file))
        except SuspendNotSupported as error:
            raise AgentError("Here, the app cannot leave its place to an editor.") from error
        except (OSError, ValueError) as error:
            raise AgentError(
                f"The editor {command[0]} cannot be run: {error}.",
                hint="Leave, and: export EDITOR=nano",
            ) from error
        if code:
            raise AgentError(f"{command[0]} ended with code {code}; the text is as it was.")
        try:
            return file.read_text("utf-8", errors="replace").rstrip("\n")
        except OSError as error:
            raise AgentError(f"{command[0]} left no text: {error.strerror}.") from error


async def _run(*command: str) -> int:
    """Its exit code. Where nobody waits for that any more, the process is ended."""
    process = await asyncio.create_subprocess_exec(*command)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Ctrl+C is for the editor. A handler of ours is not inherited, as "ignore" would be."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

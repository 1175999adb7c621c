"""`agent serve --web`: the chat in a browser of this machine."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
from contextlib import suppress

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.terminal import Console
from agent.errors import UsageError


@command(name="serve")
@click.option("--web", is_flag=True, help="Serve the chat to a browser of this machine.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8766, show_default=True,
    help="The port on 127.0.0.1; 0 takes any that is free.",
)  # fmt: skip
def serve(console: Console, web: bool, port: int) -> int:
    """Serve the chat to a browser, on this machine only, to whoever has the address printed.

    Each page has a chat of its own; all share the library and the sessions. Ctrl-C ends it and
    every chat.
    """
    if not web:
        raise UsageError("Say what is to be served.", hint="agent serve --web")
    try:
        from agent.tui.browser import Browser, bind
    except ImportError as error:
        raise UsageError(
            f"This needs a package that is not installed: {error.name}.",
            hint="pip install 'understudy[serve]'",
        ) from error

    browser = Browser(_shell(console.library), bind(port))
    with suppress(KeyboardInterrupt):  # where the system has no signals that can be waited for
        asyncio.run(browser.run(lambda: click.echo(browser.url)))
    console.note("Ended.")
    return exits.OK


def _shell(library: str | None) -> str:
    """The command that starts one chat, as a shell takes it."""
    words = [sys.executable, "-m", "agent", "chat", *(["--library", library] if library else [])]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)

"""`agent chat`: the Textual app over the library in use."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, get_args

import click

from agent.cli import answering, exits
from agent.cli.group import command
from agent.cli.terminal import Console, is_terminal
from agent.config import ModeName
from agent.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.wiring import Parts


@command(name="chat")
@answering.options(*get_args(ModeName))
@click.option("-c", "--continue", "resume", is_flag=True, help="Continue the last session.")
@click.option("--session", "session_id", metavar="ID", help="Continue this session.")
@click.option("--plain", is_flag=True, help="No borders, no animation, one column.")
def chat(
    console: Console,
    mode: str | None,
    model: str | None,
    persona: str | None,
    mcp_config: Path | None,
    resume: bool,
    session_id: str | None,
    plain: bool,
) -> int:
    """Ask and read in a full-screen app; every answer is kept as a session."""
    if resume and session_id:
        raise UsageError("--continue and --session exclude each other.")
    # `agent serve` gives it a browser in place of a terminal.
    shown = "TEXTUAL_DRIVER" in os.environ
    able = os.environ.get("TERM") != "dumb" and is_terminal(sys.stdin) and is_terminal(sys.stdout)
    if not shown and not able:
        raise UsageError(
            "The chat needs a terminal to show itself in.", hint='agent ask "your question"'
        )
    from agent.cli.checks import run
    from agent.cli.demo import questions
    from agent.tui.app import Chat
    from agent.tui.host import Host

    def make(overrides: Mapping[str, Any], notify: Callable[[str], None]) -> Parts:
        from agent.wiring import Parts

        given = {"library": console.library, "mode": mode, "model": model, "persona": persona}
        return Parts.from_env({**given, **overrides}, notify=notify, mcp_config=mcp_config)

    host = Host(
        make,
        checks=lambda: run(console.library),
        samples=[question.text for question in questions()],
    )
    app = Chat(host, resume=session_id, last=resume, plain=plain)
    app.run()
    return app.return_code or exits.OK

"""`agent chat`: the Textual app over the library in use."""

from __future__ import annotations

import sys

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.terminal import Console, is_terminal
from agent.errors import UsageError


@command(name="chat")
@click.option(
    "--model", metavar="MODEL", help="Who answers: embedded, local:PATH, any litellm name."
)
@click.option("-c", "--continue", "resume", is_flag=True, help="Continue the last session.")
@click.option("--session", "session_id", metavar="ID", help="Continue this session.")
def chat(console: Console, model: str | None, resume: bool, session_id: str | None) -> int:
    """Ask and read in a full-screen app; every answer is kept as a session."""
    if resume and session_id:
        raise UsageError("--continue and --session exclude each other.")
    if not is_terminal(sys.stdin) or not is_terminal(sys.stdout):
        raise UsageError(
            "The chat needs a terminal to show itself in.", hint='agent ask "your question"'
        )
    from agent.tui.app import Chat
    from agent.wiring import MODES, Parts

    told: list[str] = []
    parts = Parts.from_env({"library": console.library, "model": model}, notify=told.append)
    Chat(
        lambda: parts.open_session(resume=session_id, last=resume),
        modes=MODES,
        mode=parts.config.mode,
    ).run()
    for text in told:
        console.note(text)
    return exits.OK

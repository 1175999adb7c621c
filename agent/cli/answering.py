"""The options that say who answers, how, and with whose tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def options(*modes: str) -> Callable[[_Command], _Command]:
    """Adds them to a command.

    Args:
        modes: What `--mode` takes.
    """

    def add(command: _Command) -> _Command:
        for option in (
            click.option(
                "--mcp-config",
                type=click.Path(dir_okay=False, path_type=Path),
                metavar="FILE",
                help="Offer the tools of these MCP servers, too, in the mode agentic.",
            ),
            click.option("--persona", metavar="NAME", help="Who says answers: a persona, or none."),
            click.option(
                "--model",
                metavar="MODEL",
                help="Who answers: embedded, local:PATH, any litellm name.",
            ),
            click.option("--mode", type=click.Choice(modes), help="How an answer is found."),
        ):
            command = option(command)
        return command

    return add

"""The options that limit what a question may use; the settings of the same names are theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def options(command: _Command) -> _Command:
    """Add the limits to a command."""
    for option in (
        click.option("--max-seconds", type=click.FloatRange(0.1), help="The longest it may take."),
        click.option("--max-steps", type=click.IntRange(1), help="Calls to models and tools."),
        click.option(
            "--max-tokens", type=click.IntRange(1), help="Tokens of all prompts and answers."
        ),
        click.option("--max-cost", type=click.FloatRange(0), help="US dollars."),
    ):
        command = option(command)
    return command

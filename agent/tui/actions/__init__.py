"""What the chat can be told to do: the `/` commands, which the palette offers too.

Each module holds those of one subject and makes them for a `Stage`; a new room that brings
commands adds its module to `ALL`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.tui.actions import answers, library, persona, research, sessions, settings
from agent.tui.actions.stage import Stage
from agent.tui.commands import Command

ALL: tuple[Callable[[Stage], Sequence[Command]], ...] = (
    answers.commands,
    sessions.commands,
    library.commands,
    research.commands,
    persona.commands,
    settings.commands,
)


def every(stage: Stage) -> list[Command]:
    """All commands, as the help lists them."""
    return [command for make in ALL for command in make(stage)]

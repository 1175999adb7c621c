"""The command about who says the answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agent.config import NO_PERSONA
from agent.errors import UsageError
from agent.plain_text import one_line
from agent.tui.actions.settings import change
from agent.tui.commands import Command, Completion

if TYPE_CHECKING:
    from agent.tui.actions.stage import Stage


def commands(stage: Stage) -> list[Command]:
    """The one of this subject."""

    async def persona(rest: str) -> None:
        if not rest:
            stage.notice(await asyncio.to_thread(known, stage))
            return
        if stage.busy:
            raise UsageError("An answer is being given.", hint="Esc stops it.")
        await change(stage, "persona", rest, keep=False)
        worn = stage.talk.host.persona
        said = f"{worn} says the answers" if worn else "Answers stay plain"
        stage.tell(f"{said} until you leave. /settings keeps it.")

    def choices(typed: str) -> list[Completion]:
        found = [*stage.talk.host.personas(), (NO_PERSONA, "answers stay plain")]
        return [Completion(name, one_line(text)) for name, text in found if name.startswith(typed)]

    summary = "Who says the answers, until you leave"
    return [Command("persona", summary, persona, f"[NAME|{NO_PERSONA}]", choices)]


def known(stage: Stage) -> str:
    """Every persona, the one that is worn named first."""
    host = stage.talk.host
    found = host.personas()
    width = max((len(name) for name, _ in found), default=0)
    lines = [f"  {one_line(name):<{width}}  {one_line(about)}" for name, about in found]
    worn = f"{host.persona} says the answers." if host.persona else "Answers are plain."
    return "\n".join([f"{worn} /persona NAME takes another, /persona {NO_PERSONA} none:", *lines])

"""The very first run: three ways to begin, each of them a command."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.tui.actions.stage import Stage


async def welcome(stage: Stage) -> None:
    """Offer ways to begin, if nothing has ever been added or asked.

    Raises:
        AgentError: The sessions cannot be read.
        KnowledgeError: The library cannot.
    """
    talk = stage.talk
    if await asyncio.to_thread(lambda: talk.host.transcripts.last()) is not None:
        return
    if await talk.library.sources() or stage.busy or stage.typed:
        return
    from agent.tui.screens.welcome import WelcomeScreen

    match await stage.show(WelcomeScreen(talk.session.model.name)):
        case ("demo", _):
            await stage.commands.run("/demo")
        case ("add" | "model" as name, text):
            await stage.commands.run(f"/{name} {text}")

"""Asks one question and lets a printer show what comes; shared by `agent ask` and `agent demo`."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from agent.cli import exits

if TYPE_CHECKING:
    from agent.cli.printer import Printer
    from agent.session import Session
    from knowledge.library import Filters


def answer(
    session: Session,
    printer: Printer,
    question: str,
    *,
    context: str = "",
    filters: Filters | None = None,
) -> int:
    """Ask, and show the events as they come.

    A Ctrl-C cancels the ask, waits until its parts have let go, and prints what there is.

    Returns:
        The exit code.
    """

    async def ask() -> None:
        try:
            stream = session.ask(question, context=context, filters=filters)
            async with aclosing(stream) as events:
                async for event in events:
                    printer.show(event)
        finally:
            # Its connections belong to this event loop, and end with it.
            await session.model.aclose()

    try:
        asyncio.run(ask())
    except KeyboardInterrupt:
        printer.interrupted()
        return exits.INTERRUPTED
    return printer.code

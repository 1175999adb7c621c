"""Naive retrieval: search once, show the model what was found, check what it cites. No loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from agent.errors import BudgetSpent
from agent.events import Status
from agent.modes.answering import abstain, answer, give_up, nothing_found
from agent.modes.prompting import ask, standalone

if TYPE_CHECKING:
    from agent.events import Event
    from agent.modes.base import Turn
    from agent.modes.prompting import Prompt
    from knowledge.types import Passage


class Naive:
    """See `Mode` for the contract."""

    name = "naive"

    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Answer one turn.

        The model warms up while the library is searched. Where nothing was found, and nothing was
        handed in, the model is not asked: there is nothing that it could say with a source.
        """
        warming = asyncio.create_task(turn.model.warm())
        query, spent = standalone(turn.question, turn.history), ""
        passages: tuple[Passage, ...] = ()
        asked: Prompt | None = None
        try:
            yield Status("Searching the library", stage="search")
            found = await turn.budget.within(
                lambda: turn.library.search(query, limit=turn.passages, filters=turn.filters)
            )
            passages = found.passages
            if found.note or found.how == "lexical":
                yield Status(found.note or "Searched by words only.", stage="note")
            if passages or turn.context.strip():
                await turn.budget.within(lambda: warming)
                # In a thread: a long text takes long to count.
                asked = await turn.budget.within(
                    lambda: asyncio.to_thread(ask, turn, query, passages)
                )
                yield Status(_reading(asked.passages), stage="read")
        except BudgetSpent as end:
            spent = str(end)
        finally:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
        if spent:
            rest = give_up(turn, self.name, passages, question=query, reason=spent)
        elif asked is None:
            rest = abstain(turn, self.name, await nothing_found(turn))
        else:
            rest = answer(
                turn, self.name, asked.messages, asked.passages, question=query, notes=asked.notes
            )
        async with aclosing(rest) as events:
            async for event in events:
                yield event


def _reading(passages: Sequence[Passage]) -> str:
    n, sources = len(passages), len({passage.source for passage in passages})
    return (
        f"Reading {n} passage{'s' if n != 1 else ''} from {sources} source"
        f"{'s' if sources != 1 else ''}"
    )

"""Agentic retrieval: search, weigh what was found, search again, draft, check; only then say it.

A model that calls tools decides what to search for (`agent.loop`), once the question itself has
been searched for. For any other model a plain policy does (`by_policy.py`). What a draft is worth
is decided in `drafts.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from agent.citations import ABSTENTION
from agent.errors import BadModelOutput, BudgetSpent, ModelError
from agent.events import Event, Status
from agent.evidence import Ledger
from agent.library_tools import library_tools
from agent.loop import ToolLoop
from agent.messages import Message, ToolRequest
from agent.modes.answering import CUT, Said, abstain, conclude, give_up, nothing_found
from agent.modes.by_policy import answer_by_policy
from agent.modes.drafts import Drafts
from agent.modes.prompting import ask, standalone
from agent.prompts import prompt
from agent.toolbox import Tool, Toolbox
from knowledge.pack import fenced

if TYPE_CHECKING:
    from agent.modes.base import Turn
    from agent.modes.drafts import Draft

_QUERY = 1000
"""Characters of the question that are searched for as it is."""


class Agentic:
    """See `Mode` for the contract."""

    name = "agentic"

    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Answer one turn.

        Where the library is empty, and nothing was handed in, the model is not asked: there is
        nothing that it could say with a source.
        """
        connected = turn.connections is not None and bool(turn.connections.names)
        empty = False
        try:
            if not turn.context.strip() and not (connected and turn.model.can_call_tools):
                sources = await turn.budget.within(turn.library.sources)
                empty = not any(source.chunks for source in sources)
        except BudgetSpent as end:
            rest = give_up(turn, self.name, (), question=turn.question, reason=str(end))
        else:
            if empty:
                rest = abstain(turn, self.name, await nothing_found(turn))
            elif turn.model.can_call_tools:
                rest = _with_tools(turn, self.name)
            else:
                rest = answer_by_policy(turn, self.name)
        async with aclosing(rest) as events:
            async for event in events:
                yield event


class _Run:
    """One answer of a model that calls tools."""

    def __init__(self, turn: Turn, mode: str, ledger: Ledger, others: Sequence[Tool]) -> None:
        self._turn = turn
        self._mode = mode
        self._ledger = ledger
        found = library_tools(turn.library, ledger, filters=turn.filters, passages=turn.passages)
        self._tools = Toolbox((*found, *others), turn.budget, ledger)
        self._drafts = Drafts(turn, self._tools)
        self._notes: list[str] = []
        self._spent = ""

    async def events(self) -> AsyncGenerator[Event, None]:
        """Let the model search and draft; then say the best of its drafts, or withhold it."""
        async with aclosing(self._drafting()) as events:
            async for event in events:
                yield event
        turn, draft = self._turn, self._drafts.best
        if draft is not None and (turn.context.strip() or not draft.baseless):
            rest = self._say(draft)
        elif self._spent:
            rest = give_up(
                turn,
                self._mode,
                self._ledger.passages,
                question=self._ledger.question,
                reason=self._spent,
            )
        elif draft is not None:
            note = "A draft was withheld: the library bears out none of its statements."
            rest = abstain(turn, self._mode, note)
        else:
            raise BadModelOutput(
                f"{turn.model.name} gave an empty answer.",
                hint="Ask again, or take another model: --model M",
            )
        async with aclosing(rest) as events:
            async for event in events:
                yield event

    async def _drafting(self) -> AsyncGenerator[Event, None]:
        """All that comes before the answer is said."""
        turn = self._turn
        first = ToolRequest("question", "search_library", {"query": self._ledger.question[:_QUERY]})
        loop = ToolLoop(turn.model, self._tools, self._drafts.review, max_tokens=turn.max_tokens)
        warming = asyncio.create_task(_warm(turn, loop))
        try:
            async with aclosing(self._tools.call(first, counted=False)) as events:
                async for event in events:
                    yield event
            yield Status("Thinking about what to look for", stage="plan")
            await turn.budget.within(lambda: warming)
            # In a thread: to count the tokens of a long history takes a while.
            asked = await turn.budget.within(lambda: asyncio.to_thread(messages, turn))
            asked += [
                Message("assistant", "", tool_requests=(first,)),
                Message("tool", self._tools.text(self._tools.outputs[first.id]), tool_id=first.id),
            ]
            async with aclosing(loop.events(asked)) as events:
                async for event in events:
                    yield event
        except BudgetSpent as end:
            self._spent = str(end)
        except ModelError as error:
            # A draft that stands is worth more than the reply that failed after it.
            if self._drafts.best is None or self._drafts.best.baseless:
                raise
            self._spent = f"The model failed before it could mend its draft. {error}"
        finally:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
        self._spent = self._spent or loop.spent
        if self._drafts.best is None and loop.unfinished.strip():
            # A piece that bears out nothing may be no answer at all: quotations are better.
            piece = await self._drafts.take(loop.unfinished)
            if piece.resolved.outcome not in ("grounded", "partial"):
                self._drafts.best = None
            self._notes.append("The answer broke off.")
        elif loop.cut:
            self._notes.append(CUT)

    async def _say(self, draft: Draft) -> AsyncGenerator[Event, None]:
        said = Said(self._ledger.passages)
        for event in said.say(draft.text):
            yield event
        rest = conclude(self._turn, self._mode, said, notes=self._notes, spent=self._spent)
        async with aclosing(rest) as events:
            async for event in events:
                yield event


async def _with_tools(turn: Turn, mode: str) -> AsyncGenerator[Event, None]:
    """Answer with the library's tools and those of connected servers, as far as they are there."""
    ledger = Ledger(standalone(turn.question, turn.history))
    others: tuple[Tool, ...] = ()
    connections, model = turn.connections, turn.model
    if connections is not None and connections.names:
        if turn.context.strip() or turn.history:
            connections.exposure.private = True
        yield Status(f"Connecting to {', '.join(connections.names)}", stage="tool")

        def window() -> int | None:
            # In a thread: a model may load what is slow to load before it knows.
            return model.context_window

        try:
            known = await turn.budget.within(lambda: asyncio.to_thread(window))
            others = await turn.budget.within(
                lambda: connections.tools(ledger, turn.held, known, model.count)
            )
        except BudgetSpent as end:
            rest = give_up(turn, mode, (), question=ledger.question, reason=str(end))
            async with aclosing(rest) as events:
                async for event in events:
                    yield event
            return
        for trouble in connections.troubles():
            yield Status(trouble, stage="note")
    async with aclosing(_Run(turn, mode, ledger, others).events()) as events:
        async for event in events:
            yield event


async def _warm(turn: Turn, loop: ToolLoop) -> None:
    """One after the other: imports hold each other up, and what two threads import may clash."""
    await turn.model.warm()
    await loop.warm()


def messages(turn: Turn) -> list[Message]:
    """What a model that calls tools is asked.

    Raises:
        ContextTooLong: The question, or what was handed in with it, leaves no room.
    """
    history = ask(turn, turn.question, ()).messages[1:-1]
    context = ""
    if turn.context.strip():
        context = prompt("naive_context", text=fenced(turn.context)) + "\n\n"
    question = prompt("agentic_question", context=context, question=turn.question)
    system = prompt("agentic", abstention=ABSTENTION)
    return [Message("system", system), *history, Message("user", question)]

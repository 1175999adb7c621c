"""The mode that chooses a mode: it looks at the question, the library and the model, and says why.

What suits and what it costs is decided in `choice.py` and `costs.py`; here the facts are found
out, without asking the model or the network for anything, and the chosen mode is run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.errors import BudgetSpent, ContextTooLong
from agent.events import Citation, Done, Revision, Status, Token, ToolCall
from agent.messages import FREE
from agent.modes.answering import abstain, nothing_found
from agent.modes.choice import SIMPLEST, Facts, decide
from agent.modes.costs import ANSWER, HEADING, PACKING, PASSAGE, Case
from agent.modes.prompting import ANSWER as ROOM
from agent.modes.prompting import HISTORY
from agent.modes.question_kind import read
from agent.modes.read_before import ReadBefore
from knowledge.filters import Filters

if TYPE_CHECKING:
    from agent.events import Event
    from agent.modes.base import Mode, Turn
    from agent.modes.choice import Plan
    from knowledge.corpus import Extent

_SAMPLED = 2
"""Documents of which some text is counted, to estimate the tokens of all."""
_CHARACTERS = 4.0
"""Characters of a token where there is no text to count: English under common tokenizers."""
COULD_NOT = "could not take it"
"""Stands in a route before a colon and why a mode gave way, in words of the model's provider."""


class Auto:
    """See `Mode` for the contract. `Done.mode` names the mode that ran, `Done.route` says why."""

    name = "auto"

    def __init__(self, modes: Mapping[str, Mode], read_before: ReadBefore | None = None) -> None:
        """Choose among these.

        Args:
            modes: By name; of those that `costs.ESTIMATES` knows, at least one.
            read_before: What is known of caches, by whoever reads whole libraries (`Cached`); None
                knows nothing.
        """
        self._modes = modes
        self._read_before = read_before or ReadBefore()

    async def plan(self, turn: Turn) -> Plan:
        """What would be done with a turn, and why. Asks no model and no network.

        Raises:
            BudgetSpent: The ask may not go on.
        """
        extent = await turn.budget.within(lambda: turn.library.extent(turn.filters))
        samples = await turn.budget.within(lambda: _samples(turn, extent))
        length = await turn.budget.within(lambda: _passage(turn))
        reading = read(turn.question)

        def facts() -> Facts:
            # In a thread: a model's first count, and its price, may load what is slow to load.
            model, count = turn.model, turn.model.count
            measured, tokens = sum(map(len, samples)), sum(map(count, samples))
            each = measured / tokens if tokens else _CHARACTERS
            reads = count("word") > 0
            price, window = model.price, model.context_window
            history = sum(count(message.content) for message in turn.history)
            return Facts(
                extent=extent,
                case=Case(
                    question=count(turn.question) + count(turn.context) + min(HISTORY, history),
                    library=round(extent.characters / each * PACKING) if reads else 0,
                    passages=turn.passages,
                    passage=min(PASSAGE, round(length / each) + HEADING),
                    price=price or FREE,
                    answer=(min(ANSWER, turn.max_tokens or ANSWER)) if reads else 0,
                    held=self._read_before.holds(turn, extent),
                    asks=1 + sum(message.role == "user" for message in turn.history),
                    searches=reading.searches,
                    tokens=reads,
                    tools=model.can_call_tools,
                ),
                known=price is not None,
                window=window,
                reserve=turn.max_tokens or min(ROOM, (window or 0) // 4),
                limits=turn.budget.limits,
            )

        known = await turn.budget.within(lambda: asyncio.to_thread(facts))
        return decide(reading, known, self._modes)

    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Answer one turn in the mode that suits it.

        One that cannot take the turn after all (`ContextTooLong` before anything was said) gives
        way to the next. Where there is nothing to read, none is asked: nothing is loaded for it.
        """
        nothing = False
        try:
            plan = await self.plan(turn)
        except BudgetSpent as end:
            # Any mode knows how to end such an ask; the simplest does it at once.
            able, why = [min(self._modes, key=SIMPLEST.index)], str(end)
        else:
            able = [option.mode for option in plan.options if not option.obstacle] or [plan.mode]
            why = plan.why
            nothing = not plan.facts.extent.documents and not turn.context.strip()
        yield Status(f"{able[0]}: {why}", stage="route")
        for place, mode in enumerate(able):
            said = False
            try:
                rest = self._modes[mode].answer(turn)
                if nothing:
                    rest = abstain(turn, mode, await nothing_found(turn))
                async with aclosing(rest) as events:
                    async for event in events:
                        said = said or isinstance(event, Token | ToolCall | Citation | Revision)
                        if isinstance(event, Done):
                            event = replace(event, route=f"{self.name}: {why}")
                        yield event
                return
            except ContextTooLong as error:
                if said or place + 1 == len(able):
                    raise
                failed = f"{mode} {COULD_NOT}: {error}"
                why = f"{why}; {failed}"
                yield Status(f"{able[place + 1]}: {failed}", stage="route")


async def _samples(turn: Turn, extent: Extent) -> list[str]:
    """Some text of the longest documents, to measure how long a token is in most of the library."""
    samples = []
    for source, _ in extent.largest[:_SAMPLED]:
        corpus = await turn.library.corpus(Filters(sources=(source,)))
        blocks = corpus.blocks
        samples += [block.text for block in blocks[:: max(1, len(blocks) // 2)]]
    return samples


async def _passage(turn: Turn) -> float:
    """Characters of a passage, on the average of the whole library."""
    chunks = sum(info.chunks for info in await turn.library.sources())
    return (await turn.library.extent()).characters / max(1, chunks)

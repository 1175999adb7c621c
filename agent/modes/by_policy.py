"""Agentic answers of models that cannot call tools: a plain policy searches, the model answers.

A question that is several is answered part by part, from the same numbered passages. What is
searched for is decided in `policy/`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.citations import ABSTENTION
from agent.claims import abstains
from agent.errors import BudgetSpent
from agent.events import Event, Status, Token
from agent.modes.answering import Said, abstain, answer, conclude, give_up, nothing_found
from agent.modes.policy import Gathering
from agent.modes.prompting import ask

if TYPE_CHECKING:
    from agent.modes.base import Turn
    from agent.modes.prompting import Prompt
    from knowledge.types import Passage


async def answer_by_policy(turn: Turn, mode: str) -> AsyncGenerator[Event, None]:
    """Answer one turn; see `Mode.answer`."""
    gathering, spent = Gathering(turn), ""
    warming = asyncio.create_task(turn.model.warm())
    try:
        async with aclosing(gathering.events()) as events:
            async for event in events:
                yield event
        await turn.budget.within(lambda: warming)
    except BudgetSpent as end:
        spent = str(end)
    finally:
        warming.cancel()
        await asyncio.gather(warming, return_exceptions=True)
    passages, question = gathering.passages, gathering.question
    if spent:
        rest = give_up(turn, mode, passages, question=question, reason=spent)
    elif not passages and not turn.context.strip():
        rest = abstain(turn, mode, await nothing_found(turn))
    elif len(gathering.parts) > 1:
        rest = _part_by_part(turn, mode, gathering)
    else:
        rest = _at_once(turn, mode, gathering)
    async with aclosing(rest) as events:
        async for event in events:
            yield event


async def _at_once(turn: Turn, mode: str, gathering: Gathering) -> AsyncGenerator[Event, None]:
    """Answer a question that is one."""
    passages, question = gathering.passages, gathering.question
    yield Status(f"Reading the best {len(passages)}", stage="read")
    try:
        asked = await _prompt(turn, question, passages)
    except BudgetSpent as end:
        rest = give_up(turn, mode, passages, question=question, reason=str(end))
    else:
        rest = answer(
            turn,
            mode,
            asked.messages,
            asked.passages,
            question=question,
            notes=asked.notes,
            ended=gathering.ended,
        )
    async with aclosing(rest) as events:
        async for event in events:
            yield event


async def _prompt(turn: Turn, question: str, passages: Sequence[Passage]) -> Prompt:
    """In a thread: a long text takes long to count."""
    return await turn.budget.within(lambda: asyncio.to_thread(ask, turn, question, passages))


async def _part_by_part(turn: Turn, mode: str, gathering: Gathering) -> AsyncGenerator[Event, None]:
    """Answer each part by itself; say last which of them the passages do not answer."""
    passages, spent = gathering.passages, gathering.ended
    notes: list[str] = []
    broken_off = False
    said = Said(passages)
    answers: list[str] = []
    unanswered: list[str] = []
    try:
        for part in gathering.parts:
            yield Status(f"Reading for “{part}”", stage="read")
            one = Said(passages)
            asked = await _prompt(replace(turn, question=part), part, gathering.ranked(part))
            notes = asked.notes or notes
            async with aclosing(one.listen(turn, turn.model, asked.messages)) as events:
                async for event in events:
                    if not isinstance(event, Token):
                        yield event
            one.flush()
            text = one.text.strip()
            if not text or abstains(text):
                unanswered.append(part)
            elif text not in answers:
                for event in said.say(f"\n\n{text}"):
                    yield event
                answers.append(text)
    except BudgetSpent as end:
        spent = str(end)
        broken_off = True
    if broken_off and not answers:
        rest = give_up(turn, mode, passages, question=gathering.question, reason=spent)
    else:
        if not answers:
            missing = f"{ABSTENTION}."
        else:
            missing = "".join(f"\n\n{ABSTENTION}: {part.rstrip(' ?!.')}." for part in unanswered)
        if missing:
            for event in said.say(missing):
                yield event
        rest = conclude(turn, mode, said, notes=notes, spent=spent)
    async with aclosing(rest) as events:
        async for event in events:
            yield event

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from agent.budget import Budget, Limits
from agent.errors import BadModelOutput, BudgetSpent
from agent.events import Citation, Done, Event, Status, Token, Usage
from agent.messages import Message, ModelUsage, TextDelta, ToolRequest
from agent.models.embedded import Embedded
from agent.models.metered import Metered
from agent.models.scripted import Scripted
from agent.modes.answering import Said, answer, conclude, give_up
from agent.modes.base import Turn
from knowledge.errors import LibraryCorrupt
from knowledge.types import Passage
from tests.fakes import EchoModel, MemoryLibrary

TEXT = "The Moon has no air. The Moon was first walked on in 1969."
ASKED = (Message("user", "Has the Moon air?"),)


class Speaker(EchoModel):
    """Says its words, then does as it is told: ends, waits for ever, or fails."""

    def __init__(self, *words: str, then: Exception | None = None, waits: bool = False) -> None:
        super().__init__()
        self.waiting = asyncio.Event()
        self.closed = 0
        self._words, self._then, self._waits = words, then, waits

    async def stream(self, messages: Sequence[Message], **_: Any) -> AsyncGenerator[Any, None]:
        try:
            for word in self._words:
                yield TextDelta(word)
            if self._waits:
                self.waiting.set()
                await asyncio.Event().wait()
            if self._then is not None:
                raise self._then
            yield ModelUsage(5, len(self._words))
        finally:
            self.closed += 1


async def passages(library: MemoryLibrary) -> tuple[Passage, ...]:
    return (await library.search("Moon air")).passages


def turn(model: Any, **rest: Any) -> Turn:
    library: Any = MemoryLibrary({"moon.txt": TEXT})
    budget = rest.pop("budget", None) or Budget()
    return Turn("Has the Moon air?", library, Metered(model, budget), budget=budget, **rest)


async def answered(turn: Turn, found: Sequence[Passage] | None = None) -> list[Event]:
    given: Any = turn.library
    found = await passages(given) if found is None else found
    return [e async for e in answer(turn, "m", ASKED, found, question="Has the Moon air?")]


async def stopped(model: Speaker, **rest: Any) -> list[Event]:
    """The events of an answer that is stopped once its model has nothing more to say."""
    asked = turn(model, **rest)
    task = asyncio.create_task(answered(asked))
    await model.waiting.wait()
    asked.budget.stop("Enough.")
    return await task


def done(events: Sequence[Event]) -> Done:
    last = events[-1]
    assert isinstance(last, Done)
    assert "".join(e.text for e in events if isinstance(e, Token)) == last.text
    return last


async def test_an_answer_within_its_budget_is_grounded() -> None:
    got = await answered(
        turn(Speaker("The Moon ", "has no air [1]."), budget=Budget(Limits(1, 99)))
    )
    assert (done(got).outcome, done(got).note) == ("grounded", "")


async def test_an_answer_that_is_stopped_is_checked_and_partial_with_the_reason() -> None:
    model = Speaker("The Moon has ", "no air [1].", " It", waits=True)
    got = await stopped(model)
    assert done(got).text == "The Moon has no air [1]. It"
    assert done(got).outcome == "partial"
    assert done(got).note.startswith("Enough.")
    assert [e.verified for e in got if isinstance(e, Citation)] == [True]
    assert model.closed == 1
    (usage,) = [e for e in got if isinstance(e, Usage)]
    assert (usage.input_tokens, usage.output_tokens) == (4, 7)


async def test_a_marker_in_the_making_is_shown_as_far_as_it_came() -> None:
    got = await stopped(Speaker("The Moon has no air [1", waits=True))
    assert done(got).text.startswith("The Moon has no air")


async def test_what_was_said_without_support_is_not_called_partial() -> None:
    got = await stopped(Speaker("It is made of cheese.", waits=True))
    assert done(got).outcome == "ungrounded"
    assert "Enough." in done(got).note


async def test_an_answer_cut_by_a_limit_gives_the_limit_as_its_reason() -> None:
    words = ["The Moon ", "has ", "no ", "air [1]. "] + ["And "] * 60
    model = Scripted(["".join(words)], loop=True)
    got = await answered(turn(model, budget=Budget(Limits(tokens=40))))
    assert done(got).outcome == "partial"
    assert done(got).note.startswith("The limit of 40 tokens is reached.")
    assert "cut at the token limit" not in done(got).note


async def test_where_nothing_was_said_the_passages_are_quoted() -> None:
    got = await stopped(Speaker(waits=True), quoter=Embedded(None))
    assert "has **no air**" in done(got).text or "no air" in done(got).text
    assert done(got).outcome == "partial"
    assert "Enough." in done(got).note
    assert "quotations" in done(got).note
    assert all(e.verified for e in got if isinstance(e, Citation))
    assert not any(isinstance(e, Usage) for e in got)


async def test_where_the_call_is_not_admitted_the_passages_are_quoted() -> None:
    model = Speaker("never heard")
    got = await answered(turn(model, quoter=Embedded(None), budget=Budget(Limits(tokens=5))))
    assert done(got).outcome == "partial"
    assert "leaves no room" in done(got).note
    assert model.closed == 0


async def quiet(turn: Turn, found: Sequence[Passage]) -> None:
    rest = give_up(turn, "m", found, question="Has the Moon air?", reason="Enough.")
    (last,) = [event async for event in rest]

    note = "Enough. Nothing was answered until then."
    assert last == Done("", "ungrounded", "m", "echo", note=note)


async def test_where_nothing_can_be_quoted_nothing_is_answered() -> None:
    asked = turn(EchoModel())
    given: Any = asked.library
    found = await passages(given)
    await quiet(asked, found)
    await quiet(turn(EchoModel(), quoter=Embedded(None)), ())
    for quoter in (
        Speaker("The sources do not say."),
        Speaker("The Moon has no air [1].", then=BadModelOutput("broke off")),
        Speaker("The Moon has no air [1].", then=LibraryCorrupt("gone")),
    ):
        await quiet(turn(EchoModel(), quoter=quoter), found)


async def test_a_quoter_that_takes_too_long_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.modes.answering._GRACE", 0.01)
    asked = turn(EchoModel(), quoter=(slow := Speaker("The Moon", waits=True)))
    given: Any = asked.library
    await quiet(asked, await passages(given))
    assert slow.closed == 1


async def test_an_answer_of_thoughts_alone_that_the_budget_cut_is_quoted() -> None:
    got = await stopped(Speaker("  ", "\n", waits=True), quoter=Embedded(None))
    assert done(got).outcome == "partial"


async def test_a_tool_that_was_not_offered_is_an_error() -> None:
    class Wants(Speaker):
        async def stream(self, messages: Sequence[Message], **_: Any) -> AsyncGenerator[Any, None]:
            yield ToolRequest("1", "look", {})

    with pytest.raises(BadModelOutput, match="asked for a tool"):
        await answered(turn(Wants()))


async def test_a_whole_answer_can_be_said_and_concluded() -> None:
    asked = turn(EchoModel())
    given: Any = asked.library
    said = Said(await passages(given))
    assert said.say(" The Moon has no air [1]. [9]") == [Token("The Moon has no air [1].")]
    assert [p.source for p in said.cited] == ["moon.txt"]
    got = [event async for event in conclude(asked, "m", said, notes=["A note."])]
    assert [e.stage for e in got if isinstance(e, Status)] == ["verify"]
    last = got[-1]
    assert isinstance(last, Done)
    assert (last.outcome, last.removed_markers, last.note) == ("grounded", 1, "A note.")


async def test_the_end_of_a_budget_leaves_said_what_was_said() -> None:
    model = Speaker("The Moon", waits=True)
    asked = turn(model)
    given: Any = asked.library
    said = Said(await passages(given))

    async def listen() -> None:
        async for _ in said.listen(asked, asked.model, ASKED):
            pass

    task = asyncio.create_task(listen())
    await model.waiting.wait()
    asked.budget.stop()
    with pytest.raises(BudgetSpent):
        await task
    said.flush()
    assert said.text == "The Moon"

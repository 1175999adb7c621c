from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.budget import Budget, Limits
from agent.errors import BadModelOutput, BudgetSpent, UsageError
from agent.messages import (
    Delta,
    Message,
    ModelUsage,
    Price,
    TextDelta,
    ThoughtDelta,
    ToolRequest,
    ToolSpec,
)
from agent.models.metered import Metered

ASKED = (Message("system", "be brief"), Message("user", "is it so", prefix="of old "))
PRICE = Price(input=0.001, output=0.01)


class Talker:
    """Says `words` words and then its usage, or waits for ever; a word is a token."""

    name = "talker"
    context_window: int | None = 500
    can_call_tools = True

    def __init__(
        self,
        words: int | None = 3,
        *,
        usage: ModelUsage | None = None,
        reports: bool = True,
        obeys: bool = True,
        then: Delta | Exception | None = None,
        price: Price | None = PRICE,
    ) -> None:
        self.price = price
        self.allowed: list[int | None] = []
        self.closed = 0
        self.warmed = 0
        self.waiting = asyncio.Event()
        self._words, self._usage, self._reports = words, usage, reports
        self._obeys, self._then = obeys, then

    async def warm(self) -> None:
        self.warmed += 1

    def count(self, text: str) -> int:
        return len(text.split())

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int | None = None,
    ) -> AsyncGenerator[Delta, None]:
        self.allowed.append(max_tokens)
        prompt = sum(self.count(m.whole) for m in messages)
        said = 0
        try:
            while self._words is None or said < self._words:
                if self._obeys and max_tokens is not None and said >= max_tokens:
                    break
                said += 1
                await asyncio.sleep(0)
                yield TextDelta(" word")
            if isinstance(self._then, Exception):
                raise self._then
            if self._then is not None:
                yield self._then
            if not self._reports:
                self.waiting.set()
                await asyncio.Event().wait()
            cut = self._words is None or said < self._words
            cost = prompt * 0.001 + said * 0.01
            yield self._usage or ModelUsage(
                prompt, said, cost=cost, finish="length" if cut else "stop"
            )
        finally:
            self.closed += 1

    async def aclose(self) -> None:
        """There is nothing to close."""


def metered(model: Talker, **limits: Any) -> tuple[Metered, Budget]:
    budget = Budget(Limits(**limits))
    given: Any = model
    return Metered(given, budget), budget


async def hear(model: Metered, **rest: Any) -> list[Delta]:
    return [delta async for delta in model.stream(ASKED, **rest)]


async def until_spent(model: Metered, **rest: Any) -> tuple[list[Delta], str]:
    """What came before the budget ended, and the reason."""
    heard: list[Delta] = []

    async def listen() -> None:
        async for delta in model.stream(ASKED, **rest):
            heard.append(delta)

    with pytest.raises(BudgetSpent) as caught:
        await listen()
    return heard, str(caught.value)


async def test_without_limits_a_model_is_itself() -> None:
    inner = Talker()
    model, budget = metered(inner)
    heard = await hear(model, max_tokens=9)
    assert heard == [TextDelta(" word")] * 3 + [ModelUsage(7, 3, cost=0.037)]
    assert inner.allowed == [9]
    assert (budget.tokens, budget.steps, inner.closed) == (10, 1, 1)
    assert budget.cost == pytest.approx(0.037)
    assert (model.name, model.context_window, model.can_call_tools) == ("talker", 500, True)
    assert (model.price, model.count("a b")) == (PRICE, 2)


async def test_the_whole_prompt_and_the_tools_are_counted_before_the_call() -> None:
    inner = Talker()
    model, _ = metered(inner, tokens=100)
    tool = ToolSpec("look", "looks it up", {"type": "object"})
    await hear(model, tools=[tool])
    assert inner.allowed == [100 - 7 - 6]
    assert inner.warmed == 1


async def test_a_call_that_is_not_admitted_never_reaches_the_model() -> None:
    inner = Talker()
    model, budget = metered(inner, tokens=20)
    heard, reason = await until_spent(model)
    assert (heard, inner.allowed, budget.steps) == ([], [], 0)
    assert "20 tokens leaves no room" in reason


async def test_an_answer_that_the_limit_cut_short_says_so_after_its_usage() -> None:
    inner = Talker(None)
    model, budget = metered(inner, tokens=40)
    heard, reason = await until_spent(model)
    assert heard[-1] == ModelUsage(7, 33, cost=pytest.approx(0.337), finish="length")
    assert reason == "The limit of 40 tokens is reached."
    assert budget.tokens == 40


async def test_an_answer_cut_at_the_askers_own_length_is_no_end_of_the_budget() -> None:
    model, budget = metered(Talker(None), tokens=400)
    assert (await hear(model, max_tokens=5))[-1] == ModelUsage(7, 5, cost=0.057, finish="length")
    assert budget.tokens == 12


async def test_an_answer_that_just_fits_is_whole() -> None:
    model, budget = metered(Talker(33), tokens=40)
    heard = await hear(model)
    assert heard[-1] == ModelUsage(7, 33, cost=pytest.approx(0.337))
    assert budget.tokens == 40


async def test_a_model_that_will_not_end_is_cut_within_one_more_of_its_length() -> None:
    inner = Talker(None, obeys=False)
    model, budget = metered(inner, tokens=40)
    heard, _ = await until_spent(model)
    assert sum(isinstance(delta, TextDelta) for delta in heard) == 67
    assert isinstance(heard[-1], ModelUsage)
    assert budget.tokens == 7 + 67 <= 40 + 33 + 1
    assert inner.closed == 1
    inner = Talker(None, obeys=False)
    model, _ = metered(inner)
    usage = (await hear(model, max_tokens=5))[-1]
    assert usage == ModelUsage(7, 11, cost=pytest.approx(0.117), finish="length")


async def test_stopping_in_mid_answer_closes_the_model_and_estimates_what_was_used() -> None:
    inner = Talker(2, reports=False)
    model, budget = metered(inner)
    task = asyncio.create_task(until_spent(model))
    await inner.waiting.wait()
    budget.stop("Enough.")
    heard, reason = await task
    assert reason == "Enough."
    assert heard == [TextDelta(" word")] * 2 + [ModelUsage(7, 2, cost=pytest.approx(0.027))]
    assert (budget.tokens, inner.closed) == (9, 1)
    assert budget.cost == pytest.approx(0.027)


async def test_an_estimate_without_a_price_has_no_cost() -> None:
    inner = Talker(2, reports=False, price=None)
    model, budget = metered(inner)
    task = asyncio.create_task(until_spent(model))
    await inner.waiting.wait()
    budget.stop()
    assert (await task)[0][-1] == ModelUsage(7, 2, cost=None)


async def test_thoughts_and_requests_for_tools_count_too() -> None:
    for delta, tokens in (
        (ThoughtDelta("hm hm hm"), 5),
        (ToolRequest("1", "look", {"at": "it"}), 5),
    ):
        inner = Talker(2, reports=False, then=delta)
        model, budget = metered(inner)
        task = asyncio.create_task(until_spent(model))
        await inner.waiting.wait()
        budget.stop()
        await task
        assert budget.tokens == 7 + tokens


async def test_leaving_cancelling_and_failing_in_mid_answer_are_counted() -> None:
    inner = Talker(None)
    model, budget = metered(inner)
    stream = model.stream(ASKED)
    await anext(stream)
    await stream.aclose()
    assert (budget.tokens, inner.closed) == (8, 1)

    inner = Talker(1, reports=False)
    model, budget = metered(inner)
    task = asyncio.create_task(hear(model))
    await inner.waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (budget.tokens, inner.closed) == (8, 1)

    model, budget = metered(Talker(1, then=BadModelOutput("broke off")))
    with pytest.raises(BadModelOutput):
        await hear(model)
    assert budget.tokens == 8


async def test_a_failure_before_the_first_word_costs_nothing_and_holds_nothing() -> None:
    model, budget = metered(Talker(0, then=BadModelOutput("no")), tokens=100)
    for _ in range(2):
        with pytest.raises(BadModelOutput):
            await hear(model)
    assert budget.tokens == 0


async def test_a_usage_beyond_the_limit_ends_the_ask_at_the_next_call() -> None:
    model, _ = metered(Talker(3, usage=ModelUsage(90, 30)), tokens=100)
    await hear(model)
    _, reason = await until_spent(model)
    assert reason == "The limit of 100 tokens is reached."


async def test_a_limit_of_cost_needs_a_known_price() -> None:
    model, _ = metered(Talker(price=None), cost=1.0)
    with pytest.raises(UsageError, match="price"):
        await hear(model)


async def test_two_calls_side_by_side_stay_under_one_limit() -> None:
    inner = Talker(None)
    model, budget = metered(inner, tokens=200)
    ends = await asyncio.gather(
        *(hear(model, max_tokens=60) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(end, BudgetSpent) for end in ends) >= 2
    assert budget.tokens <= 200


@given(
    calls=st.lists(
        st.tuples(st.integers(0, 120), st.none() | st.integers(1, 80), st.booleans()), max_size=8
    ),
    tokens=st.none() | st.integers(1, 300),
    cents=st.none() | st.integers(0, 300),
    steps=st.none() | st.integers(1, 6),
)
def test_no_limit_is_overrun_by_more_than_one_answers_length(
    calls: list[tuple[int, int | None, bool]],
    tokens: int | None,
    cents: int | None,
    steps: int | None,
) -> None:
    budget = Budget(Limits(tokens=tokens, steps=steps, cost=None if cents is None else cents / 100))
    longest = 0

    async def ask(words: int, wanted: int | None, obeys: bool) -> None:
        nonlocal longest
        inner: Any = Talker(words, obeys=obeys)
        try:
            async for _ in Metered(inner, budget).stream(ASKED, max_tokens=wanted):
                pass
        except BudgetSpent:
            pass
        if inner.allowed and inner.allowed[0] is not None and not obeys:
            longest = max(longest, inner.allowed[0] + 1)

    for call in calls:
        asyncio.run(ask(*call))
    assert steps is None or budget.steps <= steps
    assert tokens is None or budget.tokens <= tokens + longest
    assert cents is None or budget.cost <= cents / 100 + longest * 0.01 + 1e-9

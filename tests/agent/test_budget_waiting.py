"""The clock of a budget while a person is asked something."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from agent.budget import Budget, Limits, current
from agent.errors import BudgetSpent
from tests.agent.test_budget import Clock, never


async def longer_than(seconds: float) -> None:
    """Wait until that has passed."""
    with suppress(TimeoutError):
        await asyncio.wait_for(never(), 5 * seconds)


async def test_what_a_person_is_asked_for_takes_no_time_of_the_ask() -> None:
    clock = Clock()
    budget = Budget(Limits(seconds=5), clock=clock)
    clock.now += 1
    with budget.waiting():
        clock.now += 60
        assert budget.seconds_left == 4
        budget.check()
    assert budget.seconds_left == 4
    clock.now += 3
    assert budget.seconds_left == 1


async def test_questions_side_by_side_hold_the_clock_until_the_last_is_answered() -> None:
    clock = Clock()
    budget = Budget(Limits(seconds=5), clock=clock)
    first, second = budget.waiting(), budget.waiting()
    first.__enter__()
    clock.now += 10
    second.__enter__()
    clock.now += 10
    first.__exit__(None, None, None)
    clock.now += 10
    assert budget.seconds_left == 5
    second.__exit__(None, None, None)
    clock.now += 2
    assert budget.seconds_left == 3


async def test_a_question_moves_the_deadline_of_what_is_awaited() -> None:
    budget = Budget(Limits(seconds=0.02))

    async def asks() -> str:
        with budget.waiting():
            await longer_than(0.02)
            assert await budget.within(answered) == "yes"  # begun meanwhile: no deadline either
        return "done"

    async def answered() -> str:
        await longer_than(0.02)
        return "yes"

    # Another wait of the same ask goes on, too.
    other = asyncio.create_task(budget.within(answered))
    assert await budget.within(asks) == "done"
    assert await other == "yes"


async def test_after_the_answer_the_time_goes_on_where_it_was() -> None:
    budget = Budget(Limits(seconds=0.02))

    async def asks() -> None:
        with budget.waiting():
            await longer_than(0.02)
        await never()

    with pytest.raises(BudgetSpent, match=r"limit of 0\.02 s is reached"):
        await budget.within(asks)


async def test_a_question_that_fails_lets_the_clock_go_on() -> None:
    clock = Clock()
    budget = Budget(Limits(seconds=5), clock=clock)

    def asks() -> None:
        with budget.waiting():
            clock.now += 10
            raise ValueError("no keyboard")

    with pytest.raises(ValueError, match="no keyboard"):
        asks()
    clock.now += 5
    assert budget.seconds_left == 0


async def test_stopping_is_heard_while_a_person_is_asked() -> None:
    budget = Budget(Limits(seconds=60))
    asking = asyncio.Event()

    async def asks() -> None:
        with budget.waiting():
            asking.set()
            await never()

    wait = asyncio.create_task(budget.within(asks))
    await asking.wait()
    budget.stop()
    with pytest.raises(BudgetSpent, match="You stopped it"):
        await wait


async def test_time_that_was_up_is_not_given_back_by_a_question() -> None:
    clock = Clock()
    budget = Budget(Limits(seconds=5), clock=clock)
    clock.now += 6
    with budget.waiting():
        clock.now += 60
    with pytest.raises(BudgetSpent, match="limit of 5 s"):
        budget.check()


async def test_what_is_awaited_knows_its_budget() -> None:
    outer, inner = Budget(), Budget()

    async def known() -> Budget | None:
        return current()

    async def nested() -> tuple[Budget | None, Budget | None]:
        return await inner.within(known), current()

    assert await outer.within(nested) == (inner, outer)
    assert current() is None

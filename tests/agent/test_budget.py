from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.budget import Admission, Budget, Limits
from agent.errors import BudgetSpent, ModelUnreachable, UsageError
from agent.messages import FREE, ModelUsage, Price

PRICE = Price(input=0.001, output=0.002, written=0.00125)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def never() -> None:
    await asyncio.Event().wait()


def test_without_limits_everything_is_admitted() -> None:
    budget = Budget()
    for _ in range(100):
        budget.step()
        assert budget.admit(10**6, None, None).longest is None
        assert budget.admit(10**6, 7, None).longest == 7
    assert budget.seconds_left is None
    budget.check()


def test_the_answer_is_limited_to_what_its_prompt_leaves_and_the_reason_is_told() -> None:
    call = Budget(Limits(tokens=100)).admit(60, None, None)
    assert (call.longest, call.reason) == (40, "The limit of 100 tokens is reached.")
    call = Budget(Limits(tokens=100)).admit(60, 30, None)
    assert (call.longest, call.reason) == (30, "")
    call = Budget(Limits(cost=0.1)).admit(40, 500, PRICE)  # 0.05 for the prompt, written to a cache
    assert (call.longest, call.reason) == (25, "The limit of $0.10 is reached.")
    call = Budget(Limits(cost=0.1, tokens=60)).admit(40, None, PRICE)
    assert (call.longest, call.reason) == (20, "The limit of 60 tokens is reached.")


def test_a_call_whose_answer_would_be_too_short_to_be_worth_it_is_refused() -> None:
    with pytest.raises(BudgetSpent, match=r"limit of 100 tokens leaves no room.*about 90"):
        Budget(Limits(tokens=100)).admit(90, None, None)
    assert Budget(Limits(tokens=100)).admit(90, 5, None).longest == 5
    with pytest.raises(BudgetSpent, match=r"limit of \$0.01 leaves no room"):
        Budget(Limits(cost=0.01)).admit(8, None, PRICE)


def test_a_refused_call_is_no_step_and_holds_nothing() -> None:
    budget = Budget(Limits(tokens=100, steps=1))
    with pytest.raises(BudgetSpent):
        budget.admit(90, None, None)
    assert (budget.steps, budget.tokens) == (0, 0)
    assert budget.admit(50, None, None).longest == 50


def test_calls_and_tools_are_steps_of_one_count() -> None:
    budget = Budget(Limits(steps=3))
    budget.step()
    budget.admit(1, None, None)
    budget.step()
    for admit in (budget.step, lambda: budget.admit(1, None, None)):
        with pytest.raises(BudgetSpent, match="limit of 3 steps is reached"):
            admit()
    only = Budget(Limits(steps=1))
    only.step()
    with pytest.raises(BudgetSpent, match="limit of 1 step is"):
        only.step()


def test_a_limit_of_cost_needs_a_price() -> None:
    with pytest.raises(UsageError, match="price of this model is not known") as caught:
        Budget(Limits(cost=1)).admit(1, None, None)
    assert "--max-tokens" in caught.value.hint


def test_nothing_may_be_spent_on_a_model_that_is_free() -> None:
    budget = Budget(Limits(cost=0))
    for _ in range(3):
        budget.settle(budget.admit(10, None, FREE), ModelUsage(10, 10))
    with pytest.raises(BudgetSpent):
        budget.admit(1, None, PRICE)


def test_a_model_without_tokens_is_under_no_limit_of_them() -> None:
    assert Budget(Limits(tokens=1)).admit(0, None, None).longest is None


def test_a_cost_that_was_not_reported_is_reckoned() -> None:
    budget = Budget(Limits(cost=1))
    budget.settle(budget.admit(100, 10, PRICE), ModelUsage(100, 10, cost=None))
    assert budget.cost == pytest.approx(100 * 0.00125 + 10 * 0.002)


def test_what_is_spent_counts_for_the_next_call() -> None:
    budget = Budget(Limits(tokens=100))
    budget.settle(budget.admit(20, None, None), ModelUsage(20, 30))
    assert budget.admit(20, None, None).longest == 30
    budget = Budget(Limits(tokens=50))
    budget.settle(budget.admit(20, None, None), ModelUsage(20, 30))
    for admit in (budget.check, budget.step, lambda: budget.admit(1, None, None)):
        with pytest.raises(BudgetSpent, match="limit of 50 tokens is reached"):
            admit()


def test_calls_side_by_side_do_not_share_the_same_remainder() -> None:
    budget = Budget(Limits(tokens=100))
    first = budget.admit(20, 40, None)
    assert budget.admit(20, 40, None).longest == 20
    with pytest.raises(BudgetSpent):
        budget.admit(1, None, None)
    budget.settle(first, ModelUsage(20, 1))
    assert budget.admit(1, None, None).longest == 100 - 40 - 21 - 1


def test_a_price_near_nothing_limits_no_answer() -> None:
    nearly_free = Price(0.0, 5e-324, 0.0, 0.0)
    assert Budget(Limits(cost=1.0)).admit(1, None, nearly_free).longest is None
    assert Budget(Limits(cost=1.0)).admit(1, 9, nearly_free).longest == 9


_CALLS = st.lists(
    st.tuples(
        st.integers(0, 400),  # the prompt
        st.none() | st.integers(1, 300),  # the longest answer wanted
        st.floats(0, 1),  # how much of what was allowed is said
        st.booleans(),  # whether it ends before the next begins
        st.booleans(),  # whether its cost is reported
    ),
    max_size=30,
)


@given(
    calls=_CALLS,
    tokens=st.none() | st.integers(1, 2000),
    cost=st.none() | st.floats(0, 2),
    steps=st.none() | st.integers(1, 20),
    price=st.builds(Price, *[st.floats(0, 0.01)] * 4),
)
def test_no_limit_is_overrun_by_what_is_said_within_the_admitted_length(
    calls: Any, tokens: int | None, cost: float | None, steps: int | None, price: Price
) -> None:
    budget = Budget(Limits(cost=cost, tokens=tokens, steps=steps))
    open_: list[tuple[Admission, ModelUsage]] = []
    for prompt, wanted, share, ends, reported in calls:
        try:
            call = budget.admit(prompt, wanted, price)
        except BudgetSpent:
            continue
        assert wanted is None or call.longest is not None
        assert wanted is None or call.longest <= wanted
        longest = 300 if call.longest is None else call.longest
        assert longest >= 0
        said = int(share * longest)
        billed = prompt * price.input + said * price.output
        open_.append((call, ModelUsage(prompt, said, cost=billed if reported else None)))
        if ends:
            for one in open_:
                budget.settle(*one)
            open_.clear()
    for one in open_:
        budget.settle(*one)
    assert steps is None or budget.steps <= steps
    # A model that counts no tokens of its prompt is under no limit of them.
    if all(prompt for prompt, *_ in calls):
        assert tokens is None or budget.tokens <= tokens
    assert cost is None or budget.cost <= cost + 1e-9


def test_a_side_call_must_leave_most_to_the_answer() -> None:
    assert Budget().spares(10**6, 10**6, None)
    assert Budget(Limits(tokens=100)).spares(40, 10, None)
    assert not Budget(Limits(tokens=100)).spares(40, 11, None)
    assert Budget(Limits(cost=0.2)).spares(40, 25, PRICE)
    assert not Budget(Limits(cost=0.2)).spares(40, 26, PRICE)
    assert not Budget(Limits(cost=0.2)).spares(1, 1, None)
    assert Budget(Limits(steps=4)).spares(1, 1, None)
    assert not Budget(Limits(steps=3)).spares(1, 1, None)
    stopped = Budget()
    stopped.stop()
    assert not stopped.spares(1, 1, None)


async def test_time_that_is_up_refuses_what_comes_next() -> None:
    clock = Clock()
    budget = Budget(Limits(seconds=5), clock=clock)
    assert budget.seconds_left == 5
    budget.step()
    clock.now += 6
    assert budget.seconds_left == 0
    begun: list[int] = []

    async def work() -> None:
        begun.append(1)

    with pytest.raises(BudgetSpent, match="limit of 5 s is reached"):
        await budget.within(work)
    assert begun == []
    with pytest.raises(BudgetSpent, match="limit of 5 s"):
        budget.step()


async def test_time_that_runs_out_cancels_what_is_awaited() -> None:
    with pytest.raises(BudgetSpent, match=r"limit of 0\.01 s is reached"):
        await Budget(Limits(seconds=0.01)).within(never)


async def test_what_is_done_in_time_gives_its_result_and_its_errors() -> None:
    budget = Budget(Limits(seconds=60))

    async def good() -> int:
        return 7

    async def bad() -> None:
        raise TimeoutError("its own")

    assert await budget.within(good) == 7
    with pytest.raises(TimeoutError, match="its own"):
        await budget.within(bad)


async def test_stopping_cancels_every_wait_and_refuses_the_next() -> None:
    budget = Budget()
    waits = [asyncio.create_task(budget.within(never)) for _ in range(3)]
    await asyncio.sleep(0)
    budget.stop("Enough.")
    for wait in waits:
        with pytest.raises(BudgetSpent, match="Enough"):
            await wait
    with pytest.raises(BudgetSpent, match="Enough"):
        await budget.within(never)


async def test_stopping_before_anything_waits_and_twice_is_the_same() -> None:
    budget = Budget()
    budget.stop("Enough.")
    budget.stop("Again.")
    with pytest.raises(BudgetSpent, match="Enough"):
        budget.check()
    with pytest.raises(BudgetSpent, match="Enough"):
        await budget.within(never)


async def test_stopping_again_while_what_was_stopped_lets_go_is_no_error() -> None:
    budget = Budget()
    letting_go, let_go = asyncio.Event(), asyncio.Event()

    async def slow_to_leave() -> None:
        try:
            await never()
        finally:
            letting_go.set()
            await let_go.wait()

    wait = asyncio.create_task(budget.within(slow_to_leave))
    await asyncio.sleep(0)
    budget.stop("Enough.")
    await letting_go.wait()
    budget.stop("Again.")
    let_go.set()
    with pytest.raises(BudgetSpent, match="Enough"):
        await wait


@pytest.mark.parametrize("inner", [0.01, 60.0])
async def test_stopping_reaches_through_time_outs_of_whatever_is_awaited(inner: float) -> None:
    budget, waiting = Budget(), asyncio.Event()

    async def with_a_time_out() -> None:
        while True:
            try:
                async with asyncio.timeout(inner):
                    waiting.set()
                    await never()
            except TimeoutError:
                continue

    async def nested() -> None:
        await budget.within(with_a_time_out)

    wait = asyncio.create_task(budget.within(nested))
    await waiting.wait()
    budget.stop("Enough.")
    with pytest.raises(BudgetSpent, match="Enough"):
        await wait
    assert wait.cancelling() == 0


async def test_a_time_out_in_the_same_moment_as_the_stop_does_not_lose_it() -> None:
    budget = Budget()

    async def both() -> None:
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as own:
                loop.call_soon(own.reschedule, 0.0)
                loop.call_soon(budget.stop, "Enough.")
                await never()
        await never()

    wait = asyncio.create_task(budget.within(both))
    with pytest.raises(BudgetSpent, match="Enough"):
        await wait


async def test_a_failure_caused_by_the_stop_is_the_stop() -> None:
    budget = Budget()

    async def breaks_when_cancelled() -> None:
        try:
            await never()
        except asyncio.CancelledError:
            raise ModelUnreachable("the connection is gone") from None

    wait = asyncio.create_task(budget.within(breaks_when_cancelled))
    await asyncio.sleep(0)
    budget.stop("Enough.")
    with pytest.raises(BudgetSpent, match="Enough"):
        await wait


async def test_cancelling_from_outside_stays_a_cancellation() -> None:
    budget = Budget(Limits(seconds=60))
    wait = asyncio.create_task(budget.within(never))
    await asyncio.sleep(0)
    wait.cancel()
    budget.stop()
    with pytest.raises(asyncio.CancelledError):
        await wait


async def test_work_that_ends_despite_the_stop_keeps_its_result() -> None:
    budget = Budget()

    async def stubborn() -> str:
        try:
            await never()
        except asyncio.CancelledError:
            return "done all the same"
        return ""

    wait = asyncio.create_task(budget.within(stubborn))
    await asyncio.sleep(0)
    budget.stop()
    assert await wait == "done all the same"

"""The queue before the asks: bounded, fair, never a hang; and rates."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

import pytest

from agent.server.admission import SHARE, Admission
from agent.server.errors import Refused
from agent.server.rates import Rates
from agent.server.users import User

ADA, BOB, EVE = User("ada"), User("bob"), User("eve")
DEADLINE = 20.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Asks:
    """Asks that end when they are told to, and what became of them."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.order: list[str] = []
        self.refused: list[tuple[str, Refused]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.ends: dict[str, asyncio.Event] = {}

    async def ask(self, user: User, name: str) -> asyncio.Task[None]:
        """Begin one, and see it run, wait or be refused."""
        self.ends[name] = asyncio.Event()
        task = asyncio.create_task(self._ask(user, name))
        self._tasks.append(task)
        await settled()
        return task

    async def end(self, name: str) -> None:
        self.ends[name].set()
        await settled()

    async def _ask(self, user: User, name: str) -> None:
        try:
            async with self.admission.admit(user):
                self.order.append(name)
                await self.ends[name].wait()
        except Refused as refused:
            self.refused.append((name, refused))

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def asks(admission: Admission) -> AsyncIterator[Asks]:
    made = Asks(admission)
    async with asyncio.timeout(DEADLINE):
        try:
            yield made
        finally:
            await made.aclose()


async def settled() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_run_than_there_are_places_and_the_next_begins_when_one_ends() -> None:
    async with asks(Admission(running=2, waiting=4)) as all_:
        for name in ("1", "2", "3"):
            await all_.ask(ADA, name)
        assert all_.order == ["1", "2"]
        assert (all_.admission.running, all_.admission.waiting) == (2, 1)
        await all_.end("2")
        assert all_.order == ["1", "2", "3"]
        await all_.end("1")
        await all_.end("3")
        assert (all_.admission.running, all_.admission.waiting) == (0, 0)


async def test_past_the_queue_an_ask_is_refused_with_when_to_come_again() -> None:
    async with asks(Admission(running=1, waiting=1)) as all_:
        for name in ("runs", "waits", "is refused"):
            await all_.ask(ADA, name)
        ((name, refused),) = all_.refused
        assert name == "is refused"
        assert refused.status == 429
        assert refused.retry_after is not None
        assert refused.retry_after >= 1


async def test_a_free_place_goes_to_the_user_with_the_fewest_running() -> None:
    async with asks(Admission(running=2, waiting=8)) as all_:
        for name in ("a1", "a2", "a3", "a4"):
            await all_.ask(ADA, name)
        await all_.ask(BOB, "b1")
        await all_.end("a1")
        assert all_.order == ["a1", "a2", "b1"]
        await all_.end("a2")
        assert all_.order[-1] == "a3"


async def test_of_users_with_as_many_running_who_came_first_is_first() -> None:
    async with asks(Admission(running=1, waiting=8)) as all_:
        await all_.ask(EVE, "e")
        await all_.ask(BOB, "b")
        await all_.ask(ADA, "a")
        await all_.end("e")
        assert all_.order == ["e", "b"]


async def test_a_user_who_fills_the_queue_makes_room_for_others_with_the_newest() -> None:
    async with asks(Admission(running=1, waiting=3)) as all_:
        for name in ("a1", "a2", "a3", "a4"):
            await all_.ask(ADA, name)
        await all_.ask(BOB, "b1")
        assert [name for name, _ in all_.refused] == ["a4"]
        assert all_.admission.waiting == 3
        await all_.ask(ADA, "a5")  # has most already
        assert [name for name, _ in all_.refused] == ["a4", "a5"]


async def test_nobody_waits_longer_than_the_patience() -> None:
    async with asks(Admission(running=1, waiting=3, patience=0.01)) as all_:
        await all_.ask(ADA, "runs")
        await (await all_.ask(BOB, "waits"))
        ((name, refused),) = all_.refused
        assert (name, refused.status) == ("waits", 429)
        assert all_.admission.waiting == 0
        await all_.end("runs")
        await all_.ask(BOB, "runs now")
        assert all_.order == ["runs", "runs now"]


async def test_an_ask_that_is_given_up_while_it_waits_leaves_the_queue() -> None:
    async with asks(Admission(running=1, waiting=1)) as all_:
        await all_.ask(ADA, "runs")
        waits = await all_.ask(BOB, "waits")
        waits.cancel()
        await settled()
        assert all_.admission.waiting == 0
        await all_.end("runs")
        await all_.ask(ADA, "next")
        assert all_.order == ["runs", "next"]


async def test_a_place_handed_to_one_who_gives_up_in_that_moment_is_not_lost() -> None:
    async with asks(Admission(running=1, waiting=2)) as all_:
        await all_.ask(ADA, "runs")
        waits = await all_.ask(BOB, "waits")
        all_.ends["runs"].set()
        await asyncio.sleep(0)
        waits.cancel()
        await settled()
        await all_.ask(EVE, "next")
        assert "next" in all_.order


async def test_an_ask_that_comes_while_another_is_leaving_the_queue_does_not_wait_for_nobody() -> (
    None
):
    async with asks(Admission(running=1, waiting=2)) as all_:
        await all_.ask(ADA, "runs")
        waits = await all_.ask(BOB, "waits")
        waits.cancel()
        all_.ends["runs"].set()
        await all_.ask(EVE, "next")
        assert "next" in all_.order


async def test_where_there_are_others_nobody_holds_the_last_place() -> None:
    several = True
    async with asks(Admission(running=3, waiting=4, several=lambda: several)) as all_:
        for name in ("a1", "a2", "a3"):
            await all_.ask(ADA, name)
        assert all_.order == ["a1", "a2"]
        await all_.ask(BOB, "b1")  # passes who may not hold more
        assert all_.order == ["a1", "a2", "b1"]
        await all_.end("b1")
        assert all_.order == ["a1", "a2", "b1"]
        await all_.end("a1")
        assert all_.order == ["a1", "a2", "b1", "a3"]
        several = False
        await all_.ask(ADA, "a4")
        assert all_.order[-1] == "a4"


async def test_a_single_place_is_anybodys() -> None:
    async with asks(Admission(running=1, several=lambda: True)) as all_:
        await all_.ask(ADA, "a")
        assert all_.order == ["a"]


async def test_heavy_work_and_searches_take_no_place_of_an_ask() -> None:
    admission = Admission(running=1, waiting=0)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(admission.admit(ADA, heavy=True))
        await stack.enter_async_context(admission.search(ADA))
        async with admission.admit(ADA):
            pass
        for full in (admission.admit(BOB, heavy=True), admission.search(BOB)):
            with pytest.raises(Refused) as caught:
                await stack.enter_async_context(full)
            assert (caught.value.status, bool(caught.value.retry_after)) == (429, True)


async def test_a_library_is_changed_by_one_after_the_other_and_who_waits_holds_no_place() -> None:
    admission = Admission()
    order: list[str] = []
    ends = {name: asyncio.Event() for name in ("first", "second")}

    async def change(name: str, user: User) -> None:
        async with admission.turn(user, "/libraries/one"), admission.admit(user, heavy=True):
            order.append(name)
            await ends[name].wait()

    async with asyncio.timeout(DEADLINE):
        first = asyncio.create_task(change("first", ADA))
        await settled()
        second = asyncio.create_task(change("second", BOB))
        await settled()
        assert (order, admission.running, admission.waiting) == (["first"], 1, 1)
        async with (
            admission.turn(EVE, "/libraries/other"),
            admission.admit(EVE, heavy=True),
        ):
            ends["first"].set()
            await first
            await settled()
            assert order == ["first", "second"]
        ends["second"].set()
        await second


async def test_once_it_drains_no_library_is_changed_and_nothing_searched() -> None:
    admission = Admission()
    admission.drain()
    for what in (admission.turn(ADA, "/libraries/one"), admission.search(ADA)):
        with pytest.raises(Refused) as caught:
            async with what:
                pass
        assert caught.value.status == 503


async def test_draining_refuses_new_and_waiting_asks_and_tells_running_ones_to_end() -> None:
    admission = Admission(running=1, waiting=2)
    stopped: list[str] = []
    async with asks(admission) as all_, AsyncExitStack() as stack:
        ticket = await stack.enter_async_context(admission.admit(ADA))
        ticket.started(stopped.append)
        await all_.ask(BOB, "waits")
        admission.drain()
        await settled()
        await all_.ask(EVE, "comes")
        assert [(name, refused.status) for name, refused in all_.refused] == [
            ("waits", 503),
            ("comes", 503),
        ]
        assert all(refused.retry_after for _, refused in all_.refused)
        assert len(stopped) == 1
        idle = asyncio.create_task(admission.idle())
        await settled()
        assert not idle.done()
        await stack.aclose()
        await idle


async def test_an_ask_that_begins_as_the_server_ends_is_told_at_once() -> None:
    admission = Admission()
    stopped: list[str] = []
    async with admission.admit(ADA) as ticket:
        admission.drain()
        ticket.started(stopped.append)
    assert stopped


def test_a_rate_allows_as_many_as_it_says_and_then_one_at_a_time() -> None:
    clock = Clock()
    rates = Rates(clock)
    assert [rates.take("ada", 3) for _ in range(3)] == [0, 0, 0]
    assert rates.take("ada", 3) == pytest.approx(20)
    assert rates.take("bob", 3) == 0
    clock.now += 20
    assert rates.take("ada", 3) == 0
    assert rates.take("ada", 3) > 0
    clock.now += 3600
    assert [rates.take("ada", 3) for _ in range(4)] == [0, 0, 0, pytest.approx(20)]
    assert rates.take("ada", None) == 0
    assert rates.take("ada", 0) > 0


def test_one_request_too_many_is_refused_with_the_time_until_the_next() -> None:
    admission = Admission(clock=Clock())
    user = User("ada", per_minute=1)
    admission.count(user)
    with pytest.raises(Refused) as caught:
        admission.count(user)
    assert caught.value.status == 429
    assert caught.value.retry_after == pytest.approx(60)
    admission.count(BOB)


def test_a_user_has_no_more_than_a_share_of_all_requests_open() -> None:
    admission = Admission()
    with ExitStack() as stack:
        for _ in range(SHARE):
            stack.enter_context(admission.under_way(ADA))
        with pytest.raises(Refused) as caught:
            stack.enter_context(admission.under_way(ADA))
        assert (caught.value.status, bool(caught.value.retry_after)) == (429, True)
        stack.enter_context(admission.under_way(BOB))
        assert admission.is_busy("ada")
    assert not admission.is_busy("ada")

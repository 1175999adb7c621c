"""What a day may cost a user: kept over restarts, shared by asks side by side."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from agent.budget import Budget, Limits
from agent.errors import ConfigError
from agent.events import Usage
from agent.messages import ModelUsage
from agent.server.admission import Admission
from agent.server.errors import Refused
from agent.server.metrics import Metrics
from agent.server.spending import Spending
from agent.server.users import User

ADA, BOB, EVE = User("ada"), User("bob"), User("eve")
DEADLINE = 20.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_days_budget_is_kept_over_a_restart_and_renewed_with_the_day(
    tmp_path: Path,
) -> None:
    clock = Clock()
    user = User("ada", day_cost=1.0)
    for _ in range(2):
        spending = Spending(tmp_path / "spending.db", clock=clock)
        admission = Admission(spending=spending)
        async with admission.admit(user) as ticket:
            ticket.used(Usage(100, 10, cost=0.5))
        spending.close()
    spending = Spending(tmp_path / "spending.db", clock=clock)
    admission = Admission(spending=spending)
    with pytest.raises(Refused) as caught:
        async with admission.admit(user):
            pass
    assert (caught.value.status, caught.value.code) == (429, "insufficient_quota")
    assert caught.value.retry_after == pytest.approx(spending.seconds_left)
    async with admission.admit(BOB):
        pass
    clock.now += 86_400
    async with admission.admit(user):
        pass
    spending.close()


async def test_what_is_left_of_the_day_limits_the_next_ask(tmp_path: Path) -> None:
    spending = Spending(tmp_path / "spending.db")
    admission = Admission(spending=spending)
    spending.add("ada", cost=0.9, tokens=1)
    async with admission.admit(User("ada", day_cost=1.0)) as ticket:
        assert ticket.user.limits.cost == pytest.approx(0.1)
    async with admission.admit(User("ada", limits=Limits(cost=0.04), day_cost=1.0)) as ticket:
        assert ticket.user.limits.cost == pytest.approx(0.04)
    spending.close()


async def test_asks_side_by_side_cannot_spend_the_same_rest_of_a_day_twice(tmp_path: Path) -> None:
    spending = Spending(tmp_path / "spending.db")
    admission = Admission(spending=spending)
    user = User("ada", limits=Limits(cost=0.4), day_cost=1.0)
    async with admission.admit(user) as one, admission.admit(user), admission.admit(user) as three:
        assert one.user.limits.cost == pytest.approx(0.4)
        assert three.user.limits.cost == pytest.approx(0.2)
        with pytest.raises(Refused, match="still run"):
            async with admission.admit(user):
                pass
    async with admission.admit(user) as again:
        assert again.user.limits.cost == pytest.approx(0.4)
    spending.close()


async def test_what_a_budget_settled_and_nobody_told_counts_once(tmp_path: Path) -> None:
    spending, metrics = Spending(tmp_path / "spending.db"), Metrics()
    budget = Budget()
    admission = Admission(spending=spending, metrics=metrics)
    user = User("ada", limits=Limits(cost=1.0), day_cost=9.0)
    async with admission.admit(user) as ticket:
        ticket.counted_by(lambda: budget)
        told = budget.admit(100, None, None)
        budget.settle(told, ModelUsage(100, 10, cost=0.25))
        ticket.used(Usage(100, 10, cost=0.25))
        left = budget.admit(100, None, None)
        budget.settle(left, ModelUsage(100, 5, cost=0.125))
        assert ticket.held == pytest.approx(1.0)
    assert ticket.cost == pytest.approx(0.375)
    assert ticket.tokens == 215
    assert spending.today("ada") == pytest.approx(0.375)
    assert b"understudy_cost_dollars_total 0.375" in metrics.text()
    spending.close()


async def test_what_was_spent_before_an_ask_broke_off_counts(tmp_path: Path) -> None:
    spending = Spending(tmp_path / "spending.db")

    async def break_off() -> None:
        async with Admission(spending=spending).admit(ADA) as ticket:
            ticket.used(Usage(1, 1, cost=0.25))
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await break_off()
    assert spending.today("ada") == pytest.approx(0.25)
    spending.close()


async def test_what_an_ask_has_spent_so_far_is_not_left_for_others(tmp_path: Path) -> None:
    spending = Spending(tmp_path / "spending.db")
    admission = Admission(spending=spending)
    user = User("ada", limits=Limits(cost=0.4), day_cost=1.0)
    async with admission.admit(user) as one, admission.admit(user):
        one.used(Usage(1, 1, cost=0.4))
        async with admission.admit(user) as three:
            assert three.user.limits.cost == pytest.approx(0.2)
    spending.close()


async def test_work_whose_cost_is_not_counted_neither_takes_of_the_day_nor_is_refused(
    tmp_path: Path,
) -> None:
    spending = Spending(tmp_path / "spending.db")
    admission = Admission(spending=spending)
    user = User("ada", limits=Limits(cost=2.0), day_cost=1.0)
    async with (
        admission.admit(user, heavy=True),
        admission.admit(user) as ask,
        admission.admit(user, heavy=True),
    ):
        assert ask.user.limits.cost == pytest.approx(1.0)
        ask.used(Usage(1, 1, cost=1.0))
    with pytest.raises(Refused, match="used up"):
        async with admission.admit(user):
            pass
    async with admission.admit(user, heavy=True):
        pass
    spending.close()


def test_while_another_server_writes_a_sum_is_kept_here_and_written_later(tmp_path: Path) -> None:
    file = tmp_path / "spending.db"
    spending, other = Spending(file), sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    spending.add("ada", cost=0.25, tokens=1)
    assert spending.today("ada") == pytest.approx(0.25)
    other.execute("COMMIT")
    spending.add("ada", cost=0.5, tokens=1)
    other.execute("BEGIN IMMEDIATE")
    spending.add("ada", cost=1.0, tokens=1)
    other.execute("COMMIT")
    other.close()
    spending.close()
    again = Spending(file)
    assert again.today("ada") == pytest.approx(1.75)
    again.close()


def test_what_could_not_be_written_until_the_end_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.server.spending._LAST_WAIT", 0.01)
    file = tmp_path / "spending.db"
    spending, other = Spending(file), sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    spending.add("ada", cost=0.25, tokens=1)
    spending.add("bob", cost=0.5, tokens=1)
    with pytest.raises(ConfigError, match=r"ada, bob spent last \(\$0\.75 in all\)"):
        spending.close()
    other.execute("COMMIT")
    other.close()

"""Several pieces of work at the same time, their results in the order of their ends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

from agent.errors import BudgetSpent

_T = TypeVar("_T")


async def side_by_side(
    works: Iterable[Callable[[], Awaitable[_T]]], most: int
) -> AsyncGenerator[_T, None]:
    """Do them all, at most so many at once.

    Where one meets the end of the budget the others are done all the same: they may be free, or
    meet it, too; then it is raised. Any other error, or leaving the generator, cancels those that
    run.

    Raises:
        BudgetSpent: The budget ended.
    """
    waiting = deque(works)
    tasks: set[asyncio.Task[_T]] = set()
    ended: BudgetSpent | None = None
    try:
        while waiting or tasks:
            while waiting and len(tasks) < most:
                tasks.add(asyncio.ensure_future(_awaited(waiting.popleft())))
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=lambda task: task.exception() is not None):
                # Results first: an error loses none of them.
                tasks.discard(task)
                try:
                    result = task.result()
                except BudgetSpent as spent:
                    ended = ended or spent
                    continue
                yield result
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if ended is not None:
        raise ended


async def _awaited(work: Callable[[], Awaitable[_T]]) -> _T:
    return await work()

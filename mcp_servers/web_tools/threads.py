"""Blocking work in a thread that ends before the task that asked for it does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")


async def in_thread(work: Callable[[Callable[[], bool]], R]) -> R:
    """Do work in a thread.

    Args:
        work: Is given a function that says whether to stop; raises whatever it likes then.

    Raises:
        asyncio.CancelledError: The task was cancelled; the work has ended by then.
    """
    stop = threading.Event()
    task = asyncio.create_task(asyncio.to_thread(work, stop.is_set))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)
        raise

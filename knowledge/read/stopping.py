"""Whether to break off what is being read: a scan may take an hour, and its user may not wait.

Readers are plain functions, and most are quick: those that are not ask here now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_asked: ContextVar[Callable[[], bool] | None] = ContextVar("asked", default=None)


@contextmanager
def when(cancelled: Callable[[], bool]) -> Iterator[None]:
    """Have what is read in this thread broken off once `cancelled` says so."""
    token = _asked.set(cancelled)
    try:
        yield
    finally:
        _asked.reset(token)


def check() -> None:
    """Break off, if that is wished.

    Raises:
        InterruptedError: It is.
    """
    cancelled = _asked.get()
    if cancelled is not None and cancelled():
        raise InterruptedError

"""Asks one question and lets a printer show what comes; shared by `agent ask` and `agent demo`.

Ctrl-C once ends the ask with what it has, twice leaves at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import aclosing, contextmanager, suppress
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

from agent.cli import exits

if TYPE_CHECKING:
    from agent.approvals import Decide
    from agent.cli.printer import Printer
    from agent.session import Session
    from knowledge.library import Filters

_GRACE = 0.5
"""Seconds that a thread may still work when the ask has ended."""


def answer(
    session: Session,
    printer: Printer,
    question: str,
    *,
    context: str = "",
    filters: Filters | None = None,
    modes: Sequence[str | None] = (None,),
    decide: Decide | None = None,
) -> int:
    """Ask, and show the events as they come.

    Of several modes each is asked the same, one after the other; none knows what another said.

    The first Ctrl-C stops the ask: what there is of the answer is checked and printed. The second
    prints what there is and ends the process. Work in a thread that cannot be stopped (a search,
    an import) is not waited for when the ask has ended: the process then ends here too.

    Returns:
        The exit code.
    """
    threads = _Threads()
    presses = 0

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(threads)

        def pressed() -> None:
            nonlocal presses
            presses += 1
            if presses > 1:
                _leave(printer, exits.INTERRUPTED)
            loop.call_soon_threadsafe(session.stop)

        with _on_ctrl_c(pressed):
            try:
                for mode in modes:
                    stream = session.ask(
                        question,
                        mode=mode,
                        context=context,
                        filters=filters,
                        remember=len(modes) == 1,
                        decide=decide,
                    )
                    async with aclosing(stream) as events:
                        async for event in events:
                            printer.show(event)
                    if presses:
                        printer.interrupted()
                        break
            finally:
                # What it holds open belongs to this event loop, and ends with it.
                await session.aclose()
            if threads.busy(_GRACE):
                _leave(printer, exits.INTERRUPTED if presses else printer.code)

    try:
        asyncio.run(ask())
    except KeyboardInterrupt:  # before the ask had begun, or after it had ended
        printer.interrupted()
        return exits.INTERRUPTED
    return exits.INTERRUPTED if presses else printer.code


@contextmanager
def _on_ctrl_c(pressed: Callable[[], None]) -> Iterator[None]:
    """Call `pressed`, in the main thread, at each Ctrl-C; unless the process ignores it.

    It is called even while the event loop is busy.
    """
    previous = signal.getsignal(signal.SIGINT)
    if previous in (signal.SIG_IGN, None) or current_thread() is not main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows, whose loop does the same of itself
        # Where another thread gets the signal, only this wakes the loop that waits.
        loop.add_signal_handler(signal.SIGINT, lambda: None)
    signal.signal(signal.SIGINT, lambda *_: pressed())
    try:
        yield
    finally:
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, previous)


def _leave(printer: Printer, code: int) -> None:
    """Print what there is, and end the process without waiting for anything."""
    # A signal may have come in the middle of a write, which no other may enter.
    with suppress(Exception):
        printer.interrupted()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)


class _Threads(ThreadPoolExecutor):
    """The event loop's threads, which can say whether they are still at work."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="ask")
        self._work: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        work = super().submit(fn, *args, **kwargs)
        self._work.add(work)
        work.add_done_callback(self._work.discard)
        return work

    def busy(self, seconds: float) -> bool:
        """Whether any is, after so long a wait for all of them."""
        return bool(wait(list(self._work), timeout=seconds).not_done)

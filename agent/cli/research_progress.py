"""How far research is, on stderr: the plan as a tree, what is being done, and what it has used."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from agent.cli.progress import REDRAW_SECONDS, SPARSE_SECONDS
from agent.cli.terminal import Console, one_line
from agent.plain_text import duration, money, plural

if TYPE_CHECKING:
    from agent.research.types import Step

_LEAST = 0.05
"""The share of the whole before which nothing is said of the time that is left."""


class Progress:
    """Shows the steps of a run."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        """For a console.

        Args:
            console: Where to show them.
            clock: Seconds, for tests.
        """
        self._console = console
        self._clock = clock
        self._began = clock()
        self._before = 0.0
        """The share that was done when the work began."""
        self._shown = float("-inf")
        self._questions: dict[int, str] = {}
        self._read: dict[int, int] = {}
        self._noted: dict[int, int] = {}

    def show(self, step: Step, pages: int, tokens: int, cost: float | None) -> None:
        """Tell of a step.

        Args:
            step: What has just been done, or is begun.
            pages: Read, so far.
            tokens: Used, so far.
            cost: In US dollars, so far; None where the price is not known.
        """
        console, text = self._console, one_line(step.text)
        part = step.part
        if step.kind == "warning":
            console.warn(text)
        elif step.kind == "plan" and part is not None:
            self._questions[part] = text
            console.note(f"  {part}. {text}")
        elif step.kind == "read" and part is not None:
            self._read[part] = self._read.get(part, 0) + 1
            console.trace(f"read: {text}")
        elif step.kind == "note" and part is not None:
            self._noted[part] = self._noted.get(part, 0) + 1
            console.trace(f"noted: {text}")
        elif step.kind == "reflect":
            self._tree()
        elif step.kind in ("plan", "write", "verify"):
            console.note(f"{text} …")
        else:
            console.trace(f"{step.kind}: {text}")
        self._meter(step, pages, tokens, cost)

    def close(self) -> None:
        """Take the line away."""
        self._console.clear()

    def _tree(self) -> None:
        """The sub-questions with what there is for each."""
        for part, question in self._questions.items():
            read, noted = self._read.get(part, 0), self._noted.get(part, 0)
            found = f"{plural(read, 'page')} read, {plural(noted, 'source')} noted"
            self._console.note(f"  {part}. {question[:70]}: {found}")

    def _meter(self, step: Step, pages: int, tokens: int, cost: float | None) -> None:
        now, rewrites = self._clock(), self._console.shows_transient
        if step.kind == "plan":  # over which a person may have sat
            self._before, self._began = step.share, now
        if now - self._shown < (REDRAW_SECONDS if rewrites else SPARSE_SECONDS):
            return
        first = self._shown == float("-inf")
        self._shown = now
        told = [f"{step.share:.0%}", plural(pages, "page")]
        if tokens:
            told += [plural(tokens, "token"), money(cost)]
        done = step.share - self._before
        if done > _LEAST:
            left = (now - self._began) * (1 - step.share) / done
            told.append(f"{duration(left)} left")
        line = " · ".join(told)
        if rewrites:
            self._console.transient(f"{line} · {one_line(step.text)}")
        elif not first:
            self._console.note(line)


@contextmanager
def on_ctrl_c(
    stop: Callable[[], None], console: Console, *, over: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """The first Ctrl-C ends the search and has the report written, the second leaves.

    Args:
        stop: Called in the loop at the first.
        console: Told what happens.
        over: Whether there is a report, so that nothing is left to end.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    presses = 0

    def pressed() -> None:
        nonlocal presses
        if over():
            return
        presses += 1
        if presses == 1:
            console.remark("Writing up what there is; Ctrl-C again leaves, and keeps what is done.")
            stop()
        elif task is not None:
            task.cancel()

    # Windows' loop has no such handlers: there the first Ctrl-C leaves.
    with suppress(NotImplementedError, RuntimeError):
        loop.add_signal_handler(signal.SIGINT, pressed)
    try:
        yield
    finally:
        with suppress(NotImplementedError, RuntimeError):
            loop.remove_signal_handler(signal.SIGINT)

"""How far `add` and `sync` are, on stderr: one line that is rewritten, or a few sparse ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.cli.terminal import Console, one_line
from agent.plain_text import duration

if TYPE_CHECKING:
    from knowledge.library import Progress

__all__ = ["REDRAW_SECONDS", "SPARSE_SECONDS", "Meter", "duration"]

REDRAW_SECONDS = 0.1
"""Between two states of the rewritten line."""
SPARSE_SECONDS = 10.0
"""Between two lines where nothing can be rewritten."""


class Meter:
    """Give it to `Library.add` as `progress`; it may be called from any thread."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._lock = threading.Lock()
        self._stage = ""
        self._began = self._shown = clock()
        self._first = self._last = self._total = 0

    def __call__(self, progress: Progress) -> None:
        """Show a state, unless the last one is too fresh."""
        with self._lock:
            now = self._clock()
            # Stages take turns over the same files: they have one rate, until the count restarts.
            if progress.total != self._total or progress.done < self._last:
                self._total, self._began, self._first = progress.total, now, progress.done
            self._last = progress.done
            if progress.stage != self._stage:
                self._stage = progress.stage
                if self._console.shows_transient:
                    self._shown = float("-inf")
            rewrites = self._console.shows_transient
            if now - self._shown < (REDRAW_SECONDS if rewrites else SPARSE_SECONDS):
                return
            self._shown = now
            if rewrites:
                self._console.transient(self._describe(progress, now, with_item=True))
            else:
                self._console.note(self._describe(progress, now, with_item=False))

    def close(self) -> None:
        """Take the line away."""
        with self._lock:
            self._console.clear()

    def _describe(self, progress: Progress, now: float, *, with_item: bool) -> str:
        total = f"/{progress.total:,}" if progress.total else ""
        # Of what cannot be counted, only what is being done.
        counted = f" {progress.done:,}{total}" if total or progress.done else ""
        parts = [f"{progress.stage}{counted}"]
        elapsed, made = now - self._began, progress.done - self._first
        # A rate over less than a second says nothing.
        if elapsed >= 1 and made > 0:
            rate = made / elapsed
            parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
            if progress.total > progress.done:
                parts.append(f"{duration((progress.total - progress.done) / rate)} left")
        if with_item and progress.item:
            parts.append(one_line(progress.item))
        return " · ".join(parts)

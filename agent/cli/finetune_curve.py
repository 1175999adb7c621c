"""How far a training is, on stderr: one rewritten line with its curve, or a few sparse ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.cli.progress import REDRAW_SECONDS, SPARSE_SECONDS
from agent.cli.terminal import Console, terminal_width
from agent.plain_text import duration
from finetune.training import curve

if TYPE_CHECKING:
    from finetune.training.progress import Progress

_NAMES = {"sft": "learning", "dpo": "preferring", "classify": "classifying"}


class Drawing:
    """Give it to `train` as `progress`."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._losses: dict[str, list[float]] = {}
        self._valid: float | None = None
        self._shown = float("-inf")
        self._began, self._first, self._stage = clock(), 0, ""

    def __call__(self, progress: Progress) -> None:
        """Show a state, unless the last one is too fresh; measurements are always shown."""
        if progress.note:
            self._console.remark(progress.note)
            return
        now = self._clock()
        if progress.stage != self._stage:
            self._stage, self._began, self._first = progress.stage, now, progress.step
            self._valid = None
            if progress.step:
                self._console.note(f"Going on after step {progress.step} of {progress.steps}.")
        if progress.loss is not None:
            self._losses.setdefault(progress.stage, []).append(progress.loss)
        rewrites = self._console.shows_transient
        if progress.valid_loss is not None:
            self._valid = progress.valid_loss
            if not rewrites:
                self._shown = float("-inf")
        if now - self._shown < (REDRAW_SECONDS if rewrites else SPARSE_SECONDS):
            return
        self._shown = now
        if rewrites:
            self._console.transient(self._describe(progress, now, bars=20))
        else:
            self._console.note(self._describe(progress, now, bars=0))

    def close(self) -> None:
        """Take the line away."""
        self._console.clear()

    def show_curve(self) -> None:
        """The whole curve of every stage of this sitting, in lines."""
        width = min(60, terminal_width() - 12)
        for stage, losses in self._losses.items():
            if len(losses) > 1:
                self._console.note(f"Loss over {len(losses)} steps ({stage}):")
                for row in curve.text(losses, width=width):
                    self._console.note(row)

    def _describe(self, progress: Progress, now: float, *, bars: int) -> str:
        parts = [f"{_NAMES[progress.stage]} {progress.step:,}/{progress.steps:,}"]
        losses = self._losses.get(progress.stage, [])
        if losses:
            parts.append(f"loss {losses[-1]:.3f} {curve.sparkline(losses, bars)}".rstrip())
        if self._valid is not None:
            parts.append(f"held out {self._valid:.3f}")
        made, elapsed = progress.step - self._first, now - self._began
        if made > 0 and elapsed >= 1:
            parts.append(f"{duration((progress.steps - progress.step) / made * elapsed)} left")
        return " · ".join(parts)

"""How far a run of research is, counted from its steps. Knows no widget and no clock."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from agent.plain_text import duration, money, plural

if TYPE_CHECKING:
    from agent.research.types import Step

_LEAST = 0.05
"""The share of the whole before which nothing is said of the time that is left."""
_BAR = 12
"""Columns of the bar."""
_LINES = 200
"""Of what was done, the last ones are kept."""


class Tally:
    """What the steps so far come to."""

    def __init__(self) -> None:
        """Begin with none."""
        self.questions: dict[int, str] = {}
        """The sub-questions by their numbers."""
        self.read: dict[int, int] = {}
        """Pages read, by sub-question."""
        self.noted: dict[int, int] = {}
        """Sources of which notes were taken, by sub-question."""
        self.lines: deque[tuple[str, bool]] = deque(maxlen=_LINES)
        """What was done, the last at the end, and whether it is a warning."""
        self.share = 0.0
        """Of the whole, from 0 to 1; never less than before."""
        self._begun: tuple[float, float] | None = None
        """The share and the seconds with which the work began."""

    def add(self, step: Step, seconds: float) -> None:
        """Count a step.

        Args:
            step: What has just been done, or is begun.
            seconds: Of work, so far.
        """
        part = step.part
        self.share = max(self.share, step.share)
        if step.kind == "plan":
            self._begun = (self.share, seconds)
        if step.kind == "plan" and part is not None:
            self.questions[part] = step.text
            return
        if part is not None and step.kind in ("read", "note"):
            counted = self.read if step.kind == "read" else self.noted
            counted[part] = counted.get(part, 0) + 1
        told = {"read": "Read: ", "note": "Noted: ", "search": "Searched: "}.get(step.kind, "")
        self.lines.append((told + step.text, step.kind == "warning"))

    def found(self, part: int) -> str:
        """What there is for a sub-question, in a few words; empty before there is anything."""
        counted = {"read": self.read.get(part, 0), "noted": self.noted.get(part, 0)}
        return ", ".join(f"{count} {what}" for what, count in counted.items() if count)

    def line(
        self, *, pages: int, tokens: int, cost: float | None, seconds: float, bar: bool
    ) -> str:
        """How far it is, in a line.

        Args:
            pages: Read so far.
            tokens: Used so far.
            cost: US dollars so far; None where the price is not known.
            seconds: Of work so far.
            bar: Whether a bar is drawn.
        """
        share = int(self.share * 100)
        full = int(self.share * _BAR)
        told = [f"{share} %" + (f" {'━' * full}{'─' * (_BAR - full)}" if bar else "")]
        told += [plural(pages, "page"), plural(tokens, "token"), money(cost), duration(seconds)]
        if self._begun is not None:
            before, began = self._begun
            done = self.share - before
            if done > _LEAST and self.share < 1:
                told.append(f"{duration((seconds - began) * (1 - self.share) / done)} left")
        return (" · " if bar else ", ").join(told)

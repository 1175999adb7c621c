"""The steps of one answer as one-line cards that open. Holds and draws them; no widget itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from textual.strip import Strip

from agent.plain_text import plural
from agent.tui.rows import click, row, wrapped
from agent.tui.widgets.safe_text import one_line

if TYPE_CHECKING:
    from agent.tui.rows import Look

_KEPT = 200
"""Steps of an answer that are kept for showing."""
_DETAIL = 20
"""Rows of a card's detail that are shown."""
_LONGEST = 4_000
"""Characters of a result, or of a thought, that are kept for showing."""


@dataclass(slots=True)
class Step:
    """One card."""

    title: str
    kind: Literal["status", "thought", "tool"] = "status"
    state: Literal["running", "done", "failed"] = "done"
    asked: str = ""
    """A tool's arguments."""
    said: str = ""
    """A tool's result, or what was thought."""
    id: str = ""
    """The tool call's."""
    opened: bool = False

    @property
    def opens(self) -> bool:
        """Whether there is more to it than its line."""
        return bool(self.asked or self.said)


class Steps:
    """What an answer has gone through."""

    def __init__(self, owner: int) -> None:
        """Begin with none.

        Args:
            owner: The answer's key: a click runs `toggle_steps(owner)` or `toggle_step(owner, i)`.
        """
        self.all: list[Step] = []
        self.opened = False
        """Whether each has its card, or all together one line."""
        self._owner = owner

    def status(self, text: str) -> None:
        """A step that a person can read."""
        self._add(Step(one_line(text, 400)))

    def think(self, text: str) -> None:
        """A piece of visible reasoning; pieces that follow each other are one step."""
        if not self.all or self.all[-1].kind != "thought":
            self._add(Step("Thinking", "thought"))
        step = self.all[-1]
        step.said = (step.said + text)[:_LONGEST]

    def call(self, id: str, name: str, arguments: dict[str, Any]) -> None:
        """A tool is being called."""
        asked = json.dumps(arguments, ensure_ascii=False, default=str) if arguments else ""
        self._add(Step(one_line(name, 100), "tool", "running", asked[:_LONGEST], id=id))

    def result(self, id: str, text: str, ok: bool) -> None:
        """What a call came to."""
        for step in reversed(self.all):
            if step.kind == "tool" and step.id == id and step.state == "running":
                step.state = "done" if ok else "failed"
                step.said = text[:_LONGEST]
                return

    def end(self) -> None:
        """Nothing more will come: what is still running was stopped."""
        for step in self.all:
            if step.state == "running":
                step.state, step.said = "failed", "stopped"

    def cycle(self) -> None:
        """One line for all, then a card for each, then with all that is in them."""
        cards = [step for step in self.all if step.opens]
        if not self.opened:
            self.opened = True
        elif not all(step.opened for step in cards):
            for step in cards:
                step.opened = True
        else:
            self.opened = False
            for step in cards:
                step.opened = False

    def toggle(self, index: int) -> None:
        """Open a card, or close it."""
        if 0 <= index < len(self.all):
            self.all[index].opened = not self.all[index].opened

    def rows(self, look: Look, *, running: bool) -> list[Strip]:
        """One line for all, or a card for each.

        Args:
            look: How they are drawn.
            running: Whether more may come: then the one line tells the last step.
        """
        if not self.all:
            return []
        if not self.opened:
            return [self._closed(look, running)]
        found = [self._head(look, "▾", self._count())]
        for i, step in enumerate(self.all):
            found += self._card(step, i, look)
        return found

    def _closed(self, look: Look, running: bool) -> Strip:
        last = self.all[-1]
        if running:
            return self._head(look, "⋯", _line(last, look.words))
        return self._head(look, "▸", self._count())

    def _count(self) -> str:
        calls = sum(step.kind == "tool" for step in self.all)
        failed = sum(step.state == "failed" for step in self.all)
        parts = [plural(len(self.all), "step")]
        parts += [plural(calls, "tool call")] if calls else []
        parts += [f"{failed} failed"] if failed else []
        return ", ".join(parts)

    def _head(self, look: Look, sign: str, text: str) -> Strip:
        style = look.step + click(f"toggle_steps({self._owner})")
        return row((text if look.words else f"{sign} {text}", style), width=look.width)

    def _card(self, step: Step, index: int, look: Look) -> list[Strip]:
        sign = {"running": "⋯", "done": "✓", "failed": "✗"}[step.state]
        style = look.failed if step.state == "failed" else look.step
        fold = ("▾" if step.opened else "▸") if step.opens else " "
        card = f"{fold} {sign} {_line(step)}"
        if look.words:
            card = f"{'running: ' if step.state == 'running' else ''}{_line(step, words=True)}"
        style += click(f"toggle_step({self._owner}, {index})")
        found = [row(("  ", look.step), (card, style), width=look.width)]
        if step.opened:
            bar = "      " if look.words else "      │ "
            for name, text in (("arguments", step.asked), ("result", step.said)):
                if text:
                    label = "" if step.kind == "thought" else f"{name}: "
                    found += wrapped(
                        label + text, look.step, look.width, first=bar, rest=bar, limit=_DETAIL,
                    )  # fmt: skip
        return found

    def _add(self, step: Step) -> None:
        self.all = [*self.all, step][-_KEPT:]


def _line(step: Step, words: bool = False) -> str:
    """A step on its one line: a call with its arguments, and how it ended in words."""
    if step.kind == "thought":
        return f"Thinking: {one_line(step.said, 200)}"
    if step.kind == "status":
        return step.title
    called = f"{step.title} {one_line(step.asked, 120)}".rstrip()
    if step.state == "running":
        return called
    said = one_line(step.said, 160) or "nothing"
    failed = "failed: " if step.state == "failed" else ""
    return f"{failed}{called}{', result: ' if words else ' → '}{said}"

"""The one place where events become something to see: an ask's events, shown in an `Answer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from agent.events import (
    Citation,
    Done,
    Event,
    Failed,
    Revision,
    Status,
    Thought,
    Token,
    ToolCall,
    ToolResult,
    Usage,
)
from agent.plain_text import duration, money, one_line

if TYPE_CHECKING:
    from agent.tui.widgets.answer import Answer

_SHOWN = 160
"""Characters of a tool's result that are shown as a step."""


class Turn:
    """Shows one ask, and keeps what came of it."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.citations: list[Citation] = []
        self.state = ""
        """How it stands or has ended, in a line."""
        self._cost: float | None = 0.0
        self._tokens = self._cached = 0

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Token(text=text):
                self.answer.say(text)
            case Revision(text=text):
                self.answer.replace(text)
            case Status(text=text):
                self.state = one_line(text)
                self.answer.step(text)
            case Thought():
                self.state = "Thinking"
            case ToolCall(name=name, arguments=arguments):
                self.answer.step(f"{name} {arguments}")
            case ToolResult(text=text, ok=ok):
                self.answer.step(f"{'→' if ok else 'failed:'} {one_line(text)[:_SHOWN]}")
            case Citation():
                self.citations.append(event)
            case Usage():
                unknown = self._cost is None or event.cost is None
                self._cost = None if unknown else (self._cost or 0.0) + (event.cost or 0.0)
                self._tokens += event.input_tokens + event.output_tokens
                self._cached += event.cached_tokens
            case Done():
                self._end(event)
            case Failed(message=message, hint=hint):
                self.state = "failed"
                self.answer.fail(message, hint)
            case _:
                assert_never(event)

    def _end(self, done: Done) -> None:
        parts = [done.outcome, done.mode, done.model, duration(done.seconds)]
        if done.persona:
            parts.insert(3, done.persona)
        if self._tokens:
            parts.append(f"{self._tokens:,} tokens")
        if self._cached:
            parts.append(f"{self._cached:,} cached")
        parts.append(money(self._cost))
        self.state = " · ".join(filter(None, parts))
        numbers = {citation.n for citation in self.citations}
        self.answer.end(
            self.state, " ".join(filter(None, [done.note, done.route])), numbers=numbers
        )

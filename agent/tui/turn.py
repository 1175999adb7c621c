"""The one place where events become something to see: an ask's events, shown in an `Answer`."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    from agent.transcripts import StoredTurn
    from agent.tui.widgets.answer import Answer


@dataclass(frozen=True, slots=True)
class Standing:
    """How the conversation stands: what the status line tells."""

    state: str = ""
    """In words; empty while nothing has happened."""
    running: bool = False
    """Whether something is going on: then the status line counts the seconds itself."""
    mode: str = ""
    """The mode that answers, or is chosen."""
    route: str = ""
    """Why this mode, where a router chose."""
    model: str = ""
    persona: str = ""
    input_tokens: int = 0
    """Of this ask, as the next two."""
    output_tokens: int = 0
    cached_tokens: int = 0
    """The part of `input_tokens` that was read from a cache."""
    saved: float | None = 0.0
    """US dollars that the cache saved; None where the price is unknown."""
    cost: float | None = 0.0
    """US dollars; None where the price is unknown."""
    seconds: float = 0.0
    """That the ask took, once it has ended."""
    context_used: int = 0
    """Tokens of the model's window that the last call filled."""
    context_window: int | None = None
    """Tokens that fit; None where nobody knows."""
    queued: int = 0
    """Questions that wait."""


class Turn:
    """Shows one ask, and keeps how it stands."""

    def __init__(self, answer: Answer, standing: Standing | None = None) -> None:
        """Begin with an answer that has nothing yet.

        Args:
            answer: What the events are shown in.
            standing: Mode, model, persona and window as they are before the first event.
        """
        self.answer = answer
        self.standing = replace(
            standing or Standing(), state="Asking", running=True, route="", seconds=0.0, cost=0.0,
            saved=0.0, input_tokens=0, output_tokens=0, cached_tokens=0,
        )  # fmt: skip

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Token(text=text):
                if self.standing.state != "Answering":
                    self.tell("Answering")
                self.answer.say(text)
            case Revision(before=before, text=text):
                self.answer.revise(before, text)
            case Status(text=text, stage=stage):
                if stage == "route":
                    mode, _, why = one_line(text).partition(": ")
                    self.standing = replace(self.standing, mode=mode, route=why)
                self.tell(one_line(text))
                self.answer.steps.status(text)
                if stage == "record":
                    self.answer.note(one_line(text))
                self.answer.touch()
            case Thought(text=text):
                self.tell("Thinking")
                self.answer.steps.think(text)
                self.answer.touch()
            case ToolCall(id=id, name=name, arguments=arguments):
                self.tell(f"Calling {one_line(name)}")
                self.answer.steps.call(id, name, arguments)
                self.answer.touch()
            case ToolResult(id=id, text=text, ok=ok):
                self.answer.steps.result(id, text, ok)
                self.answer.touch()
            case Citation():
                self.answer.cite(event)
            case Usage():
                self._add(event)
            case Done():
                self._end(event)
            case Failed(message=message, hint=hint):
                self.standing = replace(self.standing, state="failed", running=False)
                self.answer.fail(message, hint)
            case _:
                assert_never(event)

    def tell(self, state: str) -> None:
        """Say how it stands, as when it is being stopped."""
        if state != self.standing.state:
            self.standing = replace(self.standing, state=state)

    def leave(self) -> None:
        """The ask was left before its end: what there is of the answer stays."""
        if not self.answer.done:
            self.standing = replace(self.standing, state="stopped", running=False)
            self.answer.interrupt()

    def _add(self, usage: Usage) -> None:
        old = self.standing
        self.standing = replace(
            old,
            input_tokens=old.input_tokens + usage.input_tokens,
            output_tokens=old.output_tokens + usage.output_tokens,
            cached_tokens=old.cached_tokens + usage.cached_tokens,
            cost=_sum(old.cost, usage.cost),
            saved=_sum(old.saved, usage.saved),
            context_used=usage.input_tokens + usage.output_tokens,
        )

    def _end(self, done: Done) -> None:
        self.standing = standing = replace(
            self.standing, state=done.outcome, running=False, mode=done.mode, model=done.model,
            route=one_line(done.route).partition(": ")[2] or self.standing.route,
            persona=done.persona, seconds=done.seconds,
        )  # fmt: skip
        parts = [done.outcome, done.mode, done.model, done.persona, duration(done.seconds)]
        if tokens := standing.input_tokens + standing.output_tokens:
            parts.append(f"{tokens:,} tokens")
        if standing.cached_tokens:
            parts.append(f"{standing.cached_tokens:,} cached")
        parts.append(money(standing.cost))
        summary = " · ".join(one_line(part) for part in parts if part)
        self.answer.end(done.text, summary, notes=[done.note])


def replay(turn: StoredTurn, answer: Answer) -> None:
    """Show a stored turn as it was when it ended."""
    shown = Turn(answer)
    for event in turn.events:
        shown.show(event)
    shown.leave()


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b

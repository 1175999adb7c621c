"""What is said to a model and what it says back. Stdlib only; no provider's shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from knowledge.types import Passage

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it."""

    name: str
    description: str
    parameters: dict[str, Any]
    """A JSON Schema of an object."""


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A model's wish to have a tool called."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a message's prose renders, for models that read structure rather than prose."""

    question: str
    passages: tuple[Passage, ...]
    """In the order of their citation numbers: `passages[0]` is `[1]`."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: str
    tool_requests: tuple[ToolRequest, ...] = ()
    """For `assistant`: the tools it wants called."""
    tool_id: str = ""
    """For `tool`: the request that this answers."""
    evidence: Evidence | None = field(default=None, compare=False)
    prefix: str = ""
    """What stands before `content`, the same to the byte from question to question; whoever can
    keep what it has read of a prompt may keep all up to here. At most one message has one."""

    @property
    def whole(self) -> str:
        """All of its text, in order."""
        return self.prefix + self.content


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ThoughtDelta:
    """A piece of a reasoning model's visible reasoning; never part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """What one call to a model cost. Sent once, last."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """The share of `input_tokens` that the provider read from its cache."""
    cost: float | None = 0.0
    """In US dollars; None where the price is unknown."""
    saved: float | None = 0.0
    """By how much the provider's cache made it cheaper, in US dollars, less what was paid to write
    to that cache: negative where only that was done. None where the price is unknown."""
    finish: Literal["stop", "length", "tools"] = "stop"
    """`length`: the answer was cut at the token limit."""
    model: str = ""
    """Who has answered, where that is another than was asked."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a model's tokens cost, in US dollars each."""

    input: float = 0.0
    output: float = 0.0
    cached: float = 0.0
    """A token of the prompt that was read from the provider's cache."""
    written: float = 0.0
    """A token of the prompt that was written to the provider's cache."""
    source: str = ""
    """Where the figures are from, in words for the user."""


FREE = Price(source="it runs on this machine")


Delta = TextDelta | ThoughtDelta | ToolRequest | ModelUsage

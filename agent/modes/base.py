"""What a mode is: a turn in, events out."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from agent.budget import Budget

if TYPE_CHECKING:
    from agent.connections import Connections
    from agent.events import Event
    from agent.messages import Message
    from agent.models.base import ChatModel
    from knowledge.library import Filters, Library
    from knowledge.types import Document


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what it may be answered with."""

    question: str
    library: Library
    model: ChatModel
    history: tuple[Message, ...] = ()
    """Earlier user and assistant messages, oldest first."""
    context: str = ""
    """Text that the user handed in with the question (standard input); data, not orders."""
    filters: Filters | None = None
    passages: int = 8
    """How many passages to retrieve."""
    max_tokens: int | None = None
    """The longest answer that is asked of the model, in its tokens."""
    budget: Budget = field(default_factory=Budget)
    """What the ask may use. `model` keeps to it of itself; other work is awaited `within` it."""
    quoter: ChatModel | None = None
    """Quotes what was found where `model` had no chance to say anything; under no budget."""
    connections: Connections | None = None
    """The tools of others that a model may call; None for no such tools."""
    held: dict[str, Document] = field(default_factory=dict)
    """By id, what this ask has come by outside the library: tools' results, which can be cited."""


class Mode(Protocol):
    """A way to answer."""

    @property
    def name(self) -> str:
        """As `--mode` names it."""

    def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Answer one turn; see `agent.events` for the contract. Raises on failure."""

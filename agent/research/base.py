"""What the stages of research are to `run`: small protocols, what they share, how they fail.

A stage knows no journal and no budget. It is given the model that it may ask: one that keeps to the
budget of its stage, and whose finished calls are remembered, so that a resumed run that puts the
same messages to it gets the same answer for nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from agent.budget import Limits
from agent.errors import AgentError

if TYPE_CHECKING:
    from agent.models.base import ChatModel
    from agent.research.types import Conflict, Gap, Hit, Note, Part, Plan, Section, Source


class NotRead(AgentError):
    """A hit could not be read; `str(error)` is why, as a few words or a sentence."""


class PartlyFound(AgentError):
    """One of several places could not be searched; `str(error)` is which and why, as a sentence."""

    def __init__(self, message: str, hits: Sequence[Hit], *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.hits = hits
        """What the others gave."""


@dataclass(frozen=True, slots=True)
class Options:
    """How wide and how deep to look. Kept with the run, so that resuming needs no options."""

    web: bool = True
    library: bool = True
    named: str = ""
    """The library, where it is not the one that the settings name."""
    offline: bool = False
    breadth: int = 4
    """Sub-questions at most."""
    depth: int = 2
    """Rounds of searching at most."""
    pages: int = 4
    """To be read for each sub-question and round, at most; as many again are tried where some are
    dead, walled, or copies."""
    domains: tuple[str, ...] = ()
    """Hosts, with those below them, that web pages may come from; empty for all."""
    since: str = ""
    """ISO 8601: the earliest date of a page; empty for any. One without a date is not left out."""
    limits: Limits = Limits()  # noqa: RUF009 - it is frozen
    """Of the whole run, over all the times that it is resumed."""


class Gather(Protocol):
    """Where sources are found and read."""

    async def search(self, part: Part, query: str) -> list[Hit]:
        """What one query finds for a sub-question, the best first.

        Raises:
            PartlyFound: One of several places cannot be searched; it has the hits of the others.
            AgentError, KnowledgeError: It cannot be searched.
        """

    async def read(self, hit: Hit) -> tuple[Source, str]:
        """The source, without `id`, and its whole text.

        Raises:
            NotRead: It cannot be read, or says nothing.
            AgentError, KnowledgeError: Likewise.
        """

    async def aclose(self) -> None:
        """Let go of servers and connections."""


class Choose(Protocol):
    """Which hits are worth reading. Knows the domains and dates that were asked for."""

    def best(self, ranked: Sequence[Sequence[Hit]], seen: Collection[str], limit: int) -> list[Hit]:
        """The hits of several queries fused: one a page, hosts taking turns.

        Args:
            ranked: A list of hits for each query, each the best first.
            seen: URLs that were read already, or could not be.
            limit: Of hits.
        """

    def copy_of(self, text: str, read: Sequence[tuple[Source, str]]) -> Source | None:
        """The source, of those read before, that says nearly the same; None for none."""


class TakeNotes(Protocol):
    """What a source says about a sub-question."""

    async def take(self, part: Part, source: Source, text: str, model: ChatModel) -> list[Note]:
        """Notes with `n` 0, whose quotes stand in the text letter for letter; the best first.

        Raises:
            BudgetSpent: The model's budget ended.
            ModelError: The model failed.
        """


class Reflect(Protocol):
    """What the notes leave open, and what they disagree on."""

    async def reflect(
        self, plan: Plan, notes: Sequence[Note], sources: Sequence[Source], model: ChatModel
    ) -> tuple[list[Gap], list[Conflict]]:
        """The parts that are not answered yet, and the pairs of notes that contradict each other.

        Raises:
            BudgetSpent: The model's budget ended.
            ModelError: The model failed.
        """


@dataclass(frozen=True, slots=True)
class Material:
    """What a report is written from."""

    plan: Plan
    notes: tuple[Note, ...]
    sources: tuple[Source, ...]
    conflicts: tuple[Conflict, ...]
    gaps: tuple[Gap, ...]


class Write(Protocol):
    """Notes to sections."""

    async def write(self, material: Material, model: ChatModel) -> list[Section]:
        """The sections of the report, each sentence with the notes that it says it stands on.

        Raises:
            BudgetSpent: The model's budget ended before anything was written.
            ModelError: The model failed.
        """


@dataclass(frozen=True, slots=True)
class Verified:
    """Sections whose every sentence was held against its spans."""

    sections: tuple[Section, ...]
    dropped: int
    marked: int


class Verify(Protocol):
    """Sections to sections that hold."""

    async def verify(
        self,
        sections: Sequence[Section],
        notes: Sequence[Note],
        texts: Mapping[str, str],
        titles: Mapping[str, str],
    ) -> Verified:
        """Check each cited sentence against its notes' spans.

        Args:
            sections: As written.
            notes: All of the run.
            texts: The stored text of each source that a note stands on, by `Source.id`.
            titles: Of the sources likewise; what their sentences take for granted.
        """


@dataclass(frozen=True, slots=True)
class Hands:
    """The three stages that a model may be asked in."""

    notes: TakeNotes
    reflect: Reflect
    write: Write


@dataclass(frozen=True, slots=True)
class Stages:
    """Who does what."""

    choose: Choose
    verify: Verify
    hands: Hands
    spare: Hands
    """They ask no model and cost nothing: they take over where the budget has ended, or the model
    says nothing that can be used. The same as `hands` with the embedded model."""

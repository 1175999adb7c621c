"""A plan of research while its user changes it: sub-questions and queries, with an undo.

Knows no widget. What is typed for a sub-question is read as `agent.research.plan_text` reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.errors import UsageError
from agent.research.plan import QUERIES, queries
from agent.research.plan_text import from_text
from agent.research.types import Part, Plan


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a plan something stands."""

    part: int
    """Index of a sub-question."""
    query: int | None = None
    """Index of one of its queries; None for the sub-question itself."""


class Draft:
    """The plan as it is now."""

    def __init__(self, plan: Plan) -> None:
        """Begin with the plan as it was made."""
        self._made = plan
        self._parts = plan.parts
        self._before: list[tuple[Part, ...]] = []

    @property
    def parts(self) -> Sequence[Part]:
        """The sub-questions, numbered from 1."""
        return self._parts

    @property
    def plan(self) -> Plan:
        """What is to be researched; its estimate is that of the plan as it was made."""
        return replace(self._made, parts=self._parts)

    @property
    def changed(self) -> bool:
        """Whether there is something to undo."""
        return bool(self._before)

    def text(self, place: Place) -> str:
        """What stands at a place, as it is edited."""
        part = self._parts[place.part]
        return part.question if place.query is None else part.queries[place.query]

    def __contains__(self, place: Place) -> bool:
        """Whether something stands there."""
        if place.part >= len(self._parts):
            return False
        return place.query is None or place.query < len(self._parts[place.part].queries)

    def edit(self, place: Place, text: str) -> Place:
        """Put another text at a place, which is returned.

        A sub-question whose queries were made of its own words gets those of its new ones.

        Raises:
            UsageError: There is no text.
        """
        part, text = self._parts[place.part], self._typed(text)
        if place.query is not None:
            asked = list(part.queries)
            asked[place.query] = text
            self._exchange(place.part, replace(part, queries=tuple(asked)))
            return place
        new = self._read(text)
        asked_for = part.queries
        for whole in ("", self._made.question):
            if part.queries == queries(part.question, whole):
                asked_for = queries(new.question, whole)
        wanted = new.answered_by if text.endswith(")") else part.answered_by
        self._exchange(place.part, Part(part.n, new.question, wanted, asked_for))
        return place

    def add_part(self, text: str) -> Place:
        """Add a sub-question at the end; where it stands is returned.

        Raises:
            UsageError: There is no text.
        """
        new = self._read(self._typed(text))
        self._put((*self._parts, new))
        return Place(len(self._parts) - 1)

    def add_query(self, part: int, text: str) -> Place:
        """Add a query to a sub-question; where it stands is returned.

        Raises:
            UsageError: There is no text, or the sub-question has as many as it may.
        """
        text, old = self._typed(text), self._parts[part]
        if len(old.queries) >= QUERIES:
            raise UsageError(f"A sub-question has at most {QUERIES} queries: change one of them.")
        self._exchange(part, replace(old, queries=(*old.queries, text)))
        return Place(part, len(old.queries))

    def remove(self, place: Place) -> None:
        """Take out what stands at a place.

        Raises:
            UsageError: Nothing would be left to search for.
        """
        part = self._parts[place.part]
        if place.query is None:
            if len(self._parts) == 1:
                raise UsageError("This is the last sub-question: change it, or leave with Esc.")
            return self._put(self._parts[: place.part] + self._parts[place.part + 1 :])
        if len(part.queries) == 1:
            raise UsageError("This is the only query: change it, or take out the sub-question.")
        kept = part.queries[: place.query] + part.queries[place.query + 1 :]
        return self._exchange(place.part, replace(part, queries=kept))

    def undo(self) -> None:
        """Take back the last change, if there was one."""
        if self._before:
            self._parts = self._before.pop()

    def _read(self, text: str) -> Part:
        # The number makes it a sub-question, whatever it begins with.
        return from_text(f"1. {text}", self._made).parts[0]

    def _typed(self, text: str) -> str:
        text = " ".join(text.split())
        if not text:
            raise UsageError("Nothing was typed.", hint="d takes out what is not wanted.")
        return text

    def _exchange(self, index: int, part: Part) -> None:
        self._put((*self._parts[:index], part, *self._parts[index + 1 :]))

    def _put(self, parts: Sequence[Part]) -> None:
        self._before.append(self._parts)
        self._parts = tuple(replace(part, n=n) for n, part in enumerate(parts, start=1))

"""What stands between the readers and the set on disk: examples, and what is told of the others.

Stdlib only. Nothing here knows a file format.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Message = dict[str, Any]
"""`{"role": "system" | "user" | "assistant" | "tool", "content": text}`; with `"weight": 0`, as
OpenAI writes it, an answer that is read and not trained."""

Kind = Literal["chat", "preference", "classify"]
"""What a set trains: answers, a preference between two answers, or labels."""

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")

MAX_ROW = 16 << 20
"""Characters of one row; a longer one is refused, so that no row can fill the memory."""


class BadRow(Exception):
    """A row that cannot be used; `str(error)` is the reason, without its place."""


class NotUsed(BadRow):
    """A row that is in order, and of which nothing is learnt."""


@dataclass(frozen=True, slots=True)
class Example:
    """One row of a set to be, with what is needed to compare it with others."""

    row: dict[str, Any]
    """As it will be written: `{"messages"}`, `{"prompt", "chosen", "rejected"}` or
    `{"text", "label"}`."""
    asked: tuple[str, ...] = ()
    """The parts of the prompt, apart: question and context are compared each with its like, so
    that a long context shared by many questions makes no duplicates of them."""
    answer: str = ""
    group: str = ""
    """Examples of one group are made of one text: they stay in one split, and are never joined."""
    line: int = 0
    """Where it begins in its source, from 1."""
    repairs: tuple[str, ...] = ()
    """What was changed to make it usable, each a few words."""
    unit: str = ""
    """The text by which it is dealt to a split, the same in sets of any kind; empty for the
    question."""
    binds: bool = True
    """False for a version that a model has written: it goes where its group goes and binds nothing
    to it, so that a set holds the same out whatever has been written for it."""
    used: bool = True
    """False for one that gives no row of this set, and is dealt to a split like all others: what
    is near it goes where it goes in a set of another kind."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something told of one row of a source."""

    source: str
    line: int
    what: Literal["broken", "duplicate", "leak", "pii", "repaired", "left out"]
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)
    """The row that it repeats, as `source` and `line`; or the kinds of personal data."""

    def to_json(self) -> dict[str, Any]:
        """As it stands in the report."""
        head = {"source": self.source, "line": self.line, "what": self.what, "reason": self.reason}
        return head | self.detail


def kind_of(row: dict[str, Any]) -> Kind:
    """What a written row trains."""
    if "messages" in row:
        return "chat"
    return "preference" if "chosen" in row else "classify"

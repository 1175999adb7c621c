"""What a sync tells while it works and when it has ended. Stdlib only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Problem(NamedTuple):
    """A source and what is wrong with it, in words for the user."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sync has come."""

    stage: Literal["scan", "read", "embed", "index"]
    done: int
    total: int
    item: str = ""
    """What is being worked on, as a person may read it."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did."""

    added: int = 0
    changed: int = 0
    moved: int = 0
    """Sources whose text stood under another name, which is gone."""
    removed: int = 0
    unchanged: int = 0
    chunks: int = 0
    """Chunks that were split and stored anew."""
    failed: tuple[Problem, ...] = ()
    """Sources that could not be read, or asked for and not found."""
    warned: tuple[Problem, ...] = ()
    """Sources that were read with a loss."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    note: str = ""
    """What the user should know about the whole (searched by words only, and why)."""


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """A library in figures."""

    root: str
    documents: int
    sources: int
    failed: int
    chunks: int
    embedded: int
    """Documents that have vectors."""
    embedder: str
    """Whose vectors they are; empty where there are none."""
    size_bytes: int

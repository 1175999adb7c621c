"""What a check tells: findings with their lines and remedies, figures, and rows to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from finetune.recipe import Recipe

Level = Literal["error", "warning", "hint"]
"""`error`: the training fails, or teaches what nobody wants. `warning`: it may. `hint`: to know."""

PLACES = 20
"""Places that a finding names; it counts the others."""

Tell = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much (0: not known)."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file."""

    file: str
    """A file of the set, or `recipe`, or the base's."""
    line: int = 0
    """From 1; 0 for the file as a whole."""

    def __str__(self) -> str:
        """`train.jsonl:12`."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, wherever it occurs."""

    level: Level
    code: str
    """Its name, of small letters and hyphens: it stays the same between versions."""
    message: str
    """What happens, and why: one or two sentences."""
    where: tuple[Place, ...] = ()
    """The first places in order, at most `PLACES`."""
    count: int = 1
    """Places in all."""
    fix: str = ""
    """What to type or to change."""
    mendable: bool = False
    """Whether `fix=True` can mend it in a copy."""
    fixed: bool = False
    """Whether it was mended: the copy that was written no longer has it."""

    def at(self, places: Iterable[Place]) -> Finding:
        """The same, found at these places, at least one."""
        ordered = sorted(places)
        return replace(self, where=tuple(ordered[:PLACES]), count=len(ordered))


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of tokens of a row that are alike."""

    text: str
    loss: bool
    """Whether the model is trained to say them."""
    cut: bool = False
    """Whether they are beyond `max_length`, and the trainer never sees them."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One row as the model will see it."""

    place: Place
    pieces: tuple[Piece, ...]
    tokens: int
    trained: int
    """Tokens with loss, within `max_length`."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the recipe takes on this machine, to within a third; the time within a factor of two."""

    device: str
    memory: int
    """Bytes that the device has."""
    need: int
    """Bytes at the peak of a step."""
    steps: int
    seconds: float
    disk: int
    """Bytes that checkpoints and result take in the run's folder."""
    disk_free: int
    """Bytes that are free where the data set is."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a check came to."""

    findings: tuple[Finding, ...]
    """Errors first."""
    counts: dict[str, int]
    """Rows by split; all of them were looked at."""
    tokenized: int
    """Rows of them that were tokenized as well: all, or the longest and a sample."""
    tokens: int
    """Of the training rows, within `max_length`: an estimate where not all were tokenized."""
    trained: int
    """Of these, tokens with loss."""
    longest: int
    """Tokens of the longest row, uncut."""
    estimate: Estimate | None
    """None where the base does not tell its shape."""
    shown: tuple[Shown, ...]
    recipe: Recipe
    """The recipe, mended where something of it was."""
    data_folder: Path
    """The set, or the mended copy of it."""
    left_out: int = 0
    """Rows that the mended copies do not have; each copy's `refused.jsonl` lists them."""
    preferences: Path | None = None
    """Likewise, where there is one."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Errors that are still there."""
        return tuple(one for one in self.findings if one.level == "error" and not one.fixed)

    def to_json(self) -> dict[str, Any]:
        """As `agent finetune check --json` prints it."""
        from dataclasses import asdict

        whole = asdict(self)
        whole["findings"] = [
            {**asdict(one), "where": [str(place) for place in one.where]} for one in self.findings
        ]
        whole["shown"] = [{**asdict(one), "place": str(one.place)} for one in self.shown]
        whole["data_folder"] = str(self.data_folder)
        whole["preferences"] = str(self.preferences) if self.preferences else None
        return whole | {"errors": len(self.errors)}


_ORDER: dict[Level, int] = {"error": 0, "warning": 1, "hint": 2}


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors first, then warnings, then hints; else in the order in which they came."""
    return tuple(sorted(findings, key=lambda one: _ORDER[one.level]))

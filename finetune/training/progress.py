"""What a run tells of itself while it goes on, and what is left of it at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Stage = Literal["sft", "dpo", "classify"]
"""`sft` learns answers, `dpo` preferences after it, `classify` labels."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One report, after a step, after a measurement, or of something to know (`note`)."""

    stage: Stage
    """Which part of the run."""
    step: int = 0
    """Steps done."""
    steps: int = 0
    """Steps in all; 0 where that is not yet known."""
    epoch: float = 0.0
    """Passes over the rows, as far as they are done."""
    loss: float | None = None
    """The mean loss of the last step's trained tokens."""
    valid_loss: float | None = None
    """The mean loss on the validation rows, where it has just been measured."""
    note: str = ""
    """A sentence for a person."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to."""

    folder: Path
    """The run's folder."""
    weights: Path | None
    """`adapter/` or `model/` within it; None where the run was interrupted."""
    steps: int
    """Steps of the last stage."""
    train_loss: float | None
    """The last step's loss."""
    valid_loss: float | None
    """The loss of the kept weights on the validation rows; None where there are none."""
    seconds: float
    """Of all sittings."""
    interrupted: bool = False
    """Whether it was stopped in order, and can be resumed."""


Listener = Callable[[Progress], None]
"""Called in the thread that trains; what it raises ends the run."""

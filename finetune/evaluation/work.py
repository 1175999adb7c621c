"""What is to be measured, and by what: loaded and checked, before any model is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.data.folder import DataSet
from finetune.evaluation.facts import CheckFacts
from finetune.recipe import Recipe

Tell = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Work:
    """One evaluation to do."""

    recipe: Recipe
    """The run's."""
    trained: Path
    """Its `adapter/` or `model/`."""
    data: DataSet
    """With held-out rows, of the recipe's task."""
    plain: DataSet | None
    """For forgetting."""
    sentences: list[str]
    """Grounded ones, to be restyled."""
    samples: int
    """Questions that both models answer, at most."""
    instruction: str
    """How the set of the training handed a text to the voice; empty for the built-in words."""
    system: str
    """What its rows were told first; empty for nothing."""
    check: CheckFacts | None
    """None to leave facts out."""
    tell: Tell

    @property
    def held_out(self) -> tuple[str, list[dict[str, Any]]]:
        """The rows that nothing was trained on, and where they are from."""
        return ("test", self.data.test) if self.data.test else ("valid", self.data.valid)

"""What can go wrong in the room, as a tree.

FinetuneError        every error that a user may see; carries a hint: what to type next
├── SourceError      a source cannot be read, or nobody can tell what is in it
├── SetError         a folder is no data set, or no longer what its manifest says
├── OutOfBudget      a model that writes for us may be asked no more; what it wrote is kept
├── RecipeError      a recipe cannot be read, or contradicts itself (`recipe`)
├── RunError         a folder is no run, or not one that can go on (`training.runs`)
├── HubError         the model hub has no such base, or cannot be asked (`training.hub`)
├── BaseError        the base cannot be loaded, or does not suit the recipe (`training.weights`)
├── TemplateError    a chat template does not tell what is trained (`training.prefixes`)
├── RoundingError    the training cannot round as the recipe wants it (`training.rounding`)
├── UnslothError     unsloth is wanted and cannot be had (`training.unsloth_weights`)
├── OutOfMemory      the device's memory does not suffice (`training.memory`)
├── DiskFull         the disk's room does not suffice (`training.memory`)
├── Diverged         the loss is no number any more (`training.watch`)
└── ExportError      a run cannot be exported, or its export answers otherwise (`export.source`)

Those with a module behind them are defined there.
"""

from __future__ import annotations


class FinetuneError(Exception):
    """The root. `str(error)` says what happened and why; `hint` what to type next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class SourceError(FinetuneError):
    """A source cannot be read, or its format is not known."""


class SetError(FinetuneError):
    """A folder is no data set, or has changed since it was written."""


class OutOfBudget(FinetuneError):
    """No more may be spent. An `ask` raises it; the work ends in order with what there is."""

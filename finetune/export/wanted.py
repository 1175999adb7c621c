"""What may be asked of an export, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.export import gguf
from finetune.export.answers import Agreement
from finetune.export.source import ExportError, Source

KINDS = ("adapter", "merged", "gguf", "gguf-adapter")
"""What can be written: the adapter as PEFT has it; whole weights; whole weights in one GGUF file;
and the base in one with the adapter in another, which llama.cpp puts together."""
QUANTIZATIONS = tuple(gguf.FORMS)
"""Forms of a GGUF file."""

Tell = Callable[[str], None]
"""Told what is being done."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is wanted."""

    kinds: tuple[str, ...] = ()
    """Of `KINDS`; none for the adapter, or for the merged weights where all were trained."""
    quantizations: tuple[str, ...] = ("f16",)
    """Of `QUANTIZATIONS`, for each GGUF kind."""
    name: str = ""
    """What the voice is called; empty for the name of the run's folder."""
    system: str = ""
    """What Ollama's model is told first; empty for what the voice was told in its training."""
    converter: Path | None = None
    """llama.cpp's `convert_hf_to_gguf.py`; None for our own writer where it knows the model, else
    for one on the PATH."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was written."""

    kind: str
    """Of `KINDS`."""
    path: Path
    """A folder or a file."""
    size: int
    """Its bytes."""
    agreement: Agreement
    """How it answered when it was loaded."""
    required: float
    """The share of tokens that had to agree."""
    form: str = ""
    """Of `QUANTIZATIONS`, of a GGUF file."""
    base: Path | None = None
    """The GGUF file under an adapter in GGUF."""

    def to_json(self) -> dict[str, Any]:
        """For a file, or for a program that asked; paths as names in the export's folder."""
        return {
            "kind": self.kind,
            "form": self.form or None,
            "file": self.path.name,
            "base": self.base.name if self.base else None,
            "bytes": self.size,
            "tokens": self.agreement.tokens,
            "same": self.agreement.same,
            "ties": self.agreement.ties,
            "required": self.required,
            "logits_within": self.agreement.error,
        }


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of it."""

    folder: Path
    """Where everything is."""
    items: tuple[Item, ...]
    """What was written, in the order of `KINDS`."""
    card: Path
    """A persona's card that speaks with one of them: with an adapter, where there is one."""
    modelfile: Path | None
    """Ollama's, where there is a GGUF file."""
    commands: tuple[str, ...]
    """What to type to serve them."""
    notes: tuple[str, ...]
    """What could not be had, and why."""


def kinds(source: Source, options: Options) -> tuple[str, ...]:
    """What to write, in the order of `KINDS`.

    Raises:
        ExportError: Something is asked for that does not exist, or not of this run.
    """
    wanted = options.kinds or (("adapter",) if source.adapter else ("merged",))
    for given, known in ((wanted, KINDS), (options.quantizations, QUANTIZATIONS)):
        if unknown := [one for one in given if one not in known]:
            raise ExportError(f"There is no {unknown[0]}.", hint=f"There are: {', '.join(known)}")
    if source.adapter is None and (wrong := [one for one in wanted if "adapter" in one]):
        raise ExportError(
            f"The run trained all weights, so there is no {wrong[0]}.",
            hint="--kind merged, or --kind gguf",
        )
    return tuple(kind for kind in KINDS if kind in wanted)

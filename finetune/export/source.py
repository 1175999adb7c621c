"""What there is to export: a finished run's weights, the base under them, and what they answer to.

It reads files and loads no model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.errors import FinetuneError
from finetune.recipe import Recipe
from finetune.training import hub, pins

Messages = Sequence[Mapping[str, str]]
"""A conversation: mappings of `role` and `content`."""

_PROMPTS = 8
_BUILT_IN: tuple[Messages, ...] = tuple(
    ({"role": "user", "content": text},)
    for text in (
        "Who are you?",
        "Say in one sentence what a library is.",
        'What is meant by the word "friend"?',
        "Say this in your own voice: The ship left on Monday with 12 men.",
    )
)


class ExportError(FinetuneError):
    """A run cannot be exported, or what was written does not answer as it should."""


@dataclass(frozen=True, slots=True)
class Source:
    """A run's result."""

    run: Path
    """Its folder."""
    recipe: Recipe
    """Its recipe."""
    weights: Path
    """The folder `adapter` or `model`; the tokenizer is in it, too."""
    base: Path
    """The folder of the weights under the adapter; `weights` itself where all were trained."""
    config: Mapping[str, Any]
    """The `config.json` of `base`."""
    prompts: tuple[Messages, ...]
    """What every export is asked."""
    note: str
    """Why they are not of the run's own set, as a sentence; empty where they are."""
    instruction: str
    """How that set hands a text to the voice, with `{text}`; empty for the built-in words."""
    system: str
    """What its rows were told first; empty for nothing."""

    @property
    def adapter(self) -> Path | None:
        """The adapter's folder; None where all weights were trained."""
        return self.weights if self.recipe.adapter else None

    @property
    def size(self) -> int:
        """Bytes of the base's weights."""
        return sum(file.stat().st_size for file in self.base.glob("*.safetensors"))

    @property
    def dtype(self) -> str:
        """What the base's weights are stored in, as torch calls it."""
        named = self.config.get("dtype") or self.config.get("torch_dtype") or "float32"
        return str(named).removeprefix("torch.")

    @property
    def width(self) -> int:
        """Bytes of one of them."""
        return 4 if self.dtype == "float32" else 2

    @property
    def count(self) -> int:
        """How many they are, by their files."""
        return self.size // self.width


def find(run: Path) -> Source:
    """Look at a run, and at the base that it names.

    Raises:
        RunError: The folder is no run, it is not finished, or its base has changed or is gone.
        ExportError: It is a classifier's, or the base is not on this machine.
    """
    record, recipe, weights = pins.finished(run)
    if recipe.task != "chat":
        raise ExportError(
            "A classifier has no answers to export.", hint=f"Load it with transformers: {weights}"
        )
    base = weights
    if recipe.adapter:
        pins.hold_base(record, recipe)
        base = _base(recipe)
    prompts, note = _prompts(Path(record.data), record.data_digest)
    return Source(
        run=run,
        recipe=recipe,
        weights=weights,
        base=base,
        config=_config(base),
        prompts=prompts,
        note=note,
        instruction=record.instruction,
        system=record.system,
    )


def _base(recipe: Recipe) -> Path:
    found = hub.folder(recipe.base, recipe.revision)
    if found is None:
        raise ExportError(
            f"The base {recipe.base} is not on this machine.",
            hint="Put it back where it was, or name it anew in the run's recipe.toml.",
        )
    return found


def _config(base: Path) -> Mapping[str, Any]:
    try:
        found = json.loads((base / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(
            f"{base / 'config.json'} cannot be read.", hint="Put back the whole base."
        ) from error
    if not isinstance(found, dict) or not any(base.glob("*.safetensors")):
        raise ExportError(f"{base} holds no safetensors.", hint="Put back the whole base.")
    return found


def _prompts(folder: Path, digest: str) -> tuple[tuple[Messages, ...], str]:
    """The beginnings of the set's rows, held-out ones first; general questions, and why.

    Args:
        folder: Where the set was.
        digest: Of the rows that were trained on.
    """
    from finetune.data import load

    general = "general questions were asked. To ask its own, make it again from the same sources"
    try:
        data = load(folder)
    except FinetuneError:
        return _BUILT_IN, f"The run's data set {folder} is gone, so {general}."
    if data.digest != digest:
        return _BUILT_IN, f"{folder} is not the set that was trained on any more, so {general}."
    found = []
    for row in [*data.test, *data.valid, *data.train][:_PROMPTS]:
        turns = row["messages"]
        last = max((n for n, turn in enumerate(turns) if turn["role"] == "assistant"), default=0)
        if last:
            found.append(tuple(turns[:last]))
    return tuple(found), ""

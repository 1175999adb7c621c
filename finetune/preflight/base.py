"""The base, without its weights: layers, window, vocabulary, and what the recipe needs to load it.

The model is built on torch's `meta` device, where a layer has a shape and no memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from finetune.errors import FinetuneError
from finetune.preflight.findings import Finding, Place
from finetune.recipe import ALL_LINEAR, Recipe

_RECIPE = (Place("recipe"),)
_HIGH = {"full": 1e-4, "lora": 1e-3, "qlora": 1e-3}
"""Five times what trl's and unsloth's documentations name: 2e-5 for full, 2e-4 for adapters."""
_LOW = {"full": 1e-7, "lora": 1e-5, "qlora": 1e-5}
"""A learning rate below these hardly moves the weights in a few epochs."""
_HEADS = {"lm_head", "score", "classifier", "pre_classifier"}
"""Names of output layers: they get no adapter."""


@dataclass(frozen=True, slots=True)
class Base:
    """What is known of a base before its weights are loaded."""

    layers: tuple[str, ...]
    """Names of all its modules."""
    linear: tuple[str, ...]
    """The last parts of the names of its linear layers, sorted."""
    window: int
    """Positions that it was made for; 0 where it does not say."""
    vocabulary: int
    ends: frozenset[int]
    """Tokens that end an answer, by its generation settings."""


def look(recipe: Recipe) -> Base:
    """Read the base's configuration.

    Raises:
        FinetuneError: There is none, or it is none of a language model.
    """
    import torch
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForSequenceClassification,
    )

    kind: Any = AutoModelForCausalLM
    if recipe.task == "classify":
        kind = AutoModelForSequenceClassification
    try:
        config = AutoConfig.from_pretrained(
            recipe.base, revision=recipe.revision or "main", trust_remote_code=False
        )
        with torch.device("meta"):
            model = kind.from_config(config, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise FinetuneError(
            f"The base {recipe.base} does not tell its shape: {str(error).strip()[:200]}",
            hint="It must be the folder, or the hub's name, of a language model's weights.",
        ) from error
    named = [(name, module) for name, module in model.named_modules() if name]
    linear = {
        name.rpartition(".")[2] for name, module in named if isinstance(module, torch.nn.Linear)
    }
    text = config.get_text_config()
    return Base(
        layers=tuple(name for name, _ in named),
        linear=tuple(sorted(linear - _HEADS)),
        window=int(getattr(text, "max_position_embeddings", 0) or 0),
        vocabulary=int(text.vocab_size),
        ends=_ends(recipe, config),
    )


def check(recipe: Recipe, base: Base, tokenizer: Any, longest: int) -> Iterator[Finding]:
    """Findings of base and recipe together.

    Args:
        recipe: What is to be done.
        base: What it is done to.
        tokenizer: The base's.
        longest: Tokens of the longest row, uncut.
    """
    yield from _modules(recipe, base)
    used = min(longest, recipe.max_length)
    if base.window and used > base.window:
        yield Finding(
            "error",
            "beyond-window",
            f"A row has {used:,} tokens within max_length = {recipe.max_length:,}, and the base "
            f"was made for {base.window:,}: it fails there, or learns from noise.",
            _RECIPE,
            fix=f"--set max_length={base.window}",
            mendable=True,
        )
    if len(tokenizer) > base.vocabulary:
        yield Finding(
            "error",
            "vocabulary-too-large",
            f"The tokenizer knows {len(tokenizer):,} tokens, and the base has {base.vocabulary:,} "
            "embeddings: the training ends at the first token beyond them.",
            (Place("tokenizer_config.json"),),
            fix="Take the tokenizer that belongs to the base, or resize the base's embeddings.",
        )


def environment(recipe: Recipe, *, cuda: bool) -> Iterator[Finding]:
    """What the recipe needs of this machine's packages, and settings that seldom work."""
    from finetune.training import unsloth_weights

    folder = Path(recipe.base)
    if folder.is_dir() and not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
        yield Finding(
            "error",
            "no-weights",
            f"The folder {recipe.base} holds no weights (*.safetensors).",
            (Place("recipe"),),
            fix="Name the folder that holds them: --base FOLDER",
        )
    if recipe.method == "qlora" and find_spec("bitsandbytes") is None:
        yield Finding(
            "error",
            "package-missing",
            "qlora needs the package bitsandbytes.",
            _RECIPE,
            fix="pip install bitsandbytes, or: --set method=lora",
        )
    if recipe.packing and not (cuda and find_spec("flash_attn")):
        yield Finding(
            "error",
            "packing-mixes-rows",
            "packing needs a CUDA device and the package flash-attn: without them a row would be "
            "read as the beginning of the next.",
            _RECIPE,
            fix="--set packing=false",
            mendable=True,
        )
    try:
        unsloth_weights.chosen(recipe, cuda=cuda)
    except FinetuneError as error:
        yield Finding("error", "engine-missing", str(error), _RECIPE, fix=error.hint)
    for wrong, word in (
        (recipe.learning_rate > _HIGH[recipe.method], "high: the loss will rise"),
        (recipe.learning_rate < _LOW[recipe.method], "low: hardly anything will be learnt"),
    ):
        if wrong:
            usual = 2e-4 if recipe.adapter else 2e-5
            yield Finding(
                "warning",
                "learning-rate",
                f"learning_rate = {recipe.learning_rate:g} is very {word}. Usual for "
                f"{recipe.method}: {usual:g}.",
                _RECIPE,
                fix=f"--set learning_rate={usual:g}",
            )


def _modules(recipe: Recipe, base: Base) -> Iterator[Finding]:
    """Names that no layer has: peft would ignore some, and the training refuses any."""
    from finetune.training import weights

    if not recipe.adapter or recipe.target_modules == (ALL_LINEAR,):
        return
    missing = weights.absent(recipe.target_modules, base.layers)
    if missing:
        yield Finding(
            "error",
            "modules-missing",
            f"target_modules: the base has no layer {', '.join(missing)}; the training refuses it.",
            _RECIPE,
            count=len(missing),
            fix=f"Its linear layers: {', '.join(base.linear)}; or all of them: "
            f"--set 'target_modules=[\"{ALL_LINEAR}\"]'",
        )


def _ends(recipe: Recipe, config: Any) -> frozenset[int]:
    from transformers import GenerationConfig

    try:
        settings = GenerationConfig.from_pretrained(recipe.base, revision=recipe.revision or "main")
        named = settings.eos_token_id
    except OSError:  # a base without the file: its configuration stands in
        named = getattr(config, "eos_token_id", None)
    ends = named if isinstance(named, list) else [named]
    return frozenset(int(end) for end in ends if end is not None)

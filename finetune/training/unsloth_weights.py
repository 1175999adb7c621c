"""The base loaded by unsloth: the only module that imports it. It trains on CUDA devices only.

What comes out is a model and a tokenizer that trl's trainers take, patched to run faster; recipe,
data, checkpoints and outputs are those of the plain way. By its documented functions:
`FastLanguageModel.from_pretrained` and `FastLanguageModel.get_peft_model` (2026.10.7). It patches
trl, transformers and peft as it is imported, so it comes before them.
"""

from __future__ import annotations

import atexit
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from finetune.errors import FinetuneError
from finetune.recipe import ALL_LINEAR, Recipe
from finetune.training import weights

LINEAR: tuple[str, ...] = (
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
)
"""What unsloth's documentation names as all linear layers."""


class UnslothError(FinetuneError):
    """unsloth is not there, or cannot do what the recipe wants."""


def is_installed() -> bool:
    """Whether the package is there; it is not imported."""
    return find_spec("unsloth") is not None


def chosen(recipe: Recipe, *, cuda: bool) -> bool:
    """Whether unsloth trains this recipe here.

    Raises:
        UnslothError: The recipe asks for it, and it cannot.
    """
    if recipe.engine == "trl":
        return False
    if recipe.engine == "auto" and (recipe.task != "chat" or recipe.quantization_aware):
        return False
    if recipe.engine == "auto":
        return cuda and is_installed()
    if recipe.task != "chat":
        raise UnslothError("engine: unsloth trains chats only.", hint="--set engine=trl")
    if not is_installed():
        raise UnslothError(
            "engine: the package unsloth is not installed.",
            hint="It needs an environment of its own, made in the project's folder: pip install "
            "-c constraints-unsloth.txt '.[unsloth]'; or: --set engine=trl",
        )
    if not cuda:
        raise UnslothError("engine: unsloth needs a CUDA device.", hint="--set engine=trl")
    return True


def prepare() -> None:
    """Import unsloth, before trl and transformers are.

    The code that it compiles goes to a temporary folder of ours alone, since it is run from there,
    until the process ends; else it would lie where the user works.
    """
    if "UNSLOTH_COMPILE_LOCATION" not in os.environ:
        folder = tempfile.mkdtemp(prefix="unsloth-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["UNSLOTH_COMPILE_LOCATION"] = folder
    with no_banners():
        _import()


@contextmanager
def no_banners() -> Iterator[None]:
    """Drop what it prints on standard output, which is not its own."""
    with redirect_stdout(io.StringIO()):
        yield


def _import() -> None:
    import unsloth  # type: ignore[import-not-found]  # noqa: F401


def chat_model(recipe: Recipe, *, adapter: Path | None = None) -> tuple[Any, Any]:
    """The base, ready to be trained, and its tokenizer; see `finetune.training.weights`.

    Args:
        recipe: Says what of it is trained.
        adapter: The folder of an earlier stage to go on with; None for a new adapter.
    """
    from unsloth import FastLanguageModel

    model, tokenizer = FastLanguageModel.from_pretrained(
        model_name=str(adapter) if adapter else recipe.base,
        revision=None if adapter else recipe.revision or None,
        max_seq_length=recipe.max_length,
        dtype=None,
        load_in_4bit=recipe.method == "qlora",
        full_finetuning=not recipe.adapter,
        random_state=recipe.seed,
        use_gradient_checkpointing="unsloth" if recipe.gradient_checkpointing else False,
    )
    if recipe.adapter and adapter is None:
        modules = LINEAR
        if recipe.target_modules != (ALL_LINEAR,):
            modules = recipe.target_modules
            weights.refuse_missing(model, modules)
        model = FastLanguageModel.get_peft_model(
            model,
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules=list(modules),
            bias="none",
            use_gradient_checkpointing="unsloth" if recipe.gradient_checkpointing else False,
            random_state=recipe.seed,
        )
    return model, tokenizer

"""The base, loaded as a recipe wants it, with or without a new adapter, and saved again.

What is trained is held in 32 bits, an adapter and a new head as well as all weights; a base under
an adapter in the precision of the arithmetic, or in 4 bits for qlora (NF4, doubly quantized;
Dettmers et al. 2023, 2305.14314). No code of a model's own is ever run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from finetune.errors import FinetuneError
from finetune.recipe import ALL_LINEAR, Recipe
from finetune.training import pins, rounding, runs

Precision = Literal["bf16", "fp16", "fp32"]


class BaseError(FinetuneError):
    """The weights to start from cannot be loaded, or do not suit the recipe."""


@dataclass(frozen=True, slots=True)
class Device:
    """What the training runs on."""

    kind: Literal["cuda", "mps", "cpu"]
    """As torch calls it."""
    name: str
    """In words."""
    memory: int
    """Bytes of its own memory, or of the machine's where it has none."""
    bf16: bool
    """Whether it computes in bfloat16 at full speed."""
    count: int
    """How many of its kind there are."""


def device() -> Device:
    """The best device that this process sees."""
    import torch

    if torch.cuda.is_available():
        about = torch.cuda.get_device_properties(0)
        return Device(
            "cuda",
            about.name,
            about.total_memory,
            torch.cuda.is_bf16_supported(including_emulation=False),
            torch.cuda.device_count(),
        )
    if torch.backends.mps.is_available():
        return Device("mps", "Apple GPU", _machine_memory(), False, 1)
    threads = torch.get_num_threads()
    return Device("cpu", f"CPU, {threads} threads", _machine_memory(), False, 1)


def _machine_memory() -> int:
    import os

    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def precision(recipe: Recipe, on: Device) -> Precision:
    """What `auto` means on a device, or what the recipe says."""
    if recipe.precision != "auto":
        return recipe.precision
    if on.kind != "cuda":
        return "fp32"
    return "bf16" if on.bf16 else "fp16"


def arithmetic(recipe: Recipe, on: Device) -> AbstractContextManager[Any]:
    """A block that computes in the recipe's precision, as the trainers do, whatever the weights'.

    Args:
        recipe: Says the precision.
        on: Where the model is.
    """
    import torch

    kind = precision(recipe, on)
    return torch.autocast(on.kind, dtype=_kinds()[kind], enabled=kind != "fp32")


def _kinds() -> dict[Precision, Any]:
    import torch

    return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def speed(recipe: Recipe, on: Device) -> float:
    """Floating-point operations a second that the device does on large matrices, measured."""
    import time

    import torch

    side = 1024 if on.kind == "cpu" else 8192
    matrix = torch.rand(side, side, dtype=_kinds()[precision(recipe, on)], device=on.kind)
    product = matrix @ matrix  # the first one sets up what the others use
    repeats = 3
    began = time.perf_counter()
    for _ in range(repeats):
        product = matrix @ matrix
    product[0, 0].item()  # waits for the device
    return float(2 * side**3 * repeats / (time.perf_counter() - began))


def tokenizer(recipe: Recipe) -> Any:
    """The base's tokenizer, with the recipe's template where it names one, and a pad token.

    Raises:
        BaseError: It cannot be loaded.
    """
    from transformers import AutoTokenizer

    try:
        found = AutoTokenizer.from_pretrained(
            recipe.base, revision=recipe.revision or "main", trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise _cannot_load(recipe, error) from error
    return dress(found, recipe)


def dress(found: Any, recipe: Recipe) -> Any:
    """A loaded tokenizer with the recipe's template, and a pad token.

    Raises:
        RunError: The template's file cannot be read.
    """
    if recipe.chat_template:
        found.chat_template = pins.read_template(recipe)
    if found.pad_token is None:
        found.pad_token = found.eos_token
    found.padding_side = "right"
    return found


def chat_model(recipe: Recipe, on: Device, *, adapter: Path | None = None) -> Any:
    """The base for the next token, ready to be trained.

    Args:
        recipe: Says what of it is trained.
        on: Where it will run.
        adapter: An adapter of an earlier stage to go on with; None for a new one, where the
            recipe wants one.

    Raises:
        BaseError: It cannot be loaded, or lacks the layers that the recipe names.
    """
    from transformers import AutoModelForCausalLM

    model = _load(AutoModelForCausalLM, recipe, on)
    if recipe.quantization_aware:
        rounding.prepare(model, recipe.quantization_aware)
    if not recipe.adapter:
        return model
    if adapter is None:
        return _with_new_adapter(model, recipe, "CAUSAL_LM")
    from peft import PeftModel

    return PeftModel.from_pretrained(model, adapter, is_trainable=True)


def classifier(recipe: Recipe, on: Device, labels: Sequence[str], pad: int | None) -> Any:
    """The base with a new head of one output for each label.

    Raises:
        BaseError: See `chat_model`.
    """
    from transformers import AutoModelForSequenceClassification

    model = _load(
        AutoModelForSequenceClassification,
        recipe,
        on,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
        pad_token_id=pad,
    )
    return _with_new_adapter(model, recipe, "SEQ_CLS") if recipe.adapter else model


def save(model: Any, its_tokenizer: Any, folder: Path, *, rounds: bool = False) -> Path:
    """Write weights and tokenizer as transformers stores them; the folder appears when whole.

    Args:
        model: In memory; its adapter is written where it has one, else all of it.
        its_tokenizer: Written beside it.
        folder: What stands there goes.
        rounds: Whether `rounding.prepare` changed the model: it gets its plain layers back.
    """
    partial = folder.with_name(folder.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    if rounds:
        rounding.end(model)
    model.config.use_cache = True  # the trainer turned it off, and answers would be slow for ever
    kept = {"selected_adapters": ["default"]} if hasattr(model, "peft_config") else {}
    model.save_pretrained(partial, **kept)
    its_tokenizer.save_pretrained(partial)
    return runs.put(partial, folder)


def _load(kind: Any, recipe: Recipe, on: Device, **settings: Any) -> Any:
    import torch

    computed = _kinds()[precision(recipe, on)]
    if recipe.method == "qlora":
        settings |= _four_bits(recipe, on, computed)
    if recipe.packing:
        if on.kind != "cuda" or find_spec("flash_attn") is None:
            raise BaseError(
                "packing needs a CUDA device and the package flash-attn, to keep rows apart.",
                hint="--set packing=false",
            )
        settings["attn_implementation"] = "flash_attention_2"
    try:
        model = kind.from_pretrained(
            recipe.base,
            revision=recipe.revision or "main",
            trust_remote_code=False,
            # All-trained weights keep 32 bits: a small step would be rounded away in 16.
            dtype=computed if recipe.adapter else torch.float32,
            **settings,
        )
    except (OSError, ValueError) as error:
        raise _cannot_load(recipe, error) from error
    return model


def _four_bits(recipe: Recipe, on: Device, computed: Any) -> dict[str, Any]:
    if find_spec("bitsandbytes") is None:
        raise BaseError(
            "qlora needs the package bitsandbytes.",
            hint="pip install bitsandbytes, or: --set method=lora",
        )
    import torch
    from transformers import BitsAndBytesConfig

    from finetune.training.launch import local_rank

    return {
        "quantization_config": BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=computed,
        ),
        "device_map": {"": torch.device("cuda", local_rank()) if on.kind == "cuda" else on.kind},
    }


def absent(names: Iterable[str], layers: Iterable[str]) -> list[str]:
    """Those names that are neither a layer's whole name nor its last parts, as peft reads them."""
    known = tuple(layers)
    return [
        name
        for name in names
        if not any(layer == name or layer.endswith(f".{name}") for layer in known)
    ]


def refuse_missing(model: Any, names: Sequence[str]) -> None:
    """Hold `target_modules` to the layers that there are: peft passes over a name among others.

    Args:
        model: The base, without an adapter.
        names: As peft reads them: a layer's whole name, or its last parts.

    Raises:
        BaseError: A name is no layer's.
    """
    import torch

    layers = dict(model.named_modules())
    missing = absent(names, layers)
    if missing:
        output = model.get_output_embeddings()
        linear = {
            name.rpartition(".")[2]
            for name, module in layers.items()
            if isinstance(module, torch.nn.Linear) and module is not output
        }
        raise BaseError(
            f"target_modules: the base has no layer {', '.join(missing)}.",
            hint=f"Its linear layers: {', '.join(sorted(linear))}; or all of them: "
            f"--set 'target_modules=[\"{ALL_LINEAR}\"]'",
        )


def _with_new_adapter(model: Any, recipe: Recipe, task: str) -> Any:
    from peft import LoraConfig, get_peft_model

    modules: str | list[str] = list(recipe.target_modules)
    if recipe.target_modules == (ALL_LINEAR,):
        modules = ALL_LINEAR
    else:
        refuse_missing(model, recipe.target_modules)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=modules,
        task_type=task,
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:
        raise BaseError(f"The base takes no adapter: {error}.") from error
    # peft does so with the adapter's matrices, and leaves a classifier's head at the base's bits.
    for weight in adapted.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    return adapted


def _cannot_load(recipe: Recipe, error: Exception) -> BaseError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if not recipe.base:
        return BaseError(
            "The recipe names no base.", hint="--base FOLDER, or a name on the model hub"
        )
    where = "folder" if Path(recipe.base).is_dir() else "name"
    return BaseError(
        f"The base {recipe.base} cannot be loaded: {reason}",
        hint=f"Check the {where}; it must hold the weights and the tokenizer of a language model.",
    )

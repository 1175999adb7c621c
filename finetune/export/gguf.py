"""Weights, or an adapter, as one GGUF file, by our own small writer.

It knows byte-level BPE and the shapes of Llama, Qwen2 and Qwen3, and refuses the rest in words. Of
the forms q8_0 and q4_0, the embedding and the output keep 8 bits in q4_0, and what does not divide
into blocks keeps 16; norms and biases have 32.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from finetune.export import blocks, container, shapes, tensors, vocabulary
from finetune.export.blocks import F16, F32, Q4_0, Q8_0, Form
from finetune.export.container import Tensor
from finetune.export.shapes import OTHERWISE, Shape
from finetune.export.source import ExportError
from finetune.export.tensors import Stored

FORMS = {"f16": (F16, 1), "q8_0": (Q8_0, 7), "q4_0": (Q4_0, 2)}
"""By name: how a weight is stored, and the number that llama.cpp has for a whole file of it."""
_SHARED = ("token_embd.weight", "output.weight")


def write(
    folder: Path, tokenizer: Path, path: Path, form: str, *, name: str, turn_end: str
) -> None:
    """Write a model's weights.

    Args:
        folder: As transformers stores them.
        tokenizer: The folder of its tokenizer.
        path: The file; what stands there goes.
        form: A key of `FORMS`.
        name: What the model is called.
        turn_end: See `vocabulary.read`.

    Raises:
        ExportError: The model or its tokenizer is of a kind that this writer does not know.
        OSError: It cannot be written.
    """
    shape = shapes.read(_json(folder / "config.json"))
    how, number = FORMS[form]
    facts: dict[str, container.Fact] = {
        "general.architecture": shape.name,
        "general.type": "model",
        "general.name": name,
        "general.file_type": number,
        "general.quantization_version": 2,
        **shape.facts,
        **vocabulary.read(tokenizer, shape.rows, turn_end),
    }
    placed = {shape.place(name): stored for name, stored in tensors.look(folder).items()}
    if shape.tied:
        placed.pop("output.weight", None)
    found = [_weights(shape, name, stored, how) for name, stored in placed.items()]
    if shape.rope_factors:
        found.append(_factors(shape.rope_factors))
    container.write(path, facts, found)


def write_adapter(adapter: Path, config: Mapping[str, Any], path: Path, *, name: str) -> None:
    """Write a LoRA adapter, in 32 bits.

    Args:
        adapter: As PEFT stores it.
        config: The base's `config.json`.
        path: The file; what stands there goes.
        name: What the adapter is called.

    Raises:
        ExportError: It is no plain LoRA, or its base is of a kind that is not known.
        OSError: It cannot be written.
    """
    shape, settings = shapes.read(config), _json(adapter / "adapter_config.json")
    odd = ("use_dora", "rank_pattern", "alpha_pattern", "modules_to_save", "fan_in_fan_out")
    if settings.get("peft_type") != "LORA" or any(settings.get(key) for key in odd):
        raise ExportError(
            "The adapter is no plain LoRA.", hint="Export merged weights: --kind gguf"
        )
    rank, alpha = int(settings["r"]), float(settings["lora_alpha"])
    facts: dict[str, container.Fact] = {
        "general.architecture": shape.name,
        "general.type": "adapter",
        "general.name": name,
        "adapter.type": "lora",
        # llama.cpp scales by alpha / rank, and PEFT may by alpha / sqrt(rank).
        "adapter.lora.alpha": alpha * math.sqrt(rank) if settings.get("use_rslora") else alpha,
    }
    stored = tensors.look(adapter)
    container.write(path, facts, [_half(shape, key, one) for key, one in stored.items()])


def _half(shape: Shape, name: str, stored: Stored) -> Tensor:
    """One of the two matrices of a layer's adapter; B has the layer's rows."""
    stem, _, side = name.removeprefix("base_model.model.").rpartition(".lora_")
    if side in ("A.weight", "B.weight"):
        layer = shape.place(f"{stem}.weight")
        if layer not in _SHARED:
            turned = shape if side == "B.weight" else None
            return _tensor(f"{layer}.lora_{side[0].lower()}", stored, F32, turned, layer)
    raise ExportError(
        f"An adapter in GGUF has no place for {name}.",
        hint="Export merged weights: --kind gguf",
    )


def _weights(shape: Shape, name: str, stored: Stored, form: Form) -> Tensor:
    if len(stored.shape) == 1:
        return _tensor(name, stored, F32, shape, name)
    if form in (Q4_0, Q8_0) and stored.shape[-1] % blocks.BLOCK:
        form = F16
    elif form is Q4_0 and name in _SHARED:
        form = Q8_0
    return _tensor(name, stored, form, shape, name)


def _tensor(
    name: str, stored: Stored, form: Form, shape: Shape | None = None, layer: str = ""
) -> Tensor:
    """A tensor to be read, turned and encoded when it is its turn."""
    size = form.size(math.prod(stored.shape))
    return Tensor(name, stored.shape, form.number, size, partial(_data, stored, form, shape, layer))


def _data(stored: Stored, form: Form, shape: Shape | None, layer: str) -> bytes:
    weights = stored.read()
    if shape is not None:
        weights = shape.turn(layer, weights)
    try:
        return blocks.encode(weights, form)
    except OverflowError as error:
        raise ExportError(
            f"{stored.name} cannot be written as {form.name}: {error}.",
            hint="Look at the training's losses; where they are sound: --quantize q8_0",
        ) from error


def _factors(factors: tuple[float, ...]) -> Tensor:
    def data() -> bytes:
        import numpy as np

        return blocks.encode(np.array(factors, dtype=np.float32), F32)

    size = F32.size(len(factors))
    return Tensor("rope_freqs.weight", (len(factors),), F32.number, size, data)


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read.", hint=OTHERWISE) from error

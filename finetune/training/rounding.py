"""Training with the rounding of a later quantization: the only module that imports torchao.

The linear layers but the output's compute with weights that are rounded to 4 bits in groups of 32,
as the block formats of llama.cpp do, and gradients pass the rounding as if it were not there
(straight-through; Jacob et al. 2018, 1712.05877). What is saved are the plain weights, which now
lose little when they are quantized. By torchao's documented `QATConfig` (0.18).
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from finetune.errors import FinetuneError

GROUP = 32
"""Weights that share a scale."""


class RoundingError(FinetuneError):
    """torchao is not there, or cannot round these layers."""


def prepare(model: Any, scheme: str) -> None:
    """Round in every pass from now on.

    Args:
        model: Changed in place.
        scheme: `int4` for the weights; `int8-int4` for the activations too, by token.

    Raises:
        RoundingError: torchao is not installed, or a layer's width is no multiple of `GROUP`.
    """
    if find_spec("torchao") is None:
        raise RoundingError(
            "quantization_aware needs the package torchao.",
            hint="pip install torchao, or: --set quantization_aware=",
        )
    import torch
    from torchao.quantization import quantize_  # type: ignore[import-not-found]
    from torchao.quantization.qat import (  # type: ignore[import-not-found]
        IntxFakeQuantizeConfig,
        QATConfig,
    )

    def is_meant(module: torch.nn.Module, name: str) -> bool:
        return isinstance(module, torch.nn.Linear) and not name.endswith("lm_head")

    for name, module in model.named_modules():
        if is_meant(module, name) and module.in_features % GROUP:
            raise RoundingError(
                f"quantization_aware: the width of {name}, {module.in_features}, is no multiple "
                f"of {GROUP}.",
                hint="--set quantization_aware=",
            )
    activations = IntxFakeQuantizeConfig(torch.int8, "per_token", is_symmetric=False)
    config = QATConfig(
        activation_config=activations if scheme == "int8-int4" else None,
        weight_config=IntxFakeQuantizeConfig(
            torch.int4,  # type: ignore[attr-defined]
            group_size=GROUP,
            is_symmetric=True,
        ),
        step="prepare",
    )
    quantize_(model, config, is_meant)


def end(model: Any) -> None:
    """Put plain layers in place of the rounding ones, with the trained weights."""
    from torchao.quantization.qat.linear import (  # type: ignore[import-not-found]
        FakeQuantizedLinear,
    )

    rounding = [
        name for name, module in model.named_modules() if isinstance(module, FakeQuantizedLinear)
    ]
    for name in rounding:
        above, _, own = name.rpartition(".")
        setattr(model.get_submodule(above), own, model.get_submodule(name).to_linear())

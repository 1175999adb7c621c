"""What a recipe needs of a machine, from the base's shape: bytes, and arithmetic.

An estimate before anything is loaded, right to about a third; what fragmentation, drivers and the
libraries take comes on top. It knows no library and asks no device.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.recipe import Recipe

GIB = 2**30
PUBLISHED: tuple[tuple[float, float, float], ...] = (
    (3, 3.5, 8),
    (7, 5, 19),
    (8, 6, 22),
    (14, 8.5, 33),
    (70, 41, 164),
)
"""Weights in thousand millions, and the least GB that qlora and lora with rank 16 take by
unsloth's documentation (docs.unsloth.ai, Requirements): its own kernels and short rows."""

SHARE = 0.4
"""Of the speed on large matrices that a training reaches: PaLM reports 0.46 (2204.02311)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a decoder of Llama's kind; others are near enough."""

    layers: int
    hidden: int
    inner: int
    """Width of the feed-forward part; of all experts together, where there are several."""
    key_value: int
    """Width of the keys, which several heads may share."""
    vocabulary: int
    tied: bool
    """Whether the output uses the embedding's weights."""

    @property
    def linear(self) -> int:
        """Weights of the linear layers but the output's."""
        attention = 2 * self.hidden * (self.hidden + self.key_value)
        return self.layers * (attention + 3 * self.hidden * self.inner)

    @property
    def embedding(self) -> int:
        """Weights of embedding and output."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def weights(self) -> int:
        """All of them."""
        return self.linear + self.embedding + self.hidden * (2 * self.layers + 1)


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes on each device at the peak of a step, by what they are for."""

    weights: int
    """The base, as it is held."""
    trained: int
    """Trained weights with their gradients and the optimizer's two moments, in 32 bits."""
    activations: int
    """What the backward pass needs of the forward one, and the output's logits."""

    @property
    def total(self) -> int:
        """Of all."""
        return self.weights + self.trained + self.activations


def read_shape(base: Path) -> Shape | None:
    """The shape that a folder's `config.json` tells; None where it does not."""
    try:
        config: dict[str, Any] = json.loads((base / "config.json").read_text(encoding="utf-8"))
        config = config.get("text_config", config)
        hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        head = int(config.get("head_dim") or hidden // heads)
        inner = config.get("moe_intermediate_size") or config["intermediate_size"]
        experts = config.get("num_experts") or config.get("num_local_experts") or 1
        return Shape(
            layers=int(config["num_hidden_layers"]),
            hidden=hidden,
            inner=int(inner) * int(experts),
            key_value=int(config.get("num_key_value_heads") or heads) * head,
            vocabulary=int(config["vocab_size"]),
            tied=bool(config.get("tie_word_embeddings", False)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        return None


def trained_weights(recipe: Recipe, shape: Shape) -> int:
    """How many weights the recipe trains; for named layers, as many as for all: at most so many."""
    if not recipe.adapter:
        return shape.weights
    sides = 4 * shape.hidden + 2 * (shape.hidden + shape.key_value)
    sides += 3 * (shape.hidden + shape.inner)
    return shape.layers * recipe.rank * sides


def need(recipe: Recipe, shape: Shape, *, bits: int = 16) -> Need:
    """Bytes that a step takes.

    Args:
        recipe: Of a chat: the rows are taken to be as long as it allows.
        shape: The base's.
        bits: Of the arithmetic: 32 on a CPU.
    """
    width = bits // 8
    if recipe.method == "qlora":  # 4 bits and the constants of their blocks: 4.127 a weight
        held = round(shape.linear * 4.127 / 8) + shape.embedding * width
    else:
        held = shape.weights * (width if recipe.adapter else 4)
    trained = trained_weights(recipe, shape)
    # The moments and the gradient; an adapter's own weights too, which `held` does not count.
    moments = 2 if recipe.optimizer.endswith("8bit") else 8
    per_weight = moments + 4 + (4 if recipe.adapter else 0)
    tokens = recipe.batch_size * recipe.max_length
    # Korthikanti et al. 2022 (2205.05198), equation 2, without the term of the attention's
    # square, which the fused kernels do not keep: 34 bytes a token and hidden unit at 16 bits.
    layer = round(34 * tokens * shape.hidden * width / 2)
    kept = tokens * shape.hidden * width * shape.layers + layer
    logits = tokens * shape.vocabulary * 4
    activations = kept if recipe.gradient_checkpointing else layer * shape.layers
    return Need(held, trained * per_weight, activations + logits)


def operations(recipe: Recipe, shape: Shape, tokens: int) -> float:
    """Floating-point operations to train on so many tokens once.

    Two a weight and token forward, two back to the activations, two to the trained weights (Kaplan
    et al. 2020, 2001.08361); checkpointing goes forward twice.
    """
    per_weight = 4 if recipe.adapter else 6
    if recipe.gradient_checkpointing:
        per_weight += 2
    return float(per_weight) * (shape.linear + shape.vocabulary * shape.hidden) * tokens


def seconds(recipe: Recipe, shape: Shape, tokens: int, speed: float) -> float:
    """The time to train on so many tokens once.

    Args:
        recipe: What is trained.
        shape: The base's.
        tokens: Of all rows, cut.
        speed: Floating-point operations a second of the device on large matrices.
    """
    return operations(recipe, shape, tokens) / (speed * SHARE)


def published(recipe: Recipe, weights: float) -> float | None:
    """GB that `PUBLISHED` names for the smallest size that is no smaller; None beyond its sizes."""
    if not recipe.adapter or weights < 2e9:
        return None
    for size, quantized, plain in PUBLISHED:
        if weights <= size * 1.1e9:
            return quantized if recipe.method == "qlora" else plain
    return None

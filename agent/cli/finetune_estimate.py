"""What `agent finetune train --estimate` prints: the memory that a step will take.

Time needs the rows, and is told by `agent finetune check`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import UsageError
from agent.plain_text import size

if TYPE_CHECKING:
    from finetune.recipe import Recipe


def estimate(recipe: Recipe) -> dict[str, Any]:
    """Figures before anything is loaded.

    Raises:
        UsageError: The base is no folder with a `config.json` that tells its shape.
    """
    from finetune.training import hardware, weights

    shape = hardware.read_shape(Path(recipe.base)) if recipe.base else None
    if shape is None:
        raise UsageError(
            f"The base {recipe.base or '(none)'} is no folder that tells its shape.",
            hint="Fetch it first, and name its folder: --base FOLDER",
        )
    on = weights.device()
    bits = 32 if weights.precision(recipe, on) == "fp32" else 16
    need = hardware.need(recipe, shape, bits=bits)
    return {
        "device": on.name,
        "memory": on.memory,
        "need": need.total,
        "need_weights": need.weights,
        "need_trained": need.trained,
        "need_activations": need.activations,
        "weights": shape.weights,
        "trained": hardware.trained_weights(recipe, shape),
        "published_gb": hardware.published(recipe, shape.weights),
        "fits": need.total < on.memory,
    }


def lines(figures: dict[str, Any]) -> list[str]:
    """The same, for a person."""
    weights, trained = figures["weights"], figures["trained"]
    found = [
        f"Base       {weights / 1e6:,.1f} million weights; {trained / 1e6:,.2f} million trained",
        f"Memory     {size(figures['need'])}: base {size(figures['need_weights'])}, "
        f"trained {size(figures['need_trained'])}, "
        f"activations {size(figures['need_activations'])}",
        f"Device     {figures['device']}, {size(figures['memory'])}"
        + ("" if figures["fits"] else ": too little"),
    ]
    if figures["published_gb"]:
        found.append(f"Published  {figures['published_gb']:g} GB at least (unsloth, of that size)")
    return found

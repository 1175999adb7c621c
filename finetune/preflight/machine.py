"""Memory, time and disk space that the recipe takes on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from finetune.preflight.findings import Estimate, Finding, Place
from finetune.recipe import Recipe
from finetune.training import arguments, hardware, memory, weights

_TIGHT = 0.8
"""Of the device's memory: beyond it the estimate's own error decides."""
_LONG = 24 * 3600


def estimate(
    recipe: Recipe, base: Path, folder: Path, rows: int, tokens: int, on: weights.Device
) -> Estimate | None:
    """What the supervised stage takes; None where the base tells no shape.

    Args:
        recipe: What is to be done.
        base: The base's folder.
        folder: The data set's: where free space is looked for.
        rows: Training rows.
        tokens: Of these rows, cut.
        on: What it will run on.
    """
    shape = hardware.read_shape(base)
    if shape is None:
        return None
    bits = 32 if weights.precision(recipe, on) == "fp32" else 16
    plan = arguments.Plan(rows, recipe.epochs, recipe.max_steps, recipe.learning_rate, False)
    steps = plan.steps(recipe)
    passes = steps / plan.steps_per_epoch(recipe)
    trained = hardware.trained_weights(recipe, shape)
    # A checkpoint is the trained weights with the optimizer's two moments, in 32 bits; one more
    # than are kept is there while it is written, and the result.
    disk = trained * 4 * (3 * (recipe.keep_checkpoints + 1) + 1)
    return Estimate(
        device=on.name,
        memory=on.memory,
        need=hardware.need(recipe, shape, bits=bits).total,
        steps=steps,
        seconds=hardware.seconds(recipe, shape, round(tokens * passes), weights.speed(recipe, on)),
        disk=disk,
        disk_free=shutil.disk_usage(folder).free,
    )


def check(recipe: Recipe, found: Estimate) -> Iterator[Finding]:
    """Findings where this machine does not suffice."""
    share = found.need / found.memory if found.memory else 0.0
    if share > _TIGHT:
        yield Finding(
            "error" if share > 1 else "warning",
            "memory",
            f"A step takes about {_gib(found.need)}, and {found.device} has {_gib(found.memory)}.",
            (Place("recipe"),),
            fix=memory.advice(recipe),
        )
    if found.disk > found.disk_free:
        yield Finding(
            "error",
            "disk",
            f"Checkpoints and result take about {_gib(found.disk)}, and {_gib(found.disk_free)} "
            "are free where the data set is.",
            (Place("recipe"),),
            fix="Train into a folder on another disk (--out RUN), or: --set keep_checkpoints=1",
        )
    if found.seconds > _LONG:
        yield Finding(
            "warning",
            "time",
            f"The training takes about {found.seconds / 3600:,.0f} hours on {found.device}.",
            (Place("recipe"),),
            fix="Take a smaller base, or a machine with a GPU; --set max_steps=N for a trial.",
        )


def fits(recipe: Recipe, base: Path, on: weights.Device) -> bool:
    """Whether a step of the recipe fits into the device's memory; False where nobody knows."""
    shape = hardware.read_shape(base)
    bits = 32 if weights.precision(recipe, on) == "fp32" else 16
    return shape is not None and hardware.need(recipe, shape, bits=bits).total < on.memory * _TIGHT


def _gib(size: int) -> str:
    return f"{size / hardware.GIB:.1f} GiB"

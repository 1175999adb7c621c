"""Direct preference optimization by trl's DPOTrainer, held to the model as it is when it begins.

The reference is a frozen copy: of the adapter alone, which trl makes, where there is one, and else
of the whole model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from finetune.recipe import Dpo, Recipe
from finetune.serving import SERVED, turns_of
from finetune.training import arguments, watch
from finetune.training.weights import Device


def train(
    recipe: Recipe,
    settings: Dpo,
    model: Any,
    reference: Any | None,
    tokenizer: Any,
    rows: Sequence[Mapping[str, Any]],
    valid: Sequence[Mapping[str, Any]],
    on: Device,
    sitting: watch.Sitting,
) -> watch.Outcome:
    """Train the model in place.

    Args:
        recipe: What both stages share.
        settings: This stage's own.
        model: What the first stage came to; its adapter, where it has one, is trained.
        reference: A second copy of a model without an adapter; None where there is one.
        tokenizer: Its tokenizer.
        rows: `prompt`, `chosen` and `rejected`, each a list of messages.
        valid: The same, to measure on; may be empty.
        on: Where it runs.
        sitting: The run's folder, and who listens.

    Raises:
        Diverged: The loss is no number any more.
    """
    from datasets import Dataset  # type: ignore[import-untyped]
    from trl import DPOConfig, DPOTrainer  # type: ignore[attr-defined]

    plan = arguments.Plan(
        len(rows), settings.epochs, settings.max_steps, settings.learning_rate, bool(valid)
    )
    harmless = turns_of(tokenizer)
    trainer = DPOTrainer(
        model=model,
        ref_model=reference,
        args=DPOConfig(
            **arguments.common(recipe, plan, on, sitting.checkpoints),
            max_length=recipe.max_length,
            beta=settings.beta,
        ),
        train_dataset=Dataset.from_list([_pair(row, harmless) for row in rows]),
        eval_dataset=Dataset.from_list([_pair(row, harmless) for row in valid]) if valid else None,
        processing_class=tokenizer,
    )
    return watch.run(trainer, recipe, plan, sitting)


def _pair(row: Mapping[str, Any], harmless: Callable[..., list[dict[str, str]]]) -> dict[str, Any]:
    """The row as trl takes it: rendered as it is served."""
    texts = {key: harmless(row[key]) for key in ("prompt", "chosen", "rejected")}
    return {**texts, "chat_template_kwargs": SERVED}

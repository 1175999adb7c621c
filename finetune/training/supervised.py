"""Supervised fine-tuning on chats, by trl's SFTTrainer: loss on the assistant's tokens only."""

from __future__ import annotations

from typing import Any

from finetune.recipe import Recipe
from finetune.training import arguments, watch
from finetune.training.encode import Encoded
from finetune.training.weights import Device


def train(
    recipe: Recipe,
    model: Any,
    tokenizer: Any,
    rows: Encoded,
    valid: Encoded,
    on: Device,
    sitting: watch.Sitting,
) -> watch.Outcome:
    """Train the model in place.

    Args:
        recipe: What to do.
        model: The base, with its adapter where the recipe wants one.
        tokenizer: Its tokenizer.
        rows: Training rows, encoded, at least one.
        valid: Validation rows; may be empty.
        on: Where it runs.
        sitting: The run's folder, and who listens.

    Raises:
        Diverged: The loss is no number any more.
    """
    from datasets import Dataset  # type: ignore[import-untyped]
    from trl import SFTConfig, SFTTrainer  # type: ignore[attr-defined]

    plan = arguments.Plan(
        len(rows.rows), recipe.epochs, recipe.max_steps, recipe.learning_rate, bool(valid.rows)
    )
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            **arguments.common(recipe, plan, on, sitting.checkpoints),
            max_length=recipe.max_length,
            packing=recipe.packing,
            eval_packing=False,
            # The rows come with their labels: what is trained has been decided in `encode`.
            assistant_only_loss=False,
            completion_only_loss=False,
        ),
        train_dataset=Dataset.from_list(rows.rows),
        eval_dataset=Dataset.from_list(valid.rows) if valid.rows else None,
        processing_class=tokenizer,
    )
    return watch.run(trainer, recipe, plan, sitting)

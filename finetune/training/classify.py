"""A label for a text, by transformers' Trainer on a classification head."""

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
    """Train the model in place; see `finetune.training.supervised.train`.

    Raises:
        Diverged: The loss is no number any more.
    """
    from datasets import Dataset  # type: ignore[import-untyped]
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    plan = arguments.Plan(
        len(rows.rows), recipe.epochs, recipe.max_steps, recipe.learning_rate, bool(valid.rows)
    )
    if recipe.adapter and recipe.gradient_checkpointing:
        model.enable_input_require_grads()
    trainer = Trainer(
        model=model,
        args=TrainingArguments(**arguments.common(recipe, plan, on, sitting.checkpoints)),
        train_dataset=Dataset.from_list(_flat(rows)),
        eval_dataset=Dataset.from_list(_flat(valid)) if valid.rows else None,
        data_collator=DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
    )
    return watch.run(trainer, recipe, plan, sitting)


def _flat(rows: Encoded) -> list[dict[str, Any]]:
    return [{"input_ids": row["input_ids"], "labels": row["labels"][0]} for row in rows.rows]

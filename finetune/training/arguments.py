"""A recipe -> the settings that the trainers of transformers and trl share.

Written against what trl 1.15 and 1.16 have in common.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.recipe import Recipe
from finetune.training import launch
from finetune.training.weights import Device, precision


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a stage is, and how fast it learns."""

    rows: int
    """Training rows."""
    epochs: float
    """Passes over them."""
    max_steps: int
    """Stop after so many; 0 for none but `epochs`."""
    learning_rate: float
    """The peak."""
    measured: bool
    """Whether there are validation rows."""

    def steps_per_epoch(self, recipe: Recipe) -> int:
        """Steps of one pass, over all processes; a last, smaller step counts."""
        batches = math.ceil(self.rows / (recipe.batch_size * launch.processes()))
        return max(1, math.ceil(batches / recipe.gradient_accumulation))

    def steps(self, recipe: Recipe) -> int:
        """Steps in all."""
        return self.max_steps or math.ceil(self.epochs * self.steps_per_epoch(recipe))


def common(recipe: Recipe, plan: Plan, on: Device, checkpoints: Path) -> dict[str, Any]:
    """Keyword arguments of `TrainingArguments`, `SFTConfig` and `DPOConfig`.

    Every step is logged: a loss that is averaged over several would be another one after a resume
    in their midst.
    """
    steps = plan.steps(recipe)
    every = min(recipe.save_every, plan.steps_per_epoch(recipe))
    arithmetic = precision(recipe, on)
    on_cpu = on.kind == "cpu"
    return {
        "output_dir": str(checkpoints),
        "per_device_train_batch_size": recipe.batch_size,
        "per_device_eval_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.gradient_accumulation,
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "num_train_epochs": plan.epochs,
        "max_steps": plan.max_steps or -1,
        "learning_rate": plan.learning_rate,
        "lr_scheduler_type": "constant_with_warmup"
        if recipe.schedule == "constant"
        else recipe.schedule,
        "warmup_steps": round(recipe.warmup * steps),
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "optim": recipe.optimizer,
        "bf16": arithmetic == "bf16",
        "fp16": arithmetic == "fp16",
        "use_cpu": on_cpu,
        "ddp_backend": "gloo" if on_cpu and launch.processes() > 1 else None,
        "ddp_find_unused_parameters": False if launch.processes() > 1 else None,
        "dataloader_pin_memory": on.kind == "cuda",
        "logging_strategy": "steps",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": every,
        "save_total_limit": recipe.keep_checkpoints,
        "eval_strategy": "steps" if plan.measured else "no",
        "eval_steps": every if plan.measured else None,
        "metric_for_best_model": "eval_loss" if plan.measured else None,
        "greater_is_better": False if plan.measured else None,
        "restore_callback_states_from_checkpoint": True,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "report_to": "none",
        "disable_tqdm": True,
    }


def keeps_best(recipe: Recipe, plan: Plan) -> bool:
    """Whether the weights of the lowest validation loss are kept rather than the last ones."""
    return plan.measured and recipe.early_stop > 0

"""What a trainer reports, handed on: to `metrics.jsonl`, to who listens; and stopping in order."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.errors import FinetuneError
from finetune.recipe import Recipe
from finetune.training import arguments, launch, runs
from finetune.training.progress import Listener, Progress, Stage


class Diverged(FinetuneError):
    """The loss is no number any more."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """Where a stage runs, and who listens. The same for every kind of trainer."""

    folder: Path
    """The run's."""
    stage: Stage
    """The stage."""
    tell: Listener
    """Called after every step, by the first process only."""
    stop: Callable[[], bool]
    """Asked after every step: whether to save and end here."""

    @property
    def checkpoints(self) -> Path:
        """Of this stage."""
        return self.folder / runs.CHECKPOINTS / self.stage


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stage ended."""

    steps: int
    """Steps done, of this sitting and those before."""
    train_loss: float | None
    """The last step's."""
    valid_loss: float | None
    """The kept weights'."""
    interrupted: bool
    """Stopped in order before its end; there is a checkpoint of the last step."""


def run(trainer: Any, recipe: Recipe, plan: arguments.Plan, sitting: Sitting) -> Outcome:
    """Train from the newest checkpoint, or from the start, to the end or to a stop.

    Raises:
        Diverged: The loss is no number any more.
        FinetuneError: See `launch.meet_in`.
    """
    from transformers import EarlyStoppingCallback, PrinterCallback, TrainerState

    launch.meet_in(sitting.folder, trainer.args.device)
    trainer.remove_callback(PrinterCallback)
    if arguments.keeps_best(recipe, plan):
        trainer.add_callback(EarlyStoppingCallback(early_stopping_patience=recipe.early_stop))
    watch = _watch(sitting)
    trainer.add_callback(watch)
    checkpoint = runs.newest_checkpoint(sitting.folder, sitting.stage)
    state = TrainerState.load_from_json(str(checkpoint / runs.STATE)) if checkpoint else None
    if state is None or not _had_ended(state, recipe.early_stop):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        state = trainer.state
    elif checkpoint is not None:  # only its last evaluation and its saving were left
        trainer._load_from_checkpoint(str(checkpoint))
    losses = [row["loss"] for row in state.log_history if "loss" in row]
    last = losses[-1] if losses else None
    if watch.stopped:
        return Outcome(state.global_step, last, None, interrupted=True)
    if arguments.keeps_best(recipe, plan) and state.best_global_step != state.global_step:
        # By its number: the path that the trainer keeps is wrong once the run has been moved.
        trainer._load_from_checkpoint(
            str(sitting.checkpoints / f"checkpoint-{state.best_global_step}")
        )
    valid = float(trainer.evaluate()["eval_loss"]) if plan.measured else None
    return Outcome(state.global_step, last, valid, interrupted=False)


def diverged(loss: float, step: int, stage: Stage, rate: float) -> Diverged:
    """What to raise where a stage's loss is no number any more; its hint names the stage's key."""
    key = "dpo.learning_rate" if stage == "dpo" else "learning_rate"
    return Diverged(
        f"The loss is {loss} at step {step}: the training diverged.",
        hint=f"Train again with a lower rate: --set {key}={rate / 4:g}",
    )


def _had_ended(state: Any, patience: int) -> bool:
    """Whether a checkpoint is of the last step; going on from it would do one too many."""
    stopping = state.stateful_callbacks.get("EarlyStoppingCallback", {})
    count = stopping.get("attributes", {}).get("early_stopping_patience_counter", 0)
    return bool(state.global_step >= state.max_steps or 0 < patience <= count)


def _watch(sitting: Sitting) -> Any:
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        """Told by the trainer of everything, in the thread that trains."""

        stopped = False
        trains = False

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.trains = True
            if state.is_world_process_zero:
                runs.rewind(sitting.folder, sitting.stage, state.global_step)
                sitting.tell(
                    Progress(sitting.stage, state.global_step, state.max_steps, state.epoch or 0.0)
                )

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.trains = False  # what is measured after it is no point of the curve

        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            logs: dict[str, Any] = kwargs["logs"]
            loss, valid = logs.get("loss"), logs.get("eval_loss")
            if loss is not None and not math.isfinite(loss):
                raise diverged(loss, state.global_step, sitting.stage, args.learning_rate)
            said = loss is not None or valid is not None
            if not said or not self.trains or not state.is_world_process_zero:
                return
            epoch = round(state.epoch or 0.0, 4)
            row: dict[str, float | int | str] = {
                "stage": sitting.stage,
                "step": state.global_step,
                "epoch": epoch,
            }
            if loss is not None:
                row["loss"] = loss
                row |= {key: logs[key] for key in ("learning_rate", "grad_norm") if key in logs}
            if valid is not None:
                row["valid_loss"] = valid
            runs.add_metric(sitting.folder, row)
            sitting.tell(
                Progress(sitting.stage, state.global_step, state.max_steps, epoch, loss, valid)
            )

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
            if state.global_step < state.max_steps and _any_process(sitting.stop(), args.device):
                self.stopped = True
                control.should_save = True
                control.should_training_stop = True
            return control

    return Watch()


def _any_process(wanted: bool, device: Any) -> bool:
    """Whether any of the processes wants it: all of them must stop at the same step."""
    if launch.processes() == 1:
        return wanted
    import torch

    votes = torch.tensor([int(wanted)], device=device)
    torch.distributed.all_reduce(votes, op=torch.distributed.ReduceOp.MAX)
    return bool(votes.item())

"""From a recipe to a finished run: the order of the work. The room's public face.

A run goes through its stages (`sft`, then `dpo` where the recipe has it; or `classify`). Each
begins at its newest checkpoint, so that a resumed run is the same code as a new one, and leaves
its weights in a folder that appears only when it is whole.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.errors import FinetuneError
from finetune.recipe import Recipe
from finetune.training import hardware, hub, launch, memory, pins, quiet, runs
from finetune.training.progress import Listener, Progress, RunResult, Stage
from finetune.training.stages import Stages

if TYPE_CHECKING:
    from finetune.data.folder import DataSet
    from finetune.training.watch import Outcome
    from finetune.training.weights import Device

_PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "datasets",
    "accelerate",
    "bitsandbytes",
    "unsloth",
    "understudy",
)


def train(
    recipe: Recipe,
    data_folder: Path,
    run_folder: Path,
    *,
    preferences: Path | None = None,
    progress: Listener | None = None,
    command: Sequence[str] = (),
    stop: Callable[[], bool] = lambda: False,
) -> RunResult:
    """Train a new run, or go on with a killed or interrupted one of the same recipe and data.

    Args:
        recipe: What to do. It names a base.
        data_folder: A set that `finetune.data.prepare` made.
        run_folder: Where everything is written: new, empty, or the run to go on with.
        preferences: A preference set, where the recipe has a stage `dpo`.
        progress: Told of every step.
        command: What was typed, for the record.
        stop: Asked after every step; True saves a checkpoint and ends in order.

    Returns:
        What it came to; `interrupted` where `stop` said so.

    Raises:
        RunError: The folder holds something else, a finished run, or one of other data.
        FinetuneError: It cannot be trained; the hint says what to change.
    """
    tell = progress or (lambda report: None)
    recipe = _with_whole_paths(recipe)
    _refuse(recipe, preferences)
    data = _of_kind(_load(data_folder), recipe.task)
    recipe = _with_labels(recipe, data)
    pairs = _of_kind(_load(preferences), "preference") if preferences is not None else None
    _refuse_leaks(data, pairs)
    quiet.no_telemetry()
    known = pins.begun(run_folder, recipe)
    commit = hub.check(known.base, known.revision)
    with runs.hold(run_folder) if launch.rank() == 0 else nullcontext():
        return _train(recipe, commit, data, pairs, run_folder, tell, command, stop)


def _train(
    recipe: Recipe,
    commit: str,
    data: DataSet,
    pairs: DataSet | None,
    folder: Path,
    tell: Listener,
    command: Sequence[str],
    stop: Callable[[], bool],
) -> RunResult:
    from finetune.training import unsloth_weights, weights

    on = weights.device()
    if on.count > 1 and launch.processes() == 1:
        words = launch.command(command[1:], devices=on.count)
        raise FinetuneError(
            f"There are {on.count} GPUs, and this is one process.",
            hint=f"{shlex.join(words)}   (or, for one of them: CUDA_VISIBLE_DEVICES=0 before it)",
        )
    _warn_of_memory(recipe, on, tell)
    fast = unsloth_weights.chosen(recipe, cuda=on.kind == "cuda")
    if fast:
        unsloth_weights.prepare()
    stages = Stages(recipe, data, pairs, folder, on, fast, tell, stop)
    with quiet.quiet(), unsloth_weights.no_banners() if fast else nullcontext():
        if launch.rank() == 0:
            _open(stages, commit, command)
        held = pins.begun(folder, recipe)
        stages = replace(stages, recipe=replace(held, revision=commit or held.revision))
        began = runs.now()
        try:
            outcome = stages.run()
        except BaseException as error:
            with suppress(OSError):  # of a full disk: what the run says of itself matters less
                _close(folder, began, "failed" if isinstance(error, Exception) else "interrupted")
            if memory.is_out_of_memory(error):
                raise memory.OutOfMemory(
                    f"Out of memory on {on.name}.", hint=_takable(memory.advice(recipe), folder)
                ) from error
            if memory.is_disk_full(error):
                raise memory.DiskFull(
                    f"The disk is full, where {folder} is.",
                    hint="Make room, and type the same again: it goes on at the last checkpoint. "
                    "Fewer are kept by --set keep_checkpoints=1, in a new run.",
                ) from error
            if isinstance(error, FinetuneError):
                error.hint = _takable(error.hint, folder)
            raise
        seconds = _close(folder, began, "interrupted" if outcome.interrupted else "done", outcome)
    return RunResult(
        folder=folder,
        weights=None if outcome.interrupted else stages.result,
        steps=outcome.steps,
        train_loss=outcome.train_loss,
        valid_loss=outcome.valid_loss,
        seconds=seconds,
        interrupted=outcome.interrupted,
    )


def _takable(hint: str, folder: Path) -> str:
    """A hint with what it takes to follow it: a run that keeps work keeps its recipe, too.

    Only the settings of a second stage that failed may change in it; see `runs.reopen`.
    """
    changes = "--set " in hint and "--set dpo." not in hint
    if not changes or not (folder / runs.RUN).exists() or not runs.keeps_work(folder):
        return hint
    return f"{hint}; and another folder, since this one keeps what was trained so far: --out RUN"


def _open(stages: Stages, commit: str, command: Sequence[str]) -> None:
    """Begin the record, or check that it is of the same recipe, data and base."""
    recipe, data, pairs = stages.recipe, stages.data, stages.pairs
    base = Path(recipe.base)
    base_hash = runs.hash_folder(base) if base.is_dir() else pins.base_hash(commit)
    pairs_digest = pairs.digest if pairs else ""
    if runs.may_resume(stages.folder):
        runs.reopen(stages.folder, recipe, data.digest, pairs_digest, base_hash)
        return
    template, words = pins.read_template(recipe), data.manifest.get("options", {})
    record = runs.Record(
        state="running",
        command=tuple(command),
        base=recipe.base,
        base_hash=base_hash,
        versions=runs.versions(_PACKAGES),
        engine="unsloth" if stages.fast else "trl",
        device=stages.on.name,
        seed=recipe.seed,
        data=str(data.folder.resolve()),
        data_digest=data.digest,
        instruction=words.get("instruction", ""),
        system=words.get("system", ""),
        template_hash=pins.hash_of(template),
        preferences=str(pairs.folder.resolve()) if pairs else "",
        preferences_digest=pairs_digest,
        started=runs.now(),
    )
    runs.start(stages.folder, recipe, record, template=template)


def _close(folder: Path, began: float, state: str, outcome: Outcome | None = None) -> float:
    """Store how the sitting ended, and draw the curve; returns the seconds of all sittings."""
    seconds = runs.now() - began
    if launch.rank() != 0:
        return seconds
    changes: dict[str, Any] = {"state": state}
    changes["seconds"] = seconds = round(runs.read(folder).seconds + seconds, 3)
    if outcome is not None:
        changes |= {
            "steps": outcome.steps,
            "train_loss": outcome.train_loss,
            "valid_loss": outcome.valid_loss,
        }
    runs.update(folder, **changes)
    if rows := runs.metrics(folder):
        from finetune.training import curve

        curve.picture(rows, folder / runs.CURVE)
    return seconds


def _with_whole_paths(recipe: Recipe) -> Recipe:
    """A run is resumed, and its adapter loaded, from any folder: so its paths are whole."""
    base = Path(recipe.base)
    if recipe.base and base.is_dir():
        recipe = replace(recipe, base=str(base.resolve()))
    if recipe.chat_template:
        template = Path(recipe.chat_template).resolve()
        recipe = replace(recipe, chat_template=str(template))
    return recipe


def _with_labels(recipe: Recipe, data: DataSet) -> Recipe:
    """The recipe with the classes of the rows, in order: an adapter does not hold their names."""
    if recipe.task != "classify" or recipe.labels:
        return recipe
    labels = tuple(sorted({str(row["label"]) for row in data.train}))
    if len(labels) < 2:
        raise FinetuneError(
            f"All rows of {data.folder} have the label {labels[0]!r}: nothing tells them apart.",
            hint="Add rows of another class, and make the set again: agent finetune data",
        )
    return replace(recipe, labels=labels)


def _refuse(recipe: Recipe, preferences: Path | None) -> None:
    if not recipe.base:
        raise FinetuneError(
            "The recipe names no base.", hint="--base FOLDER, or a name on the model hub"
        )
    if recipe.base.startswith(("/", ".", "~")) and not Path(recipe.base).is_dir():
        raise FinetuneError(f"There is no folder {recipe.base}.", hint="--base FOLDER")
    if (recipe.dpo is None) == (preferences is None):
        return
    if recipe.dpo is None:
        raise FinetuneError(
            "There is a preference set, and the recipe has no stage for it.",
            hint="--set dpo.beta=0.1, or take the preset voice-dpo",
        )
    raise FinetuneError(
        "The recipe has a stage dpo, and there is no preference set.",
        hint="--preferences FOLDER, as `agent finetune data` makes it",
    )


def _warn_of_memory(recipe: Recipe, on: Device, tell: Listener) -> None:
    from finetune.training import weights

    shape = hardware.read_shape(Path(recipe.base))
    if shape is None or launch.rank() != 0:
        return
    bits = 32 if weights.precision(recipe, on) == "fp32" else 16
    needed = hardware.need(recipe, shape, bits=bits).total
    if needed > on.memory:
        stage: Stage = "classify" if recipe.task == "classify" else "sft"
        what = (
            f"about {needed / hardware.GIB:.1f} GiB are needed, of {on.memory / hardware.GIB:.1f}"
        )
        tell(Progress(stage, note=f"This may not fit: {what}. {memory.advice(recipe)}"))


def _load(folder: Path) -> DataSet:
    from finetune.data.folder import load

    if folder.is_file():
        words = shlex.join(["agent", "finetune", "data", str(folder), "--out", "FOLDER"])
        raise FinetuneError(f"{folder} is a file, and no data set yet.", hint=words)
    return load(folder)


def _refuse_leaks(data: DataSet, pairs: DataSet | None) -> None:
    from finetune.data.leaks import refuse_leaks, refuse_shared

    refuse_shared(data)
    if pairs is not None:
        refuse_leaks(data, pairs)


def _of_kind(data: DataSet, kind: str) -> DataSet:
    if data.kind != kind:
        again = f"agent finetune data SOURCE --kind {kind} --out FOLDER"
        if data.kind == "preference":
            again = f"A preference set comes second: DATA --preferences {data.folder}"
        elif kind != "preference":
            again = f"--set task={data.kind}, for what the set is; or make another: {again}"
        raise FinetuneError(
            f"{data.folder} is a {data.kind} set, and a {kind} set is wanted.", hint=again
        )
    if not data.train:
        raise FinetuneError(
            f"{data.folder} has no training rows.", hint="agent finetune data SOURCE --out FOLDER"
        )
    return data

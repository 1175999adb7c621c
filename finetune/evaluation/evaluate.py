"""A run and a set become an evaluation: the order of the work. The room's public face."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from finetune.data.folder import DataSet, load
from finetune.errors import FinetuneError
from finetune.evaluation import advice, chat, classify, facts
from finetune.evaluation.facts import CheckFacts
from finetune.evaluation.results import Evaluation
from finetune.evaluation.work import Tell, Work
from finetune.training import hub, memory, pins, quiet, runs

SAMPLES = 64
"""Questions that are answered of each kind, where nobody says otherwise."""


def evaluate(
    run: Path,
    data: Path | None = None,
    *,
    plain: Path | None = None,
    samples: int = SAMPLES,
    answers: Path | None = None,
    check_facts: CheckFacts | None = None,
    progress: Tell | None = None,
) -> Evaluation:
    """Measure what a training changed.

    Args:
        run: A finished run's folder.
        data: A set with held-out rows; None for the one that was trained on.
        plain: A chat set of which nothing was trained, for forgetting.
        samples: Held-out questions that both models answer; the base answers as many of the
            training rows' besides, for the style measures to learn from.
        answers: A file of grounded sentences, one a line; None for those that come along.
        check_facts: Says what of a plain sentence moved in a restyled one; None to leave facts out.
        progress: Told how far it is.

    Raises:
        RunError: The folder is no run, or not a finished one.
        SetError: A folder is no set.
        FinetuneError: It cannot be evaluated; the hint says what to change.
    """
    began = time.time()
    record, recipe, trained = pins.finished(run)
    pins.hold_base(record, recipe)
    quiet.no_telemetry()
    hub.check(recipe.base, recipe.revision)
    trained_on = Path(record.data)
    if data is None and not trained_on.is_dir():
        raise FinetuneError(
            f"The set {trained_on} that was trained on is not there any more.",
            hint="Name one like it: --data FOLDER",
        )
    work = Work(
        recipe=recipe,
        trained=trained,
        data=_set(data or trained_on, recipe.task),
        plain=None if plain is None else _set(plain, "chat"),
        sentences=facts.sentences(answers),
        samples=samples,
        instruction=record.instruction,
        system=record.system,
        check=check_facts,
        tell=progress or (lambda what, done, total: None),
    )
    result = Evaluation(
        run=str(run),
        task=recipe.task,
        base=recipe.base,
        method=recipe.method,
        data=str(work.data.folder),
        data_digest=work.data.digest,
        rows={split: len(getattr(work.data, split)) for split in ("train", "valid", "test")},
        evaluated=round(began, 3),
        notes=_notes(record, work),
    )
    with quiet.quiet():
        try:
            if recipe.task == "classify":
                result = classify.compare(result, work, trained_on)
            else:
                result = chat.compare(result, work)
        except Exception as error:
            if memory.is_out_of_memory(error):
                raise memory.OutOfMemory(
                    "Out of memory.",
                    hint="Evaluate on the CPU: CUDA_VISIBLE_DEVICES= agent finetune evaluate …",
                ) from error
            raise
    return replace(
        result,
        seconds=round(time.time() - began, 3),
        advice=advice.advise(result, recipe, runs.metrics(run)),
    )


def _set(folder: Path, kind: str) -> DataSet:
    data = load(folder)
    if data.kind != kind:
        raise FinetuneError(
            f"{folder} is a {data.kind} set, and a {kind} set is wanted.",
            hint=f"agent finetune data SOURCE --kind {kind} --out FOLDER",
        )
    return data


def _notes(record: runs.Record, work: Work) -> list[str]:
    """What must be known to read the figures.

    Raises:
        FinetuneError: There is nothing to measure on.
    """
    split, rows = work.held_out
    if not rows:
        raise FinetuneError(
            f"{work.data.folder} has no held-out rows.",
            hint="agent finetune data SOURCE --test 0.05 --out FOLDER, then: agent finetune "
            "evaluate RUN --data FOLDER",
        )
    notes = []
    if split == "valid":
        notes.append(
            "The set has no test rows: its validation rows stand in, on which the weights to keep "
            "were chosen, so the figures are somewhat too good."
        )
    if work.data.digest != record.data_digest:
        notes.append(
            "The set is not the one that was trained on: rows of it may have been, which makes the "
            "figures too good."
        )
    if work.recipe.task == "chat":
        if work.plain is None:
            notes.append("Forgetting was not measured: there is no plain set (--plain FOLDER).")
        elif work.plain.digest == record.data_digest:
            raise FinetuneError(
                "The plain set is the one that was trained on.",
                hint="Name a set of other rows: --plain FOLDER",
            )
    return notes

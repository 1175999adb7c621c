"""A trained classifier on held-out rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from finetune.data.folder import load
from finetune.errors import FinetuneError
from finetune.evaluation import labels, models
from finetune.evaluation.results import Evaluation, Sample
from finetune.evaluation.work import Work


def compare(result: Evaluation, work: Work, trained_on: Path) -> Evaluation:
    """The result with how well labels are told.

    Its samples have the commonest label in place of what the base would say: its untrained head
    would say anything.

    Args:
        result: What there is so far.
        work: What is to be measured.
        trained_on: The set of the training.

    Raises:
        FinetuneError: The weights cannot be loaded, or no held-out row has a class of theirs.
    """
    data, recipe = work.data, work.recipe
    if work.plain is not None:
        raise FinetuneError(
            "A classifier answers nothing, so it has no plain set.", hint="Leave --plain out."
        )
    of = data if data.folder == trained_on else load(trained_on)
    train_labels = [str(row["label"]) for row in of.train]
    known = list(recipe.labels)
    split, rows = work.held_out
    seen = [row for row in rows if str(row["label"]) in known]
    notes = list(result.notes)
    if len(seen) < len(rows):
        notes.append(
            f"{len(rows) - len(seen)} held-out rows have a label that was not trained, and are "
            "left out."
        )
    if not seen:
        raise FinetuneError(
            f"No held-out row of {data.folder} has a label that was trained: {', '.join(known)}.",
            hint="Name a set of the same labels: --data FOLDER",
        )
    work.tell("trained model: loading", 0, 1)
    given = models.predicted(
        recipe,
        work.trained,
        known,
        seen,
        lambda done: work.tell("trained model: labels", done, len(seen)),
    )
    truth = [str(row["label"]) for row in seen]
    told = labels.compare(split, known, train_labels, truth, given)
    return replace(
        result,
        labels=told,
        samples=[
            Sample(str(row["text"]), true, told.commonest, label)
            for row, true, label in list(zip(seen, truth, given, strict=True))[: work.samples]
        ],
        notes=notes,
    )

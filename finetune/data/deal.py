"""Staged examples -> the rows of each split: what repeats is left out and told, the rest dealt.

How texts are compared is `near.py`'s work, and where each goes is `split.py`'s.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

from finetune.data.near import Alike
from finetune.data.near import find as find_near
from finetune.data.options import Options
from finetune.data.report import Report
from finetune.data.rows import Kind, Problem, Split
from finetune.data.sources import File
from finetune.data.split import split
from finetune.data.stage import Stage


def deal(
    stage: Stage,
    scratch: Path,
    kind: Kind,
    files: Sequence[File],
    options: Options,
    report: Report,
    progress: Callable[[int], None],
) -> tuple[dict[Split, array[int]], Sequence[int]]:
    """Leave out what repeats, and split the rest.

    Args:
        stage: The examples.
        scratch: A folder for what is needed meanwhile.
        kind: What the set trains.
        files: Where they come from, by the number that the stage has.
        options: How.
        report: Told of what is left out.
        progress: Told of the examples compared.

    Returns:
        The rows of each split, ascending; and of each example the number by which it is bound to
        others.
    """
    alike = find_near(stage, scratch, options.near, progress=progress)
    _stand_in(stage, alike)
    for number in sorted(alike.gone):
        if stage.used[number]:
            report.tell(_problem(stage, files, number, *alike.gone[number]))
    there = array("Q", (n for n in range(len(stage)) if n not in alike.gone))
    labels = _labels(stage) if kind == "classify" else None
    held = {file.split for file in files}
    dealt = split(
        stage,
        there,
        alike.leader,
        valid=0.0 if "valid" in held else options.valid,
        test=0.0 if "test" in held else options.test,
        seed=options.seed,
        labels=labels,
    )
    if labels is not None:
        dealt["valid"] = _of_trained_labels(stage, files, dealt, labels, report)
    return dealt, alike.leader


def _of_trained_labels(
    stage: Stage,
    files: Sequence[File],
    dealt: dict[Split, array[int]],
    labels: Sequence[int],
    report: Report,
) -> array[int]:
    """The validation rows that a classifier can be measured on; the others are told.

    Test rows stay: the evaluation says which of them have a label that was not trained.
    """
    trained = {labels[number] for number in dealt["train"]}
    for number in dealt["valid"]:
        if labels[number] not in trained:
            path = str(files[stage.sources[number]].path)
            reason = "no row to train on has its label"
            report.tell(Problem(path, stage.lines[number], "left out", reason))
    return array("Q", (number for number in dealt["valid"] if labels[number] in trained))


def _labels(stage: Stage) -> array[int]:
    """The number of each example's label, in the order in which they come."""
    known: dict[str, int] = {}
    return array(
        "Q",
        (known.setdefault(stage[n].row["label"], len(known)) for n in range(len(stage))),
    )


def _stand_in(stage: Stage, alike: Alike) -> None:
    """Where the first of several that are alike is not used, the next one that is takes its place.

    A leak stays one: what an unused row holds out is held out in a set of another kind.
    """
    instead: dict[int, int] = {}
    for number in sorted(alike.gone):
        what, other = alike.gone[number]
        if what == "leak" or stage.used[other] or not stage.used[number]:
            continue
        if other in instead:
            alike.gone[number] = (what, instead[other])
        else:
            instead[other] = number
            del alike.gone[number]
            alike.gone[other] = (what, number)


def _problem(stage: Stage, files: Sequence[File], number: int, what: str, other: int) -> Problem:
    return Problem(
        str(files[stage.sources[number]].path),
        stage.lines[number],
        "leak" if what == "leak" else "duplicate",
        "near a row that is held out" if what == "leak" else "near an earlier row",
        {"of": {"source": str(files[stage.sources[other]].path), "line": stage.lines[other]}},
    )

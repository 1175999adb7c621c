"""What an evaluation finds, as values. Nothing is measured here, and nothing shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from finetune.evaluation import intervals
from finetune.evaluation.intervals import Interval

if TYPE_CHECKING:
    from finetune.evaluation.models import Loss
    from finetune.evaluation.style import Style

SCHEMA = 1
"""Of `report.json`."""


@dataclass(frozen=True, slots=True)
class Perplexity:
    """Of a set's answers, before and after: e to the mean loss of the assistant's tokens."""

    split: str
    """Where the rows are from."""
    rows: int
    tokens: int
    """That are counted."""
    cut: int
    """Rows that were longer than the recipe's `max_length`, and lost their end."""
    before: Interval
    after: Interval
    ratio: Interval
    """After over before; below 1 is better. On the same rows in each resample."""


def perplexity(split: str, cut: int, before: Sequence[Loss], after: Sequence[Loss]) -> Perplexity:
    """Two models' losses on the same rows, at least one, as perplexities."""
    import numpy as np

    drawn = intervals.draws(len(before))
    tokens = np.array([loss.tokens for loss in before], dtype=float)
    means, whole = [], []
    for losses in (before, after):
        totals = np.array([loss.total for loss in losses])
        means.append(totals[drawn].sum(axis=1) / tokens[drawn].sum(axis=1))
        whole.append(totals.sum() / tokens.sum())
    return Perplexity(
        split=split,
        rows=len(before),
        tokens=int(tokens.sum()),
        cut=cut,
        before=intervals.between(np.exp(whole[0]), np.exp(means[0])),
        after=intervals.between(np.exp(whole[1]), np.exp(means[1])),
        ratio=intervals.between(np.exp(whole[1] - whole[0]), np.exp(means[1] - means[0])),
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """How one model restyled the grounded sentences."""

    kept: Interval
    """The share in which no fact moved."""
    changed: float
    """The share that it said in other words, rather than as they stood."""
    faults: list[tuple[str, str, str]]
    """Plain sentence, restyled one, and what moved; of those in which something did."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Fact keeping over grounded sentences."""

    sentences: int
    before: Kept
    after: Kept


@dataclass(frozen=True, slots=True)
class OfLabel:
    """How well one label is told."""

    label: str
    precision: float
    """Of the rows that were given the label, those that have it; 0 where none was."""
    recall: float
    """Of the rows that have it, those that were given it; 0 where there is none."""
    f1: float
    """The harmonic mean of the two."""
    rows: int
    """That have it."""


@dataclass(frozen=True, slots=True)
class Labels:
    """A classifier on held-out rows, against giving every row the commonest label."""

    split: str
    rows: int
    accuracy: Interval
    commonest: str
    """The label that most training rows have."""
    commonest_accuracy: float
    """Of always giving that one."""
    precision: float
    """Mean over the labels, like the next two."""
    recall: float
    f1: float
    by_label: list[OfLabel]
    confusion: list[list[int]]
    """Rows by true label (row) and given label (column), in the order of `by_label`."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One held-out question, and what was said to it."""

    asked: str
    """The user's last words, or the text to label."""
    wanted: str
    """The set's own answer."""
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Speech:
    """How one model's answers to the held-out questions are, apart from their style."""

    answers: int
    empty: float
    """The share without a word."""
    unfinished: float
    """The share that was cut off, for the model did not end its turn."""
    distinct: float
    """Different answers, as a share of all."""
    longest: int
    """Tokens after which an answer was cut off."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One result that is bad, and what to try."""

    code: str
    found: str
    """What the figures say, with the figures."""
    tries: tuple[str, ...]
    """What to do next, the likeliest first; settings as they are typed."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All of it. What could not be measured is None, and `notes` says why."""

    run: str
    task: str
    base: str
    method: str
    data: str
    data_digest: str
    rows: dict[str, int]
    """Of each split of the set."""
    evaluated: float
    """Seconds since the epoch."""
    seconds: float = 0.0
    """That it took."""
    perplexity: Perplexity | None = None
    style: Style | None = None
    """Groups `voice` (the set's own held-out answers), `before` and `after`."""
    facts: Facts | None = None
    forgetting: Perplexity | None = None
    """On the plain set, of which nothing was trained."""
    labels: Labels | None = None
    speech: dict[str, Speech] = field(default_factory=dict)
    """By side."""
    samples: list[Sample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    advice: list[Advice] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As it stands in `report.json`."""
        return {"schema": SCHEMA} | dict(intervals.to_json(self))

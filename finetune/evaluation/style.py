"""How near texts are to a voice: pooled samples, two measures, bootstrap confidence intervals.

What is resampled is the texts, not the samples: each resample is pooled anew, so that an interval
holds the chance of which questions were asked, and of which texts came to stand together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from finetune.evaluation import intervals, pools
from finetune.evaluation.intervals import Interval
from finetune.evaluation.measures import Classifier, CosineDelta, sums

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from finetune.evaluation.measures import Measure, Text

Name = Literal["classifier", "delta"]
TRUSTED = 0.8
"""The balanced accuracy on text of known origin from which a measure's other figures mean much."""
_AT_ONCE = 100
"""Resamples of a matrix."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A group of texts, by one measure."""

    score: Interval
    """Mean over its samples, in [-1, 1]: above 0 is nearer to the voice."""
    share: Interval
    """Of its samples, those nearer to the voice."""


@dataclass(frozen=True, slots=True)
class Style:
    """Groups of texts against a voice and another one.

    In a report the groups are the held-out `voice`, and the answers `before` and `after`.
    """

    words: int
    """Of a sample."""
    samples: dict[str, int]
    """Of each group."""
    measures: dict[Name, dict[str, Judged]]
    """By measure and group."""

    def right(self, name: Name) -> float:
        """Balanced accuracy of a measure on the held-out voice against the base's answers."""
        judged = self.measures[name]
        return (judged["voice"].share.value + 1 - judged["before"].share.value) / 2

    @property
    def trusted(self) -> list[Name]:
        """The measures that tell the voice from the base well enough."""
        return [name for name in self.measures if self.right(name) >= TRUSTED]

    def way(self, name: Name) -> float | None:
        """How far the answers moved: 0 where the base stands, 1 where the voice's own text does.

        None where the measure sees no way between the two.
        """
        scores = {group: judged.score.value for group, judged in self.measures[name].items()}
        whole = scores["voice"] - scores["before"]
        return (scores["after"] - scores["before"]) / whole if whole > 0 else None


def compare(
    voice: Sequence[str],
    other: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    *,
    wanted: int | None = None,
    repeats: int = intervals.REPEATS,
) -> Style | None:
    """Learn two voices, and judge groups of other texts by them.

    Args:
        voice: Texts of the voice, to learn from.
        other: Texts that are not in it.
        groups: Texts to judge, none of which is among the former.
        wanted: Words of a sample; None for as many as the shortest group allows, 300 at most.
        repeats: Resamples.

    Returns:
        None where one of them is too short for any sample.
    """
    # An empty answer has no style, and would shift its pool by nothing.
    learnt = [[text for text in map(pools.words, side) if text] for side in (voice, other)]
    judged = {
        name: [text for text in map(pools.words, texts) if text] for name, texts in groups.items()
    }
    if wanted is None:
        wanted = pools.size([*learnt, *judged.values()])
    if not wanted or not all([*learnt, *judged.values()]):
        return None
    one, two = pools.as_long(learnt[0], learnt[1])
    measures: dict[Name, Measure] = {
        "classifier": Classifier(one, two, wanted),
        "delta": CosineDelta(one, two, wanted),
    }
    return Style(
        words=wanted,
        samples={name: len(pools.pool(_lengths(texts), wanted)) for name, texts in judged.items()},
        measures={
            name: {
                group: _judge(measure, texts, wanted, repeats) for group, texts in judged.items()
            }
            for name, measure in measures.items()
        },
    )


def _judge(measure: Measure, texts: Sequence[Text], wanted: int, repeats: int) -> Judged:
    import numpy as np

    counts, lengths = measure.counts(texts), _lengths(texts)
    whole = measure.scores(sums(pools.pool(lengths, wanted), counts))
    drawn = intervals.draws(len(texts), repeats=repeats)
    found = []
    for start in range(0, repeats, _AT_ONCE):
        rows: list[NDArray[np.int64]] = []
        ends = []
        for draw in drawn[start : start + _AT_ONCE]:
            rows += [draw[pool] for pool in pools.pool([lengths[n] for n in draw], wanted)]
            ends.append(len(rows))
        scores = measure.scores(sums(rows, counts))
        found += [(part.mean(), (part > 0).mean()) for part in np.split(scores, ends[:-1])]
    means, shares = zip(*found, strict=True)
    return Judged(
        intervals.between(whole.mean(), means), intervals.between((whole > 0).mean(), shares)
    )


def _lengths(texts: Sequence[Text]) -> list[int]:
    return [len(text) for text in texts]

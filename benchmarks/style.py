"""Whether the style metrics tell two authors apart, on samples of 300 words that they never saw.

    python -m benchmarks.style ONE.txt TWO.txt [--words 300] [--folds 5]

Any two texts (UTF-8) of some eight thousand words. Project Gutenberg's own words around a book are
left out, and so is what a dictionary quotes. Of each text a fifth that stands together is held out
at a time, and the measures learn from the rest. The shorter text sets how much of the longer one is
read, from its start. Texts of two kinds, as a dictionary and a novel, may be told apart by their
kind: take two of one kind to compare authors.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from finetune.data.voice import Unit, form_of, read_lines, units
from finetune.evaluation import pools
from finetune.evaluation.intervals import share
from finetune.evaluation.measures import Classifier, CosineDelta, Measure, Text

_PIECE = 50
"""Words of a piece of prose: samples are made of whole pieces."""


def passages(path: Path) -> list[Text]:
    """The entries of a dictionary, or the lines of prose in pieces, each as its words.

    Raises:
        SystemExit: It cannot be read.
    """
    try:
        if form_of(path) == "dictionary":
            entries = units(path, "dictionary")
            texts = [pools.words(unit.text) for unit in entries if isinstance(unit, Unit)]
        else:
            whole = pools.words("".join(line for _, line in read_lines(path)))
            texts = [whole[start : start + _PIECE] for start in range(0, len(whole), _PIECE)]
    except OSError as error:
        raise SystemExit(f"{path}: {error.strerror}") from error
    return [text for text in texts if text]


def folds(texts: Sequence[Text], count: int) -> list[tuple[list[Text], list[Text]]]:
    """(learnt from, held out), `count` times; what is held out stands together."""
    cuts = [round(number * len(texts) / count) for number in range(count + 1)]
    return [
        ([*texts[:start], *texts[end:]], list(texts[start:end])) for start, end in pairwise(cuts)
    ]


def judge(
    one: Sequence[Text], two: Sequence[Text], words: int, count: int
) -> dict[str, list[bool]]:
    """By measure, of each held-out sample whether it was told right."""
    right: dict[str, list[bool]] = {"classifier": [], "delta": []}
    for (learnt_one, held_one), (learnt_two, held_two) in zip(
        folds(one, count), folds(two, count), strict=True
    ):
        measures: dict[str, Measure] = {
            "classifier": Classifier(learnt_one, learnt_two, words),
            "delta": CosineDelta(learnt_one, learnt_two, words),
        }
        for held, is_first in ((held_one, True), (held_two, False)):
            numbers = pools.pool([len(text) for text in held], words)
            samples = [[word for number in pool for word in held[number]] for pool in numbers]
            for name, measure in measures.items():
                scores = measure.scores(measure.counts(samples))
                right[name] += [bool(score > 0) == is_first for score in scores]
    return right


def main() -> None:
    """Print a table, and one line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("texts", nargs=2, type=Path, metavar="TEXT")
    parser.add_argument("--words", type=int, default=pools.WORDS)
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    one, two = pools.as_long(*(passages(path) for path in options.texts))
    if min(sum(map(len, one)), sum(map(len, two))) < 2 * options.folds * options.words:
        raise SystemExit("The texts are too short for so many folds of such samples.")
    right = judge(one, two, options.words, options.folds)
    figures: dict[str, object] = {
        "texts": [path.name for path in options.texts],
        "words": [sum(map(len, one)), sum(map(len, two))],
        "sample": options.words,
        "samples": len(right["delta"]),
    }
    print(f"{'measure':<12}{'right %':>9}{'95 % interval':>18}")
    for name, values in right.items():
        found = share(values)
        between = f"{100 * found.low:.1f} to {100 * found.high:.1f}"
        print(f"{name:<12}{100 * found.value:>9.1f}{between:>18}")
        figures[name] = [round(100 * end, 2) for end in (found.value, found.low, found.high)]
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

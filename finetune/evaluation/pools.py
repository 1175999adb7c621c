"""Texts put together until they are long enough for their style to be told.

A sentence says little of who wrote it: the classifier is right on 83 % of single sentences and on
all of ten together, Cosine Delta on 91 % at 100 words and 97 % at 300.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

WORDS = 300
"""Words of a sample, where there is text enough."""
_LEAST = 50
"""Words below which a sample shows no style."""
_SAMPLES = 5
"""Samples of a group at least: shorter ones are made rather than fewer."""
NEEDED = _LEAST * _SAMPLES
"""Words without which the style of a group is not measured."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def words(text: str) -> list[str]:
    """The words of a text, in lower case, with straight apostrophes; no numbers, no marks."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def size(groups: Iterable[Sequence[Sequence[str]]]) -> int:
    """Words of a sample that leave every group some samples; 0 where one is too short for it.

    Args:
        groups: Of each, its texts as words.
    """
    shortest = min(sum(map(len, group)) for group in groups)
    wanted = min(WORDS, shortest // _SAMPLES)
    return wanted if wanted >= _LEAST else 0


def pool(lengths: Sequence[int], wanted: int) -> list[list[int]]:
    """Neighbours together, each pool just long enough; what is left over at the end is left out.

    Args:
        lengths: Words of each text.
        wanted: Words of a pool at least.

    Returns:
        Numbers of texts, pool by pool; one short pool where all of them are not enough for one.
    """
    pools: list[list[int]] = []
    held: list[int] = []
    count = 0
    for number, length in enumerate(lengths):
        held.append(number)
        count += length
        if count >= wanted:
            pools.append(held)
            held, count = [], 0
    return pools or [held]


def as_long(
    one: Sequence[Sequence[str]], two: Sequence[Sequence[str]]
) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
    """The first texts of both sides, as many words of each as the shorter one has.

    A side that is learnt from more samples than the other one draws all doubtful ones to itself.
    """
    least = min(sum(map(len, one)), sum(map(len, two)))

    def cut(texts: Sequence[Sequence[str]]) -> list[Sequence[str]]:
        kept: list[Sequence[str]] = []
        count = 0
        for text in texts:
            if count >= least:
                break
            kept.append(text)
            count += len(text)
        return kept

    return cut(one), cut(two)

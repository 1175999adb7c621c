"""Rows that say the same, and prompts that ask the same, among staged examples.

A row is a duplicate when each of its parts is near its counterpart: question, context and answer
apart, with the same numbers. A prompt leaks when it is near one of another split, whatever the
answers are; a conversation leaks, too, when one of its questions stands with the same answer in
another split, unless that is stock (`stock.py`). What most rows share (an instruction that stands
in all) is left out of the comparison. Found are texts at the threshold with the probability in
`similar.py`; in a bucket of many, a row is compared with the latest `_COMPARED` that are not alike.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from finetune.data.facts import numbers
from finetune.data.rows import SPLITS
from finetune.data.similar import BANDS, band_hashes, jaccard, minima, normal, shingles
from finetune.data.stage import Stage, Staged
from finetune.data.stock import equal, telling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from finetune.data.similar import Shingles

_COMPARED = 8
_SAMPLE = 2000
_COMMON = 0.2
"""Share of the sampled rows from which on a shingle says nothing about any of them."""
_FEWEST = 50
"""Rows below which nobody can tell what is common."""
_BLOCK = 4096
_KEPT = 512
"""Rows whose shingles are held, at most some 640 KB each."""
_MOST = 10_000
"""Characters at each end of a longer text that are compared."""

_PRIORITY = {SPLITS.index("test"): 0, SPLITS.index("valid"): 1, SPLITS.index("train"): 2, -1: 2}
"""Who stays of two that are alike: what is held out."""


@dataclass(slots=True)
class Alike:
    """What was found."""

    gone: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Rows to leave out: `duplicate` or `leak`, and the row that they repeat."""
    leader: array[int] = field(default_factory=lambda: array("Q"))
    """Of each row, the first of those that must be in one split with it."""


@dataclass(frozen=True, slots=True)
class _Text:
    normal: str
    whole: Shingles
    own: Shingles
    """Without what most rows share."""


@dataclass(frozen=True, slots=True)
class _Parts:
    asked: tuple[_Text, ...]
    answer: _Text
    numbers: tuple[tuple[str, int], ...]


def find(
    stage: Stage, folder: Path, near: float, *, progress: Callable[[int], None] | None = None
) -> Alike:
    """Compare all that are worth it.

    Args:
        stage: The examples.
        folder: For the bands' hashes: 256 bytes an example, on disk.
        near: The Jaccard similarity from which two texts count as the same.
        progress: Told of the examples hashed.
    """
    search = _Search(stage, near)
    for band in _hash_all(stage, search, folder, progress):
        if band.is_of_prompts:
            search.prompts(band.path)
        else:
            search.rows(band.path)
    search.groups()
    search.exchanges()
    return Alike(search.gone, array("Q", map(search.root, range(len(stage)))))


@dataclass(frozen=True, slots=True)
class _Band:
    path: Path
    is_of_prompts: bool


class _Search:
    def __init__(self, stage: Stage, near: float) -> None:
        self._stage = stage
        self._near = near
        self._parent = array("Q", range(len(stage)))
        self.gone: dict[int, tuple[str, int]] = {}
        self.common = _common(stage)
        self.parts = lru_cache(maxsize=_KEPT)(self._parts)

    def _parts(self, number: int) -> _Parts:
        one = self._stage[number]
        return _Parts(
            tuple(self._text(part) for part in one.asked),
            self._text(one.answer),
            tuple(sorted(numbers("\n".join((*one.asked, one.answer))).items())),
        )

    def _text(self, text: str) -> _Text:
        import numpy as np

        plain = normal(text)
        whole = own = shingles(_ends(plain))
        if len(self.common):
            own = whole[np.isin(whole, self.common, assume_unique=True, invert=True)]
        return _Text(plain, whole, own)

    def hashes(self, number: int) -> NDArray[np.uint64]:
        """The bands of the whole row, then those of its prompt, shape (2 * BANDS,)."""
        import numpy as np

        parts = self.parts(number)
        asked = np.concatenate([part.own for part in parts.asked])
        text = "\n".join(part.normal for part in parts.asked)
        of_prompt, of_answer = minima(asked), minima(parts.answer.own)
        signatures = (
            (np.minimum(of_prompt, of_answer), f"{text}\n{parts.answer.normal}"),
            (of_prompt, text),
        )
        has_own = (len(asked) or len(parts.answer.own), len(asked))
        # Where all is common, only an equal text is alike: it stands in for what is its own.
        return np.concatenate(
            [
                band_hashes(least if own else minima(shingles(_ends(whole) or " ")))
                for own, (least, whole) in zip(has_own, signatures, strict=True)
            ]
        )

    def rows(self, path: Path) -> None:
        """Find the duplicates that share a band of whole rows."""
        for bucket in _buckets(path, self._stage):
            kept: list[int] = []
            for number in bucket:
                if number in self.gone:
                    continue
                one = next((k for k in reversed(kept) if self._is_same(k, number)), None)
                if one is None:
                    kept = [*kept[1 - _COMPARED :], number]
                else:
                    self._leave_out(number, one)

    def prompts(self, path: Path) -> None:
        """Bind rows of near prompts together; between given splits, one of them goes."""
        for bucket in _buckets(path, self._stage):
            binding = [number for number in bucket if self._stage.binds[number]]
            self._prompts(binding)
            if len(binding) < len(bucket) and self._is_apart(bucket[0], bucket[-1]):
                self._prompts(bucket)

    def _prompts(self, bucket: list[int]) -> None:
        kept: list[int] = []
        for number in bucket:
            if number in self.gone:
                continue
            one = next((k for k in reversed(kept) if self._are_bound(k, number)), None)
            if one is None:
                kept = [*kept[1 - _COMPARED :], number]
            elif self._is_apart(number, one):
                self.gone[number] = ("leak", one)
            else:
                self._bind(number, one)

    def groups(self) -> None:
        """Bind together what was made of one text."""
        first: dict[int, int] = {}
        for number, group in enumerate(self._stage.groups):
            if group and self.gone.get(number, ("", 0))[0] != "leak":
                one = first.setdefault(group, number)
                if self._is_apart(number, one):
                    self.gone[number] = ("leak", one)
                else:
                    self._join(number, one)

    def exchanges(self) -> None:
        """Bind rows that hold the same question and answer; between given splits, one goes.

        Not by what is stock.
        """
        import numpy as np

        holders = np.array(self._stage.holders, dtype=np.uint64)
        exchanges = np.array(self._stage.exchanges, dtype=np.uint64)
        leaks = [number for number, (what, _) in self.gone.items() if what == "leak"]
        there = np.isin(holders, np.array(leaks, dtype=np.uint64), invert=True)
        exchanges, holders = telling(exchanges[there], holders[there], root=self.root)
        for run in equal(exchanges):
            one: int | None = None
            for number in _by_rank(self._stage, holders[run].tolist()):
                if number in self.gone and self.gone[number][0] == "leak":
                    continue
                if one is None:
                    one = number
                elif self._is_apart(number, one):
                    self.gone[number] = ("leak", one)
                else:
                    self._bind(number, one)

    def root(self, number: int) -> int:
        """The first of those that are bound to this row."""
        parent = self._parent
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    def _bind(self, one: int, other: int) -> None:
        """Have two in one split, unless one of them has no say in it."""
        if self._stage.binds[one] and self._stage.binds[other]:
            self._join(one, other)

    def _join(self, one: int, other: int) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        self._parent[second] = first

    def _are_bound(self, one: int, other: int) -> bool:
        # Most pairs meet in many bands, and need be read and compared in the first only.
        return self.root(one) == self.root(other) or self._asks_same(one, other)

    def _is_apart(self, one: int, other: int) -> bool:
        wanted = self._stage.wanted
        return _PRIORITY[wanted[one]] != _PRIORITY[wanted[other]]

    def _leave_out(self, number: int, one: int) -> None:
        apart = self._is_apart(number, one)
        self.gone[number] = ("leak" if apart else "duplicate", one)
        if not apart:
            self._bind(number, one)

    def _is_same(self, one: int, other: int) -> bool:
        left, right = self.parts(one), self.parts(other)
        return (
            left.numbers == right.numbers
            and self._alike(left.answer, right.answer)
            and self._asks_same(one, other)
        )

    def _asks_same(self, one: int, other: int) -> bool:
        left, right = self.parts(one), self.parts(other)
        return len(left.asked) == len(right.asked) and all(
            map(self._alike, left.asked, right.asked)
        )

    def _alike(self, left: _Text, right: _Text) -> bool:
        if left.normal == right.normal:
            return True
        # By both: what most rows share makes no two alike, and may be all that they differ in.
        return (
            bool(len(left.own) and len(right.own))
            and jaccard(left.own, right.own) >= self._near
            and jaccard(left.whole, right.whole) >= self._near
        )


def _common(stage: Stage) -> NDArray[np.uint64]:
    """The shingles of an instruction or a template that many rows share, sorted."""
    import numpy as np

    binding = np.flatnonzero(np.array(stage.binds))
    count = min(_SAMPLE, len(binding))
    if count < _FEWEST:
        return np.empty(0, dtype=np.uint64)
    chosen = binding[sorted(Random(0).sample(range(len(binding)), count))].tolist()
    seen: set[str] = set()
    found = []
    for number in chosen:
        text = _all_of(stage[number])
        if text not in seen:  # a row that stands there often is a duplicate, no template
            seen.add(text)
            found.append(shingles(_ends(text)))
    values, times = np.unique(np.concatenate(found), return_counts=True)
    least = max(_FEWEST // 2, int(_COMMON * len(found)))
    common: NDArray[np.uint64] = values[times >= least]
    return common


def _ends(text: str) -> str:
    return text if len(text) <= 2 * _MOST else text[:_MOST] + text[-_MOST:]


def _all_of(one: Staged) -> str:
    return normal("\n".join((*one.asked, one.answer)))


def _hash_all(
    stage: Stage, search: _Search, folder: Path, progress: Callable[[int], None] | None
) -> Iterator[_Band]:
    """Write each band's hashes into a file of its own; gives those of rows first."""
    import numpy as np

    bands = [_Band(folder / f"band-{n}", n >= BANDS) for n in range(2 * BANDS)]
    for start in range(0, len(stage), _BLOCK):
        end = min(start + _BLOCK, len(stage))
        block = np.stack([search.hashes(number) for number in range(start, end)], axis=1)
        for band, column in zip(bands, block, strict=True):
            with band.path.open("ab") as stream:
                stream.write(column.tobytes())
        if progress is not None:
            progress(end)
    if len(stage):
        yield from bands


def _buckets(path: Path, stage: Stage) -> Iterator[list[int]]:
    """The rows that share a hash, two or more, by rank."""
    import numpy as np

    for run in equal(np.fromfile(path, dtype=np.uint64)):
        yield _by_rank(stage, run)


def _by_rank(stage: Stage, numbers: Iterable[int]) -> list[int]:
    """Who stays before who may go: what is held out, what binds, what came first."""

    def rank(number: int) -> tuple[int, bool, int]:
        return _PRIORITY[stage.wanted[number]], not stage.binds[number], number

    return sorted(numbers, key=rank)

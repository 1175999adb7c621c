"""Inverted lists: which of some texts hold a term, and how often. What BM25 is counted from.

They hold counts, not scores: a score depends on all texts of a library, and what is written once
must stay right while others are added beside it and some of its own are forgotten.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST = 65_535
"""A term that a text holds more often is counted so often: BM25 has long been level there."""
_AT_ONCE = 20_000
"""Texts counted together, so that the lists of a large library are not in memory unsorted."""

_TERMS, _BOUNDS = "terms.bin", "terms.npy"
_TEXTS, _COUNTS, _LENGTHS = "texts.npy", "counts.npy", "lengths.npy"


@dataclass(frozen=True, slots=True)
class Postings:
    """The inverted lists of n texts with v different terms and p pairs of a term and a text."""

    terms: bytes
    """The terms in UTF-8, in the order of their bytes, one right after the other."""
    bounds: NDArray[np.int64]
    """Shape (2, v + 1): where each term begins in `terms`, and its list in `texts`; the ends."""
    texts: NDArray[np.int32]
    """Shape (p,): for each term the numbers of the texts that hold it, from 0."""
    counts: NDArray[np.uint16]
    """Shape (p,): how often each of these holds it."""
    lengths: NDArray[np.int32]
    """Shape (n,): how many terms each text has."""

    def of(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        """The texts that hold a term, and how often each does."""
        wanted = term.encode()
        last = self.bounds.shape[1] - 1
        i = bisect_left(range(last), wanted, key=self._term)
        if i == last or self._term(i) != wanted:
            return self.texts[:0], self.counts[:0]
        start, end = self.bounds[1, i], self.bounds[1, i + 1]
        return self.texts[start:end], self.counts[start:end]

    def vocabulary(self) -> list[bytes]:
        """Every term, in order."""
        bounds = self.bounds[0].tolist()
        return [self.terms[a:b] for a, b in pairwise(bounds)]

    def _term(self, i: int) -> bytes:
        return self.terms[self.bounds[0, i] : self.bounds[0, i + 1]]

    def save(self, folder: Path) -> None:
        """Write them into a folder."""
        import numpy as np

        (folder / _TERMS).write_bytes(self.terms)
        np.save(folder / _BOUNDS, self.bounds)
        np.save(folder / _TEXTS, self.texts)
        np.save(folder / _COUNTS, self.counts)
        np.save(folder / _LENGTHS, self.lengths)


def load(folder: Path) -> Postings:
    """Open what `Postings.save` wrote; the lists stay on disk and are read as they are needed.

    Raises:
        OSError: They are not there.
        ValueError: They are damaged.
    """
    import numpy as np

    lists = Postings(
        (folder / _TERMS).read_bytes(),
        np.load(folder / _BOUNDS),
        np.load(folder / _TEXTS, mmap_mode="r"),
        np.load(folder / _COUNTS, mmap_mode="r"),
        np.load(folder / _LENGTHS),
    )
    ends = len(lists.terms), len(lists.texts)
    if tuple(lists.bounds[:, -1].tolist()) != ends or len(lists.counts) != ends[1]:
        raise ValueError(f"the lists in {folder} are of several lengths")
    return lists


def count(texts: Iterable[str], terms: Callable[[str], Sequence[str]]) -> Postings:
    """Count the terms of texts; `terms` takes one apart."""
    import numpy as np

    taken = map(terms, texts)
    parts = [_count(islice(taken, _AT_ONCE))]
    while len(parts[-1].lengths) == _AT_ONCE:
        parts.append(_count(islice(taken, _AT_ONCE)))
    if len(parts) == 1:
        return parts[0]
    ends = np.cumsum([0, *(len(part.lengths) for part in parts)])
    return join(parts, [np.arange(a, b, dtype=np.int32) for a, b in pairwise(ends)])


def _count(texts: Iterable[Sequence[str]]) -> Postings:
    import numpy as np

    numbers: dict[str, int] = {}
    ids, times, sizes, lengths = array("i"), array("H"), array("i"), array("i")
    for terms in texts:
        counted = Counter(terms)
        ids.extend(numbers.setdefault(term, len(numbers)) for term in counted)
        times.extend(min(n, _MOST) for n in counted.values())
        sizes.append(len(counted))
        lengths.append(len(terms))
    encoded = [term.encode() for term in numbers]
    ordered = sorted(range(len(encoded)), key=encoded.__getitem__)
    rank = np.empty(len(encoded), dtype=np.int32)
    rank[ordered] = np.arange(len(encoded), dtype=np.int32)
    by_rank = rank[np.frombuffer(ids, dtype=np.int32)]
    owners = np.repeat(np.arange(len(sizes), dtype=np.int32), np.frombuffer(sizes, dtype=np.int32))
    order = np.argsort(by_rank, kind="stable")
    return _made(
        [encoded[i] for i in ordered],
        np.bincount(by_rank, minlength=len(encoded)),
        owners[order],
        np.frombuffer(times, dtype=np.uint16)[order],
        np.array(lengths, dtype=np.int32),
    )


def join(parts: Sequence[Postings], places: Sequence[NDArray[np.int32]]) -> Postings:
    """Several as one.

    Args:
        parts: Which.
        places: For each part its texts' numbers in the new one, shape (n,); -1 leaves a text out.
            Together they are 0, 1, 2 and so on, each once.
    """
    import numpy as np

    names = [part.vocabulary() for part in parts]
    every = sorted(set().union(*names))
    numbers = {term: i for i, term in enumerate(every)}
    sizes = np.zeros(len(every), dtype=np.int64)
    kept = []
    for part, place, own in zip(parts, places, names, strict=True):
        mine = np.array([numbers[term] for term in own], dtype=np.int32)
        ids, to, times = np.repeat(mine, np.diff(part.bounds[1])), place[part.texts], part.counts
        if (place < 0).any():
            stays = to >= 0
            ids, to, times = ids[stays], to[stays], times[stays]
        # A part's terms are in order, so that those of one list lie together.
        size = np.bincount(ids, minlength=len(every))
        kept.append((ids, to, times, size))
        sizes += size
    texts = np.empty(int(sizes.sum()), dtype=np.int32)
    counts = np.empty(len(texts), dtype=np.uint16)
    free = np.cumsum(sizes) - sizes
    for ids, to, times, size in kept:
        at = np.arange(len(ids)) + (free - (np.cumsum(size) - size))[ids]
        texts[at], counts[at] = to, times
        free += size
    lengths = np.zeros(sum(int((place >= 0).sum()) for place in places), dtype=np.int32)
    for part, place in zip(parts, places, strict=True):
        lengths[place[place >= 0]] = part.lengths[place >= 0]
    held = sizes > 0
    terms = [term for term, some in zip(every, held.tolist(), strict=True) if some]
    return _made(terms, sizes[held], texts, counts, lengths)


def _made(
    terms: Sequence[bytes],
    sizes: NDArray[np.int64],
    texts: NDArray[np.int32],
    counts: NDArray[np.uint16],
    lengths: NDArray[np.int32],
) -> Postings:
    """Lists given one after the other, with their terms and sizes."""
    import numpy as np

    bounds = np.zeros((2, len(terms) + 1), dtype=np.int64)
    bounds[0, 1:] = np.cumsum([len(term) for term in terms])
    bounds[1, 1:] = np.cumsum(sizes)
    return Postings(b"".join(terms), bounds, texts, counts, lengths)

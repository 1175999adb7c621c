"""Which exchanges tell one conversation from another, and which are stock: "Hi", "Hello!".

Rows that share a question with its answer must not be both trained on and held out; but what opens
or closes many conversations says nothing of them, and would make one of all. It is told by what
else stands in the rows that hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from finetune.data.similar import mixed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FEWEST = 3
_MANY = 10
_HALF = 0.5
_SHARE = 0.01
"""Stock is what so many conversations hold that have nothing else in common: one of a hundred, ten
at least; in a small set half of them, three at least."""


def telling(
    exchanges: NDArray[np.uint64],
    holders: NDArray[np.uint64],
    *,
    root: Callable[[int], int] = lambda number: number,
    wide: bool = False,
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """What of each row must stand in one split only: its exchanges but stock, or all of that.

    Rare exchanges are looked at first, and bind the rows that hold them: two stock exchanges that
    stand in the same rows do not hide each other.

    Args:
        exchanges: A hash of each, of all rows.
        holders: The row that holds each.
        root: Of a row, the first of those that are bound to it already.
        wide: Take for stock also what is half as frequent: a set must not be found wanting for
            what is stock while it is made and, with some rows left out, a little less so.

    Returns:
        Hashes, and the row that has each; none of rows that share no exchange.
    """
    import numpy as np

    conversations = len(np.unique(holders))
    repeated = np.array([place for run in equal(exchanges) for place in run], dtype=np.intp)
    shares = np.isin(holders, holders[repeated])
    exchanges, holders = _once(exchanges[shares], holders[shares])
    _, counts = np.unique(holders, return_counts=True)
    others = np.repeat(counts, counts) > 1
    fewest = max(_MANY, _SHARE * conversations)
    fewest = min(fewest, max(_HALF * conversations, _FEWEST))
    if wide:
        fewest = max(_FEWEST, fewest / 2)
    parent: dict[int, int] = {}

    def bound(number: int) -> int:
        number = root(number)
        while (above := parent.get(number, number)) != number:
            parent[number] = parent.get(above, above)
            number = above
        return number

    stock = np.zeros(len(exchanges), dtype=bool)
    for places in sorted(equal(exchanges), key=len):
        apart = {bound(int(holders[place])) for place in places if others[place]}
        if len(apart) >= fewest:
            stock[places] = True
            continue
        roots = {bound(int(holders[place])) for place in places}
        parent.update(dict.fromkeys(roots, min(roots)))
    # Of a row that has nothing but stock, one hash of all of it.
    alone = stock & ~np.isin(holders, holders[~stock])
    rows, at = np.unique(holders[alone], return_inverse=True)
    whole = np.zeros(len(rows), dtype=np.uint64)
    np.add.at(whole, at, mixed(exchanges[alone]))
    return np.append(exchanges[~stock], whole), np.append(holders[~stock], rows)


def _once(
    exchanges: NDArray[np.uint64], holders: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """By row, without what a row says twice."""
    import numpy as np

    order = np.lexsort((exchanges, holders))
    exchanges, holders = exchanges[order], holders[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (holders[1:] != holders[:-1]) | (exchanges[1:] != exchanges[:-1])
    return exchanges[new], holders[new]


def equal(hashes: NDArray[np.uint64]) -> Iterator[list[int]]:
    """The places of each hash that stands there twice or more."""
    import numpy as np

    order = np.argsort(hashes, kind="stable")
    edges = np.flatnonzero(np.diff(hashes[order])) + 1
    starts = np.concatenate([[0], edges])
    ends = np.concatenate([edges, [len(order)]])
    shares = ends - starts > 1
    for start, end in zip(starts[shares], ends[shares], strict=True):
        yield order[start:end].tolist()

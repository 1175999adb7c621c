"""A query to ranked chunks: both indexes scored, fused, and repetition taken out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.types import Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.documents import ChunkRow
    from knowledge.selection import Selection
    from knowledge.snapshot import Snapshot

DENSE_SHARE = 0.5
"""Weight of the dense score; the rest is the lexical one's. A min-max weighted sum, half and half,
was best or level on five sets, where reciprocal rank fusion fell below plain BM25 on one
(docs/LOG.md)."""

CANDIDATES = 100
"""Chunks taken from each index before they are fused."""

SAME = 0.9
"""Two chunks whose sets of words overlap by this Jaccard index say the same."""

_JUDGED = (3, 12)
"""Of a filter that allows many documents, so many times the chunks wanted are judged, and then so
many, before it is applied to all."""

_FEW = 4
"""Of fewer chunks than one in so many, the vectors are copied and the others never read."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk's row number and its scores; see `Passage`."""

    row: int
    score: float
    dense: float | None
    lexical: float | None


def rank(
    snapshot: Snapshot,
    query: str,
    vector: NDArray[np.float32] | None,
    limit: int,
    selection: Selection | None = None,
    dense_share: float = DENSE_SHARE,
) -> list[Hit]:
    """The best chunks for a query, best first, ties in row order.

    Args:
        snapshot: Where to look.
        query: The words; scored by BM25.
        vector: The query's unit vector, shape (d,); None searches by words only.
        limit: The most hits wanted.
        selection: Which documents may be found; None allows all.
        dense_share: Weight of the dense score, from 0 to 1.
    """
    import numpy as np

    if not len(snapshot.rows) or limit < 1:
        return []
    few = None if selection is None else selection.few()
    rows = None if few is None else _rows_of(snapshot, few)
    words, near = _scores(snapshot, query, vector, rows)
    depth = max(CANDIDATES, limit)
    if selection is None or few is not None:
        chosen = _candidates(words, near, depth)
    elif (among := _candidates_among(snapshot, words, near, depth, selection)) is not None:
        chosen = among
    else:
        rows = _rows_of(snapshot, selection.every())
        words, near = words[rows], None if near is None else near[rows]
        chosen = _candidates(words, near, depth)
    if not len(chosen):
        return []
    fused = _spread(words[chosen], floor=0.0)
    if near is not None:
        fused = dense_share * _spread(near[chosen]) + (1 - dense_share) * fused
    order = np.argsort(-fused, kind="stable")[:limit]
    return [
        Hit(
            int(snapshot.rows[i if rows is None else rows[i]]),
            float(score),
            None if near is None else float(near[i]),
            float(words[i]) if words[i] > 0 else None,
        )
        for i, score in zip(chosen[order], fused[order], strict=True)
    ]


def _rows_of(snapshot: Snapshot, documents: set[str]) -> NDArray[np.int64]:
    """Positions of the chunks of some documents."""
    import numpy as np

    names = snapshot.documents
    wanted = np.fromiter(map(documents.__contains__, names), bool, len(names))
    return np.flatnonzero(wanted[snapshot.owners])


def _candidates(
    words: NDArray[np.float32], near: NDArray[np.float32] | None, depth: int
) -> NDArray[np.int64]:
    """Positions of the best by each score."""
    import numpy as np

    chosen = _top(words, depth, floor=0.0)
    return chosen if near is None else np.union1d(chosen, _top(near, depth))


def _candidates_among(
    snapshot: Snapshot,
    words: NDArray[np.float32],
    near: NDArray[np.float32] | None,
    depth: int,
    selection: Selection,
) -> NDArray[np.int64] | None:
    """`_candidates` of the allowed documents, of which only the best hits' are judged.

    None where too few of those are allowed for that.
    """
    import numpy as np

    found = []
    for scores, floor in ((words, 0.0), (near, None)):
        if scores is None:
            continue
        for times in _JUDGED:
            best = _top(scores, times * depth, floor)
            ids = [snapshot.documents[owner] for owner in snapshot.owners[best]]
            allowed = selection.among(set(ids))
            kept = best[np.fromiter((doc in allowed for doc in ids), bool, len(ids))]
            # All there is above the floor was looked at, or enough.
            if len(best) < times * depth or len(kept) >= depth:
                found.append(kept[_top(scores[kept], depth)])
                break
            # To look further would not find enough of them.
            if len(kept) * _JUDGED[-1] <= depth * times:
                return None
    return np.unique(np.concatenate(found))


def _scores(
    snapshot: Snapshot,
    query: str,
    vector: NDArray[np.float32] | None,
    rows: NDArray[np.int64] | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """The BM25 score and, where there are vectors, the cosine of the chunks at some positions."""
    words = snapshot.words.scores(query)
    if rows is not None:
        words = words[rows]
    if vector is None or not snapshot.dense:
        return words, None
    if rows is None:
        return words, snapshot.near(vector)
    if len(rows) < len(snapshot.rows) // _FEW:
        return words, snapshot.near(vector, rows)
    return words, snapshot.near(vector)[rows]


def distinct(passages: Iterable[Passage], limit: int) -> tuple[Passage, ...]:
    """The first `limit` passages that do not repeat an earlier one (Jaccard index of words)."""
    kept: list[Passage] = []
    seen: list[set[str]] = []
    for passage in passages:
        words = set(re.findall(r"\w+", passage.text.lower()))
        if any(_same(words, other) for other in seen):
            continue
        kept.append(passage)
        seen.append(words)
        if len(kept) == limit:
            break
    return tuple(kept)


def _same(some: set[str], other: set[str]) -> bool:
    longer, shorter = max(len(some), len(other)), min(len(some), len(other))
    if shorter < SAME * longer:
        return False
    shared = len(some & other)
    return shared >= SAME * (longer + shorter - shared)


def passage(found: ChunkRow, hit: Hit) -> Passage:
    """A hit with all that is needed to show and cite it."""
    chunk = found.chunk
    return Passage(
        chunk.id, chunk.document_id, found.source, found.title, found.place,
        chunk.start, chunk.end, chunk.text, hit.score, hit.dense, hit.lexical,
    )  # fmt: skip


def _top(scores: NDArray[np.float32], depth: int, floor: float | None = None) -> NDArray[np.int64]:
    """Positions of the `depth` highest scores, all above the floor, ascending by position."""
    import numpy as np

    above = np.arange(len(scores)) if floor is None else np.flatnonzero(scores > floor)
    if len(above) <= depth:
        return above
    found = scores[above]
    last = np.partition(found, -depth)[-depth]
    # Of scores that equal the last to be taken, the first in row order: not left to chance.
    kept = np.concatenate((above[found > last], above[found == last]))[:depth]
    return np.sort(kept)


def _spread(scores: NDArray[np.float32], floor: float | None = None) -> NDArray[np.float32]:
    """Scores stretched over [0, 1]; the low end is the floor, or the lowest of them."""
    import numpy as np

    low = float(scores.min()) if floor is None else floor
    reach = float(scores.max()) - low
    if reach <= 0:
        return np.zeros_like(scores)
    return (scores - low) / reach

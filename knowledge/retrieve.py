"""A query to ranked chunks: both indexes scored, fused, and repetition taken out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.types import Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.documents import ChunkRow
    from knowledge.snapshot import Snapshot

DENSE_SHARE = 0.5
"""Weight of the dense score; the rest is the lexical one's. A min-max weighted sum, half and half,
was best or level on five sets, where reciprocal rank fusion fell below plain BM25 on one
(docs/LOG.md)."""

CANDIDATES = 100
"""Chunks taken from each index before they are fused."""

SAME = 0.9
"""Two chunks whose sets of words overlap by this Jaccard index say the same."""

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
    allowed: Callable[[str], bool] | None = None,
    dense_share: float = DENSE_SHARE,
) -> list[Hit]:
    """The best chunks for a query, best first, ties in row order.

    Args:
        snapshot: Where to look.
        query: The words; scored by BM25.
        vector: The query's unit vector, shape (d,); None searches by words only.
        limit: The most hits wanted.
        allowed: Whether a document, by id, may be found; None allows all.
        dense_share: Weight of the dense score, from 0 to 1.
    """
    import numpy as np

    if not len(snapshot.rows) or limit < 1:
        return []
    rows: NDArray[np.int64] | None = None
    if allowed is not None:
        documents = np.fromiter(map(allowed, snapshot.documents), bool, len(snapshot.documents))
        rows = np.flatnonzero(documents[snapshot.owners])
    words, near = _scores(snapshot, query, vector, rows)
    depth = max(CANDIDATES, limit)
    chosen = _top(words, depth, floor=0.0)
    if near is not None:
        chosen = np.union1d(chosen, _top(near, depth))
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


def _scores(
    snapshot: Snapshot,
    query: str,
    vector: NDArray[np.float32] | None,
    rows: NDArray[np.int64] | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """The BM25 score and, where there are vectors, the cosine of the chunks at some positions."""
    import numpy as np

    n = len(snapshot.rows)
    words = snapshot.words.scores(query) if snapshot.words else np.zeros(n, dtype=np.float32)
    if rows is not None:
        words = words[rows]
    if vector is None or snapshot.vectors is None:
        return words, None
    if rows is None:
        return words, np.asarray(snapshot.vectors @ vector, dtype=np.float32)
    if len(rows) < n // _FEW:
        return words, np.asarray(snapshot.vectors[rows] @ vector, dtype=np.float32)
    return words, np.asarray(snapshot.vectors @ vector, dtype=np.float32)[rows]


def distinct(passages: Iterable[Passage], limit: int) -> tuple[Passage, ...]:
    """The first `limit` passages that do not repeat an earlier one (Jaccard index of words)."""
    kept: list[Passage] = []
    seen: list[set[str]] = []
    for passage in passages:
        words = set(re.findall(r"\w+", passage.text.lower()))
        if any(len(words & other) >= SAME * len(words | other) for other in seen):
            continue
        kept.append(passage)
        seen.append(words)
        if len(kept) == limit:
            break
    return tuple(kept)


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

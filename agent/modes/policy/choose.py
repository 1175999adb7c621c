"""Several rankings -> one of a fixed length in which each of them is represented. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowledge.types import Passage


def fused(rankings: Sequence[Sequence[Passage]], k: int) -> tuple[Passage, ...]:
    """The best of each ranking in turn, then the best of all; each passage once.

    Scores are comparable within one ranking only, so each counts as a share of its ranking's
    best: a search that is sure of its first passage leaves room for one that is not. Half of the
    room, at least one passage each, goes to the first of each ranking, whatever they score.

    Args:
        rankings: Best first each.
        k: The most passages to give.
    """
    chosen: dict[str, Passage] = {}
    for rank in range(max(1, k // (2 * max(1, len(rankings))))):
        for ranking in rankings:
            if rank < len(ranking) and len(chosen) < k:
                chosen.setdefault(ranking[rank].chunk_id, ranking[rank])
    shares = sorted(
        (
            (-passage.score / (ranking[0].score or 1.0), rank, passage)
            for ranking in rankings
            for rank, passage in enumerate(ranking)
        ),
        key=lambda entry: entry[:2],
    )
    for _, _, passage in shares:
        if len(chosen) >= k:
            break
        chosen.setdefault(passage.chunk_id, passage)
    return tuple(chosen.values())


def displaced(
    ranking: Sequence[Passage], instead: Sequence[Passage], k: int
) -> tuple[Passage, ...]:
    """A ranking whose last passages give way to others.

    Args:
        ranking: Best first.
        instead: What takes the last places, best first; what the ranking has is not moved.
        k: How many passages there are to be in the end, at most.
    """
    kept = list(ranking[: max(0, k - len(instead))])
    have = {passage.chunk_id for passage in kept}
    for passage in (*instead, *ranking):
        if len(kept) < k and passage.chunk_id not in have:
            have.add(passage.chunk_id)
            kept.append(passage)
    return tuple(kept)

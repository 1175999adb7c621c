"""A filled library and its rankings: the product's own, one index alone, other fusions.

Judges nothing. What the product does not do (another weight, reciprocal ranks) is done here over
its published picture with its own `retrieve.rank`.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import retrieve, snapshot
from knowledge.catalog import Catalog
from knowledge.library import Library

if TYPE_CHECKING:
    from knowledge.minilm import MiniLM
    from knowledge.types import Passage

    Search = Callable[[str], Awaitable[Sequence[Passage]]]

RRF_K = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009)."""


class Indexed:
    """A library, and its picture to be ranked in other ways than its own."""

    def __init__(self, root: Path, library: Library, embedder: MiniLM) -> None:
        """For a library that is filled."""
        self._library = library
        self._embedder = embedder
        self._catalog = Catalog(root / "catalog.sqlite")
        picture = snapshot.open_current(self._catalog, root / "snapshots")
        if picture is None or not picture.dense:
            raise SystemExit("Nothing was indexed with vectors: is the embedder there?")
        self._picture = picture

    @classmethod
    async def build(cls, root: Path, texts: Path, embedder: MiniLM) -> Indexed:
        """Fill a library with a folder's files; one that cannot be read will not be found."""
        library = Library.open(root, embedder=embedder)
        report = await library.add([str(texts)])
        for problem in report.failed:
            print(f"Not indexed: {problem}", file=sys.stderr)
        return cls(root, library, embedder)

    def close(self) -> None:
        """Let go of files."""
        self._catalog.close()
        self._library.close()

    def found(self, limit: int) -> Search:
        """The product's own search."""

        async def search(query: str) -> Sequence[Passage]:
            return (await self._library.search(query, limit=limit)).passages

        return search

    def ranked(
        self,
        limit: int,
        *,
        vectors: bool = True,
        dense_share: float = retrieve.DENSE_SHARE,
        keep_all: bool = False,
    ) -> Search:
        """The product's ranking with another weight, or without a part of it."""

        async def search(query: str) -> Sequence[Passage]:
            vector = self._embedder.embed([query])[0] if vectors else None
            hits = retrieve.rank(
                self._picture, query, vector, limit if keep_all else 2 * limit,
                dense_share=dense_share,
            )  # fmt: skip
            passages = self._passages(hits)
            return passages if keep_all else retrieve.distinct(passages, limit)

        return search

    def by_ranks(self, limit: int) -> Search:
        """Both indexes' rankings fused by reciprocal rank."""

        async def search(query: str) -> Sequence[Passage]:
            vector = self._embedder.embed([query])[0]
            depth = max(retrieve.CANDIDATES, 2 * limit)
            scores: dict[int, float] = {}
            for share, given in ((0.0, None), (1.0, vector)):
                hits = retrieve.rank(self._picture, query, given, depth, dense_share=share)
                for rank, hit in enumerate(hits, start=1):
                    scores[hit.row] = scores.get(hit.row, 0.0) + 1 / (RRF_K + rank)
            best = sorted(scores, key=lambda row: (-scores[row], row))[: 2 * limit]
            fused = [retrieve.Hit(row, scores[row], None, None) for row in best]
            return retrieve.distinct(self._passages(fused), limit)

        return search

    def _passages(self, hits: Sequence[retrieve.Hit]) -> list[Passage]:
        rows = self._catalog.documents.chunk_rows([hit.row for hit in hits])
        return [retrieve.passage(rows[hit.row], hit) for hit in hits]

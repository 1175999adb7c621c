"""A query to passages, over the published picture of the library."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from knowledge import retrieve, snapshot
from knowledge.errors import EmbedderMismatch, EmbedderUnavailable, RerankerUnavailable
from knowledge.rerank import DEPTH, rerank
from knowledge.types import Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.catalog import Catalog
    from knowledge.embed import Embedder
    from knowledge.filters import Filters
    from knowledge.rerank import Reranker

_SPARE = 3
"""Hits looked at for each passage wanted, so that repetition can be dropped."""
_MOST = 1000
"""Hits looked at in the end, where nearly all repeat each other."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found."""

    passages: tuple[Passage, ...]
    """Best first."""
    how: Literal["hybrid", "lexical", "empty"]
    """By meaning and words, by words only, or not at all since the library is empty."""
    note: str = ""
    """Why it was not hybrid, in words for the user."""


class Searcher:
    """Searches one library; keeps the picture open until another is published."""

    def __init__(
        self,
        catalog: Catalog,
        snapshots: Path,
        embedder: Embedder | None,
        reranker: Reranker | None = None,
    ) -> None:
        self._reranker = reranker
        self._catalog = catalog
        self._snapshots = snapshots
        self._embedder = embedder
        self._lock = threading.Lock()
        self._open: tuple[str, snapshot.Snapshot] | None = None

    def search(self, query: str, limit: int, filters: Filters | None) -> Found:
        """See `Library.search`."""
        for _ in range(3):
            name = self._catalog.meta("snapshot")
            found = self._search_once(query, limit, filters)
            # A sync that ended meanwhile may have cleared away what the picture names.
            if name == self._catalog.meta("snapshot"):
                break
        return found

    def close(self) -> None:
        """Let go of the picture."""
        self._open = None

    def _search_once(self, query: str, limit: int, filters: Filters | None) -> Found:
        picture = self._picture()
        if picture is None or not len(picture.rows):
            return Found((), "empty")
        vector, note = self._embed(query, picture)
        allowed = self._catalog.sources.documents_of(filters).__contains__ if filters else None
        how: Literal["hybrid", "lexical"] = "lexical" if vector is None else "hybrid"
        depth = limit if self._reranker is None else max(limit, DEPTH)
        wanted = depth * _SPARE
        while True:
            hits = retrieve.rank(picture, query, vector, wanted, allowed)
            rows = self._catalog.documents.chunk_rows([hit.row for hit in hits])
            found = [retrieve.passage(rows[hit.row], hit) for hit in hits if hit.row in rows]
            passages = retrieve.distinct(found, depth)
            # Where many repeat each other, those behind them are looked at too.
            if len(passages) == depth or len(hits) < wanted or wanted > _MOST:
                break
            wanted *= 4
        if self._reranker is not None:
            try:
                passages = tuple(rerank(self._reranker, query, passages))
            except RerankerUnavailable as error:
                note = f"{note} Not reranked: {error} {error.hint}".strip()
        passages = passages[:limit]
        if filters is not None:
            passages = tuple(self._from_allowed(passage, filters) for passage in passages)
        return Found(passages, how, note)

    def _from_allowed(self, passage: Passage, filters: Filters) -> Passage:
        """The passage, named by a source that was asked for, where its text has several."""
        sources = self._catalog.sources.of(passage.document_id)
        allowed = (s for s, kind, changed in sources if filters.allow(s, kind, changed))
        return replace(passage, source=next(allowed, passage.source))

    def _picture(self) -> snapshot.Snapshot | None:
        with self._lock:
            name = self._catalog.meta("snapshot")
            if self._open is None or self._open[0] != name:
                opened = snapshot.open_current(self._catalog, self._snapshots)
                self._open = None if opened is None else (name, opened)
            return self._open[1] if self._open else None

    def _embed(
        self, query: str, picture: snapshot.Snapshot
    ) -> tuple[NDArray[np.float32] | None, str]:
        """The query's vector, or None and why there is none."""
        if self._embedder is None:
            return None, "Searched by words only: no embedder is configured."
        if picture.vectors is None:
            return None, "Searched by words only: the library has no vectors (agent sync)."
        try:
            self._embedder.load()
            if picture.embedder != self._embedder.name:
                raise mismatch(picture.embedder, self._embedder.name)
            return self._embedder.embed([query])[0], ""
        except EmbedderUnavailable as error:
            return None, f"Searched by words only: {error} {error.hint}".strip()


def mismatch(stored: str, wanted: str) -> EmbedderMismatch:
    """The error for an index whose vectors another embedder made."""
    return EmbedderMismatch(
        f"The library's vectors were made by {stored}; the embedder is now {wanted}.",
        hint="agent sync --rebuild makes them anew, or set the embedder back (agent config).",
    )

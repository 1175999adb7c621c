"""A query to passages, over the published picture of the library."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from knowledge import retrieve, snapshot
from knowledge.errors import (
    EmbedderMismatch,
    EmbedderUnavailable,
    LibraryCorrupt,
    RerankerUnavailable,
)
from knowledge.rerank import DEPTH, rerank
from knowledge.types import Passage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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

    def __init__(self, embedder: Embedder | None, reranker: Reranker | None = None) -> None:
        self._embedder = embedder
        self._reranker = reranker
        self._lock = threading.Lock()
        self._open: tuple[Path, snapshot.Snapshot] | None = None

    def search(
        self, catalog: Catalog, snapshots: Path, query: str, limit: int, filters: Filters | None
    ) -> Found:
        """See `Library.search`; over a catalogue and the folder of its pictures."""
        for _ in range(3):
            state = catalog.meta("state")
            found = self._search_once(catalog, snapshots, query, limit, filters)
            # A sync that ended meanwhile may have cleared away what the picture names, or given a
            # document other sources.
            if state == catalog.meta("state"):
                break
        return found

    def close(self) -> None:
        """Let go of the picture."""
        with self._lock:
            self._open = None

    def _search_once(
        self, catalog: Catalog, snapshots: Path, query: str, limit: int, filters: Filters | None
    ) -> Found:
        picture = self._picture(catalog, snapshots)
        if picture is None and catalog.meta("snapshot"):
            raise LibraryCorrupt(
                "The library's search index is lost or damaged; its documents are there.",
                hint="agent sync builds it again.",
            )
        if picture is None or not len(picture.rows):
            return Found((), "empty")
        vector, note = self._embed(query, picture)
        selection = catalog.select(filters) if filters else None
        how: Literal["hybrid", "lexical"] = "lexical" if vector is None else "hybrid"
        depth = limit if self._reranker is None else max(limit, DEPTH)
        wanted = depth * _SPARE
        while True:
            hits = retrieve.rank(picture, query, vector, wanted, selection)
            rows = catalog.documents.chunk_rows([hit.row for hit in hits])
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
        if filters is not None:
            passages = tuple(_of_asked(catalog, passages, filters))
        return Found(passages[:limit], how, note)

    def _picture(self, catalog: Catalog, snapshots: Path) -> snapshot.Snapshot | None:
        with self._lock:
            place = snapshots / catalog.meta("snapshot")
            if self._open is None or self._open[0] != place:
                opened = snapshot.open_current(catalog, snapshots)
                self._open = None if opened is None else (place, opened)
            return self._open[1] if self._open else None

    def _embed(
        self, query: str, picture: snapshot.Snapshot
    ) -> tuple[NDArray[np.float32] | None, str]:
        """The query's vector, or None and why there is none."""
        if self._embedder is None:
            return None, "Searched by words only: no embedder is configured."
        if not picture.dense:
            return None, "Searched by words only: the library has no vectors (agent sync)."
        try:
            self._embedder.load()
            if picture.embedder != self._embedder.name:
                raise mismatch(picture.embedder, self._embedder.name)
            return self._embedder.embed([query])[0], ""
        except EmbedderUnavailable as error:
            return None, f"Searched by words only: {error} {error.hint}".strip()


def _of_asked(catalog: Catalog, passages: Iterable[Passage], filters: Filters) -> Iterator[Passage]:
    """The passages, named by a source that was asked for, where their text has several.

    One whose source has just gone, or changed so that it is not asked for, is left out.
    """
    for passage in passages:
        for source, kind, changed in catalog.sources.of(passage.document_id):
            if filters.allow(source, kind, changed):
                yield replace(passage, source=source)
                break


def mismatch(stored: str, wanted: str) -> EmbedderMismatch:
    """The error for an index whose vectors another embedder made."""
    return EmbedderMismatch(
        f"The library's vectors were made by {stored}; the embedder is now {wanted}.",
        hint="agent sync --rebuild makes them anew, or set the embedder back (agent config).",
    )

"""Vectors, kept and searched by nearness: Chroma behind a protocol. The only door to chromadb.

Embeds nothing: vectors come from an `Embedder` and go in as they are.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from knowledge.errors import LibraryCorrupt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

_COLLECTION = "chunks"
_BATCH = 1000
"""Chunks written or read at once; Chroma's own ceiling is 5,461 (SQLite's bound variables)."""


class DenseStore(Protocol):
    """The lasting home of the vectors. Writing what is there already replaces it."""

    def put(self, ids: Sequence[str], vectors: Vectors) -> None:
        """Store float32 unit vectors, shape (len(ids), d)."""

    def get(self, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """Those of the ids that are stored, and their vectors in the same order."""

    def delete(self, ids: Sequence[str]) -> None:
        """Remove; ids that are not there are passed over."""

    def query(self, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """The nearest ids with their cosine similarity, best first."""

    def count(self) -> int:
        """How many vectors are stored."""

    def clear(self) -> None:
        """Remove everything; vectors of another length may follow."""

    def close(self) -> None:
        """Let go of files and threads."""


class ChromaStore:
    """Chroma, embedded, in a folder of its own. Opens (0.3 s) on first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: tuple[Any, Any] | None = None

    def put(self, ids: Sequence[str], vectors: Vectors) -> None:
        """See `DenseStore`."""
        for i in range(0, len(ids), _BATCH):
            self._collection.upsert(
                ids=list(ids[i : i + _BATCH]), embeddings=vectors[i : i + _BATCH]
            )

    def get(self, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """See `DenseStore`."""
        import numpy as np

        found: list[str] = []
        parts = []
        for i in range(0, len(ids), _BATCH):
            batch = self._collection.get(ids=list(ids[i : i + _BATCH]), include=["embeddings"])
            if batch["ids"]:
                found += batch["ids"]
                parts.append(np.asarray(batch["embeddings"], dtype=np.float32))
        return found, np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)

    def delete(self, ids: Sequence[str]) -> None:
        """See `DenseStore`."""
        for i in range(0, len(ids), _BATCH):
            self._collection.delete(ids=list(ids[i : i + _BATCH]))

    def query(self, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """See `DenseStore`."""
        if not (stored := self.count()):
            return []
        found = self._collection.query(
            query_embeddings=[vector], n_results=min(limit, stored), include=["distances"]
        )
        return [
            (chunk_id, 1.0 - float(distance))
            for chunk_id, distance in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

    def count(self) -> int:
        """See `DenseStore`."""
        return int(self._collection.count())

    def clear(self) -> None:
        """See `DenseStore`."""
        client, _ = self._open()
        client.delete_collection(_COLLECTION)
        self._opened = None

    def close(self) -> None:
        """See `DenseStore`."""
        if self._opened is not None:
            self._opened[0].close()
        self._opened = None

    @property
    def _collection(self) -> Any:
        return self._open()[1]

    def _open(self) -> tuple[Any, Any]:
        """The client and its collection."""
        if self._opened is None:
            os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
            import chromadb
            from chromadb.config import Settings
            from chromadb.errors import ChromaError

            try:
                client = chromadb.PersistentClient(
                    path=str(self._folder), settings=Settings(anonymized_telemetry=False)
                )
                # Without `embedding_function=None` Chroma fetches a model of its own.
                collection = client.get_or_create_collection(
                    _COLLECTION,
                    embedding_function=None,
                    configuration={"hnsw": {"space": "cosine"}},
                )
            except (ChromaError, ValueError, OSError) as error:
                raise LibraryCorrupt(
                    f"The vector store cannot be opened: {error} ({self._folder})",
                    hint="agent sync --rebuild makes it anew from the documents.",
                ) from error
            self._opened = client, collection
        return self._opened

"""The vectors of a shared library: another store's, under names that a sweep retires for good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowledge.dense import DenseStore, Vectors


def stored_id(document_id: str, epoch: int) -> str:
    """What a document goes by on the server: by its id, and since which sweep it is there.

    A swept document's records are deleted by this name. Whoever stores the same document
    afterwards uses the next name, so a late deletion can never take what a later commit names.
    """
    return f"{document_id}.{epoch}" if epoch else document_id


class EpochStore:
    """See `knowledge.dense.DenseStore`; writes and reads the names that count now."""

    def __init__(self, store: DenseStore, name: str) -> None:
        """Over the store of a collection called `name`."""
        self._store = store
        self._name = name
        self.epochs: Mapping[str, int] = {}
        """The version that last swept a document, by document; kept up to date by the cache."""

    @property
    def place(self) -> str:
        """See `DenseStore`."""
        return f"{self._store.place} ({self._name})"

    def put(self, ids: Sequence[str], vectors: Vectors) -> None:
        """See `DenseStore`."""
        self._store.put([self._stored(chunk) for chunk in ids], vectors)

    def get(self, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """See `DenseStore`."""
        names = {self._stored(chunk): chunk for chunk in ids}
        found, vectors = self._store.get(list(names))
        return [names[name] for name in found], vectors

    def delete(self, ids: Sequence[str]) -> None:
        """See `DenseStore`."""
        self._store.delete([self._stored(chunk) for chunk in ids])

    def erase(self, swept: Iterable[tuple[str, int, int]]) -> None:
        """Delete what was retired: the vectors of documents by id, epoch and number of chunks."""
        self._store.delete(
            [f"{stored_id(doc, epoch)}:{n}" for doc, epoch, size in swept for n in range(size)]
        )

    def query(self, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """See `DenseStore`; under the names on the server."""
        return self._store.query(vector, limit)

    def count(self) -> int:
        """See `DenseStore`."""
        return self._store.count()

    def clear(self) -> None:
        """See `DenseStore`."""
        self._store.clear()

    def close(self) -> None:
        """See `DenseStore`."""
        self._store.close()

    def _stored(self, chunk: str) -> str:
        document_id, _, ordinal = chunk.rpartition(":")
        return f"{stored_id(document_id, self.epochs.get(document_id, 0))}:{ordinal}"

"""Vectors, kept and searched by nearness: Chroma behind a protocol. The only door to chromadb.

Embeds nothing: vectors come from an `Embedder` and go in as they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from knowledge.errors import LibraryCorrupt, StoreFailed, StoreUnreachable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

_BATCH = 1000
"""Chunks written or read at once; Chroma's own ceiling is 5,461 (SQLite's bound variables)."""


class DenseStore(Protocol):
    """The lasting home of the vectors. Writing what is there already replaces it."""

    @property
    def place(self) -> str:
        """What tells this home from another: a server's address; empty for the library's own."""

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
    """A Chroma collection: in a folder of its own, or on a server. Opens on first use (0.3 s)."""

    def __init__(self, place: Path | str, collection: str = "chunks") -> None:
        """Name the place; nothing is opened yet.

        Args:
            place: A folder, or the URL of a Chroma server. A server that wants a token, or a
                tenant and database of one's own, finds them in the environment variables
                CHROMA_API_KEY, CHROMA_TENANT and CHROMA_DATABASE, as Chroma's own clients do.
            collection: The collection's name on a server that many share.
        """
        self._place = place
        self._name = collection
        self._opened: tuple[Any, Any] | None = None

    @property
    def place(self) -> str:
        """See `DenseStore`."""
        return self._place if isinstance(self._place, str) else ""

    def put(self, ids: Sequence[str], vectors: Vectors) -> None:
        """See `DenseStore`."""
        for i in range(0, len(ids), _BATCH):
            with self._explained():
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
            with self._explained():
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
        client.delete_collection(self._name)
        self.close()

    def close(self) -> None:
        """See `DenseStore`."""
        if self._opened is not None:
            client, _ = self._opened
            # Chroma's own `close` leaves connections to a server open, its admin client's too.
            servers = client._server, client._admin_client._server
            client.close()
            for server in servers:
                if (session := getattr(server, "_session", None)) is not None:
                    session.close()
        self._opened = None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in the house's words what Chroma says in its own."""
        collection = self._collection
        from chromadb.errors import ChromaError

        try:
            yield
        except (ChromaError, ValueError, OSError) as error:
            # Chroma does not tell a full disk from other trouble in compacting its log.
            raise StoreFailed(
                f"The vector store could not be written ({collection.name}): {error}",
                hint="Look for room on the disk (agent doctor), and run the command again:"
                " it goes on where it stopped.",
            ) from error

    @property
    def _collection(self) -> Any:
        return self._open()[1]

    def _open(self) -> tuple[Any, Any]:
        """The client and its collection."""
        if self._opened is None:
            os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
            from chromadb.errors import ChromaError

            try:
                client = self._connect()
                # Without `embedding_function=None` Chroma fetches a model of its own.
                collection = client.get_or_create_collection(
                    self._name,
                    embedding_function=None,
                    configuration={"hnsw": {"space": "cosine"}},
                )
            except (ChromaError, ValueError, OSError) as error:
                if isinstance(self._place, str):
                    raise StoreUnreachable(
                        f"The Chroma server at {self._place} cannot be used: {error}",
                        hint="Start it (chroma run), or go back: agent config unset chroma_url",
                    ) from error
                raise LibraryCorrupt(
                    f"The vector store cannot be opened: {error} ({self._place})",
                    hint="agent sync --rebuild makes it anew from the documents.",
                ) from error
            self._opened = client, collection
        return self._opened

    def _connect(self) -> Any:
        import chromadb
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        if isinstance(self._place, Path):
            return chromadb.PersistentClient(path=str(self._place), settings=settings)
        url = urlsplit(self._place)
        key = os.environ.get("CHROMA_API_KEY", "")
        return chromadb.HttpClient(
            host=url.hostname or "localhost",
            port=url.port or (443 if url.scheme == "https" else 8000),
            ssl=url.scheme == "https",
            headers={"x-chroma-token": key} if key else None,
            tenant=os.environ.get("CHROMA_TENANT", "default_tenant"),
            database=os.environ.get("CHROMA_DATABASE", "default_database"),
            settings=settings,
        )

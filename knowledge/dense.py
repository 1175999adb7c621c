"""Vectors, kept and searched by nearness: Chroma behind a protocol. The only door to chromadb.

Embeds nothing: vectors come from an `Embedder` and go in as they are. Beside them, texts by name in
a collection that several processes write to (`Records`), which a shared library is made of.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlsplit

from knowledge.errors import LibraryCorrupt, StoreFailed, StoreUnreachable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

R = TypeVar("R")

_BATCH = 1000
"""Chunks written or read at once; Chroma's own ceiling is 5,461 (SQLite's bound variables)."""
_SERVER_BATCH = 300
"""The same on a server: Chroma Cloud takes and gives no more at once (its page of quotas)."""

_SIGN_OF_LIFE = 10.0
"""Seconds to wait for a server to say that it is there; Chroma's own client would wait for ever."""
_ANSWER = 120.0
"""Seconds to wait for a server's answer to one batch."""

_MESSAGE = 300
"""Characters of a server's own message that are shown."""


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


class _Collection:
    """One Chroma collection: in a folder, or on a server. Opens on first use (0.3 s)."""

    def __init__(self, place: Path | str, name: str, patience: float = _ANSWER) -> None:
        self.place = place
        self.name = name
        self._patience = patience
        self._client: Any = None
        self._collection: Any = None

    @property
    def batch(self) -> int:
        """How many entries are written or read at once."""
        return _SERVER_BATCH if isinstance(self.place, str) else _BATCH

    @property
    def it(self) -> Any:
        """Chroma's own collection, opened; made where there is none."""
        return self._open(create=True)

    def with_it(self, work: Callable[[Any], R], otherwise: R) -> R:
        """Do something with Chroma's own collection; `otherwise` where there is none."""
        from chromadb.errors import NotFoundError

        for last in (False, True):
            with self.explained():
                if (there := self._open(create=False)) is None:
                    break
                try:
                    return work(there)
                except NotFoundError:
                    # It was deleted, and may have been made again under another id.
                    self._collection = None
                    if last:
                        raise
        return otherwise

    def drop(self) -> None:
        """Delete the collection and all that is in it."""
        if self._open(create=False) is not None:
            with self.explained():
                self._client.delete_collection(self.name)
        self.close()

    def close(self) -> None:
        """Let go of files, threads and connections."""
        if (client := self._client) is not None:
            # Chroma's own `close` leaves connections to a server open, its admin client's too.
            servers = client._server, client._admin_client._server
            client.close()
            for server in servers:
                if (session := getattr(server, "_session", None)) is not None:
                    session.close()
        self._client = self._collection = None

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Say in the house's words what Chroma says in its own."""
        import httpx
        from chromadb.errors import ChromaError

        try:
            yield
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        except (ChromaError, ValueError, OSError) as error:
            if isinstance(self.place, str):
                # The collection may have been deleted, and made again under another id.
                self.close()
                raise StoreFailed(
                    f"The Chroma server at {self.place} could not do what it was asked"
                    f" ({self.name}): {_short(error)}",
                    hint="Run the command again: it goes on where it stopped. If it fails again,"
                    " look at what the server itself reports.",
                ) from error
            # Chroma does not tell a full disk from other trouble in compacting its log.
            raise StoreFailed(
                f"The vector store could not be read or written ({self.name}): {error}",
                hint="Look for room on the disk (agent doctor), and run the command again:"
                " it goes on where it stopped.",
            ) from error

    def _open(self, *, create: bool) -> Any | None:
        if self._collection is None:
            os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
            import httpx
            from chromadb.errors import ChromaError

            try:
                if self._client is None:
                    self._client = self._connect()
                self._collection = self._find(create=create)
            except (ChromaError, ValueError, OSError, httpx.HTTPError) as error:
                if isinstance(self.place, str):
                    raise self._unreachable(error) from error
                raise LibraryCorrupt(
                    f"The vector store cannot be opened: {error} ({self.place})",
                    hint="agent sync --rebuild makes it anew from the documents.",
                ) from error
        return self._collection

    def _find(self, *, create: bool) -> Any | None:
        from chromadb.errors import NotFoundError

        # Without `embedding_function=None` Chroma fetches a model of its own.
        if create:
            return self._client.get_or_create_collection(
                self.name,
                embedding_function=None,
                # Of unit vectors the inner product is the cosine; asked for the cosine,
                # Chroma normalizes what it stores, and gives back other bits than it got.
                # A collection that is there keeps what it was made with.
                configuration={"hnsw": {"space": "ip"}},
            )
        try:
            return self._client.get_collection(self.name, embedding_function=None)
        except NotFoundError:
            return None

    def _unreachable(self, error: Exception) -> StoreUnreachable:
        return StoreUnreachable(
            f"The Chroma server at {self.place} cannot be used: {_short(error)}",
            hint="Start it (chroma run) or correct chroma_url; or go back:"
            " agent config unset chroma_url",
        )

    def _connect(self) -> Any:
        import chromadb
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        if isinstance(self.place, Path):
            return chromadb.PersistentClient(path=str(self.place), settings=settings)
        import httpx

        api = f"{self.place.rstrip('/')}/api/v2"
        soon = min(_SIGN_OF_LIFE, self._patience)
        if httpx.get(f"{api}/heartbeat", timeout=soon).status_code == 404:
            raise ValueError("what answers there is no Chroma server, or an old one (404)")
        url = urlsplit(self.place)
        key = os.environ.get("CHROMA_API_KEY", "")
        headers = {"x-chroma-token": key} if key else None
        tenant = os.environ.get("CHROMA_TENANT", "default_tenant")
        database = os.environ.get("CHROMA_DATABASE", "default_database")
        # Chroma's own client asks for these as it is made, and would wait for ever. What comes
        # back is its to judge.
        httpx.get(
            f"{api}/tenants/{quote(tenant, safe='')}/databases/{quote(database, safe='')}",
            headers=headers,
            timeout=httpx.Timeout(self._patience, connect=soon),
        )
        client = chromadb.HttpClient(
            host=url.hostname or "localhost",
            port=url.port or (443 if url.scheme == "https" else 8000),
            ssl=url.scheme == "https",
            headers=headers,
            tenant=tenant,
            database=database,
            settings=settings,
        )
        if (session := getattr(client._server, "_session", None)) is not None:
            session.timeout = httpx.Timeout(self._patience, connect=soon)
        return client


def _get(there: Any, **wanted: Any) -> Any:
    return there.get(**wanted)


def _delete(there: Any, **which: Any) -> None:
    there.delete(**which)


def _short(error: Exception) -> str:
    """What an error says, in a line; a server's whole page is no message."""
    words = " ".join(str(error).split()) or type(error).__name__
    if "<html" in words.lower():
        return "it answered with a page of the web, as a proxy or another server does"
    return words if len(words) <= _MESSAGE else f"{words[:_MESSAGE]} …"


class ChromaStore:
    """Vectors in a Chroma collection: in a folder of its own, or on a server."""

    def __init__(self, place: Path | str, collection: str = "chunks") -> None:
        """Name the place; nothing is opened yet.

        Args:
            place: A folder, or the URL of a Chroma server. A server that wants a token, or a
                tenant and database of one's own, finds them in the environment variables
                CHROMA_API_KEY, CHROMA_TENANT and CHROMA_DATABASE, as Chroma's own clients do.
            collection: The collection's name on a server that many share.
        """
        self._at = _Collection(place, collection)

    @property
    def place(self) -> str:
        """See `DenseStore`."""
        return self._at.place if isinstance(self._at.place, str) else ""

    def put(self, ids: Sequence[str], vectors: Vectors) -> None:
        """See `DenseStore`."""
        for i in range(0, len(ids), self._at.batch):
            with self._at.explained():
                end = i + self._at.batch
                self._at.it.upsert(ids=list(ids[i:end]), embeddings=vectors[i:end])

    def get(self, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """See `DenseStore`."""
        import numpy as np

        found: list[str] = []
        parts = []
        for i in range(0, len(ids), self._at.batch):
            some = list(ids[i : i + self._at.batch])
            none: dict[str, Any] = {"ids": []}
            batch = self._at.with_it(partial(_get, ids=some, include=["embeddings"]), none)
            if batch["ids"]:
                found += batch["ids"]
                parts.append(np.asarray(batch["embeddings"], dtype=np.float32))
        return found, np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)

    def delete(self, ids: Sequence[str]) -> None:
        """See `DenseStore`."""
        for i in range(0, len(ids), self._at.batch):
            self._at.with_it(partial(_delete, ids=list(ids[i : i + self._at.batch])), None)

    def query(self, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """See `DenseStore`."""
        if not (stored := self.count()):
            return []
        with self._at.explained():
            found = self._at.it.query(
                query_embeddings=[vector], n_results=min(limit, stored), include=["distances"]
            )
        return [
            (chunk_id, 1.0 - float(distance))
            for chunk_id, distance in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

    def count(self) -> int:
        """See `DenseStore`."""
        return self._at.with_it(lambda there: int(there.count()), 0)

    def clear(self) -> None:
        """See `DenseStore`."""
        self._at.drop()

    def close(self) -> None:
        """See `DenseStore`."""
        self._at.close()


class Record(NamedTuple):
    """A short text that goes by a name."""

    name: str
    text: str
    """At most 16,384 bytes of UTF-8: Chroma Cloud's bound."""
    of: str
    """What `Records.delete` knows it by."""


class Records:
    """Short texts by name in a Chroma collection, where the first to take a name keeps it."""

    def __init__(self, place: Path | str, collection: str, *, patience: float = _ANSWER) -> None:
        """Name the place, as for `ChromaStore`; nothing is opened yet.

        Args:
            place: As for `ChromaStore`.
            collection: The collection's name.
            patience: Seconds to wait for a server's answer.
        """
        self._at = _Collection(place, collection, patience)

    def add(self, records: Sequence[Record]) -> None:
        """Store texts under names; where a name is taken, what it names stays as it is.

        Chroma itself passes over the `add` of an id that exists, also where many add it at once
        (docs/decisions/0004): a name that reads back as ours is ours alone.
        """
        for i in range(0, len(records), self._at.batch):
            some = records[i : i + self._at.batch]
            with self._at.explained():
                self._at.it.add(
                    ids=[record.name for record in some],
                    # A collection wants vectors. Nothing is searched by these; they differ,
                    # since an index of equal points degenerates.
                    embeddings=[[float(zlib.crc32(r.name.encode()) % 65_521)] for r in some],
                    documents=[record.text for record in some],
                    metadatas=[{"of": record.of} for record in some],
                )

    def get(self, names: Sequence[str]) -> dict[str, str]:
        """The texts of those names that are there."""
        found: dict[str, str] = {}
        for i in range(0, len(names), self._at.batch):
            some = list(names[i : i + self._at.batch])
            none: dict[str, list[str]] = {"ids": [], "documents": []}
            batch = self._at.with_it(partial(_get, ids=some, include=["documents"]), none)
            found.update(zip(batch["ids"], batch["documents"], strict=True))
        return found

    def delete(self, of: Sequence[str]) -> None:
        """Remove all that was added as `of` one of these."""
        for i in range(0, len(of), self._at.batch):
            some = {"$in": list(of[i : i + self._at.batch])}
            self._at.with_it(partial(_delete, where={"of": some}), None)

    def close(self) -> None:
        """Let go of files, threads and connections."""
        self._at.close()

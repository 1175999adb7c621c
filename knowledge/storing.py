"""What a sync stores: documents in the catalogue, their vectors in the dense index, many at a time.

Vectors are journalled before they are written, and a document is in the catalogue only when its
vectors are there: killed between, the next sync takes back what half was written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from knowledge.documents import heading, indexed_text
from knowledge.read import stopping
from knowledge.report import Progress
from knowledge.split import estimate_tokens, split
from knowledge.types import chunk_id

if TYPE_CHECKING:
    from knowledge.ahead import Ready
    from knowledge.catalog import Catalog
    from knowledge.dense import DenseStore
    from knowledge.embed import Embedder, Vectors
    from knowledge.shared.cache import Share
    from knowledge.sources import Entry
    from knowledge.types import Chunk, Document

BATCH_CHUNKS = 256
"""Chunks embedded together: enough to sort by length, few enough that an interruption is cheap."""


class _Queued(NamedTuple):
    """A document that is to be stored."""

    document: Document
    chunks: list[Chunk]
    entries: list[Entry]
    vectors: Vectors | None
    """Those of the chunks, where an engine has made them."""


@dataclass(slots=True)
class Storing:
    """The documents that one sync stores."""

    catalog: Catalog
    store: DenseStore
    embedder: Embedder | None
    """None stores words only."""
    share: Share | None
    """The library that this is one node's cache of."""
    embedding: Callable[[str], None]
    """Told, in words, how far the embedding of what is queued is."""
    cancelled: Callable[[], bool]
    chunks: int = field(init=False, default=0)
    """Those stored so far."""
    _queue: list[_Queued] = field(init=False, default_factory=list)
    _signed: bool = field(init=False, default=False)

    @property
    def is_full(self) -> bool:
        """Whether it is time to flush."""
        return sum(len(queued.chunks) for queued in self._queue) >= BATCH_CHUNKS

    def add(self, document: Document, entries: Sequence[Entry], file: Ready | None = None) -> None:
        """Queue a document to be stored, or only stage its sources where it is stored already.

        Args:
            document: What was read.
            entries: Its sources.
            file: What an engine has made of it, if one has.

        Raises:
            InterruptedError: `cancelled` said so.
        """
        queued = next((q for q in self._queue if q.document.id == document.id), None)
        if queued is not None:
            queued.entries.extend(entries)
        elif self.catalog.documents.has(document.id):
            self.catalog.sources.stage(entries)
        elif file is not None and file.chunks is not None:
            self._queue.append(_Queued(document, file.chunks, [*entries], file.vectors))
        else:
            count = self.embedder.count if self.embedder else estimate_tokens
            with stopping.when(self.cancelled):
                chunks = split(document, count=count)
            self._queue.append(_Queued(document, chunks, [*entries], None))

    def flush(self) -> None:
        """Embed and store what is queued."""
        queue, self._queue = self._queue, []
        if not queue:
            return
        if self.share is not None:
            counted = self.share.put([(q.document, q.chunks) for q in queue])
            queue = [
                # What another has split otherwise has other vectors too.
                q._replace(chunks=chunks, vectors=q.vectors if chunks == q.chunks else None)
                for q, chunks in zip(queue, counted, strict=True)
            ]
        if self.embedder is not None:
            self._put_queued(self.embedder, queue)
        for document, chunks, entries, _ in queue:
            self.catalog.documents.put(
                document, chunks, embedded=self.embedder is not None, entries=entries
            )
            self.chunks += len(chunks)

    def embed_missing(self, progress: Callable[[Progress], None]) -> None:
        """Give vectors to documents that were stored while there was no embedder.

        Raises:
            InterruptedError: `cancelled` said so.
        """
        if self.embedder is None:
            return
        if missing := self.catalog.documents.unembedded():
            self.catalog.set_meta("dirty", "yes")
        for done, document_id in enumerate(missing):
            if self.cancelled():
                raise InterruptedError
            progress(Progress("embed", done, len(missing), "passages without vectors"))
            chunks = self.catalog.documents.chunks_of(document_id)
            texts = [indexed_text(head, chunk.text) for chunk, head in chunks]
            self._put(
                self.embedder, [(document_id, len(chunks))], self._embed(self.embedder, texts)
            )
            self.catalog.documents.mark_embedded([document_id])

    def _put_queued(self, embedder: Embedder, queue: Sequence[_Queued]) -> None:
        if bare := [q for q in queue if q.vectors is None]:
            texts = [
                indexed_text(heading(d, chunk), chunk.text) for d, c, *_ in bare for chunk in c
            ]
            self._put(embedder, _sizes(bare), self._embed(embedder, texts))
        if made := [(q, q.vectors) for q in queue if q.vectors is not None]:
            import numpy as np

            vectors = np.concatenate([vectors for _, vectors in made])
            self._put(embedder, _sizes([q for q, _ in made]), vectors)

    def _embed(self, embedder: Embedder, texts: Sequence[str]) -> Vectors:
        return embedder.embed(
            texts,
            progress=lambda n: self.embedding(f"{n} of {len(texts)} passages"),
            cancelled=self.cancelled,
        )

    def _put(self, embedder: Embedder, sizes: list[tuple[str, int]], vectors: Vectors) -> None:
        """Journal and write the vectors of documents, given by id and number of chunks."""
        # Now that there is something to store: the first embedder is the library's for good.
        if not self._signed:
            if self.share is not None:
                self.share.sign(embedder.name)
            self.catalog.set_meta("store", self.store.place)
            self.catalog.set_meta("embedder", embedder.name)
            self._signed = True
        self.catalog.documents.begin_vectors(sizes)
        self.store.put([chunk_id(doc, n) for doc, size in sizes for n in range(size)], vectors)


def _sizes(queue: Sequence[_Queued]) -> list[tuple[str, int]]:
    return [(q.document.id, len(q.chunks)) for q in queue]

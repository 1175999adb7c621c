"""Documents with their chunks and vectors, from one opened library to another, as they are stored.

Which library that is, and when the copy counts, `move.py` and `shared/arrival.py` say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from knowledge.report import Progress

if TYPE_CHECKING:
    from knowledge.catalog import Catalog
    from knowledge.dense import Vectors
    from knowledge.shared.cache import Share
    from knowledge.shelf import Shelf
    from knowledge.types import Chunk, Document

PAGE = 50
"""Documents copied, and compared, at once."""

Tell = Callable[[Progress], None]


def wanted(catalog: Catalog) -> list[str]:
    """The documents that a library's sources or tags name, in the order of their rows."""
    named = {entry.document_id for entry in catalog.sources.entries() if entry.document_id}
    return in_order(catalog, named | catalog.tags.documents())


def in_order(catalog: Catalog, documents: set[str]) -> list[str]:
    """Documents in the order of their rows.

    Of passages that score the same, the first row's comes first: a copy is to keep that.
    """
    ordered = dict.fromkeys(doc for _, doc, _ in catalog.documents.chunk_keys(documents))
    return [*ordered, *sorted(documents - ordered.keys())]


def stored(at: Shelf, ids: Iterable[str]) -> list[tuple[Document, list[Chunk], Vectors | None]]:
    """Documents with their chunks and vectors, as they are stored.

    The vectors are None where there are none, or where the store has lost some of them: a sync
    makes them anew from the text.
    """
    import numpy as np

    documents = at.catalog.documents
    bare = set(documents.unembedded())
    found = [(documents.get(doc), [chunk for chunk, _ in documents.chunks_of(doc)]) for doc in ids]
    names = [chunk.id for document, chunks in found if document.id not in bare for chunk in chunks]
    held, vectors = at.store.get(names)
    row = {name: n for n, name in enumerate(held)}
    none = np.zeros((0, vectors.shape[1]), dtype=np.float32)
    return [
        (
            document,
            chunks,
            None
            if document.id in bare or any(chunk.id not in row for chunk in chunks)
            else vectors[[row[chunk.id] for chunk in chunks]] if chunks else none,
        )
        for document, chunks in found
    ]  # fmt: skip


def copy_documents(
    at: Shelf, new: Shelf, ids: Sequence[str], tell: Tell, share: Share | None = None
) -> None:
    """Copy those documents that are not there yet.

    Args:
        at: The original.
        new: The copy; of a shared library, its cache.
        ids: Which.
        tell: Told how far it is.
        share: The shared library that the copy is; its texts are on the server, too.
    """
    import numpy as np

    there = new.catalog.documents
    # What was copied while it had no vectors yet is copied again.
    late = set(there.unembedded()) - set(at.catalog.documents.unembedded())
    kept = set(ids) if share is None else _on_server(share)
    missing = [doc for doc in ids if doc not in kept or doc in late or not there.has(doc)]
    for i in range(0, len(missing), PAGE):
        tell(Progress("read", i, len(missing), "documents"))
        page = stored(at, missing[i : i + PAGE])
        if share is not None:
            share.put([(document, chunks) for document, chunks, _ in page])
        dense = [(doc.id, chunks, vectors) for doc, chunks, vectors in page if vectors is not None]
        if dense:
            _sign(at, new, share)
            there.begin_vectors((doc, len(chunks)) for doc, chunks, _ in dense)
            ids_of = [chunk.id for _, chunks, _ in dense for chunk in chunks]
            new.store.put(ids_of, np.concatenate([vectors for _, _, vectors in dense]))
        for document, chunks, vectors in page:
            there.put(document, chunks, embedded=vectors is not None, entries=())


def _on_server(share: Share) -> set[str]:
    """The documents whose text this machine has stored under the name that counts."""
    epochs = share.store.epochs
    copies = share.state.copies().items()
    return {doc for doc, (epoch, _) in copies if epoch == epochs.get(doc, 0)}


def _sign(at: Shelf, new: Shelf, share: Share | None) -> None:
    """Say whose vectors the copy's are and where, before there are any."""
    embedder = at.catalog.meta("embedder")
    if new.catalog.meta("embedder") != embedder or new.catalog.meta("store") != new.store.place:
        if share is not None:
            share.sign(embedder)
        new.catalog.set_meta("embedder", embedder)
        new.catalog.set_meta("store", new.store.place)


def without_vectors(at: Shelf, new: Shelf, ids: Sequence[str]) -> str:
    """A sentence on the documents whose vectors could not be copied; empty where all were."""
    bare = set(new.catalog.documents.unembedded()) - set(at.catalog.documents.unembedded())
    if not (count := len(bare.intersection(ids))):
        return ""
    return (
        f"The vectors of {count:,} of {len(ids):,} documents could not be read, and stay behind:"
        " the next agent sync of the copy makes them anew."
    )

"""Clear away what nothing names any more: documents, their vectors, old pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import snapshot
from knowledge.types import chunk_id

if TYPE_CHECKING:
    from knowledge.catalog import Catalog
    from knowledge.dense import DenseStore


def tidy(catalog: Catalog, store: DenseStore, snapshots: Path) -> None:
    """Clear away after the sources have changed; safe to be killed in, and to be run again."""
    catalog.documents.drop_orphans()
    take_back_vectors(catalog, store)
    snapshot.clear_others(catalog, snapshots)


def take_back_vectors(catalog: Catalog, store: DenseStore) -> None:
    """Delete the vectors that the journal names: half written, or no longer wanted."""
    if unfinished := catalog.documents.unfinished_vectors():
        store.delete([chunk_id(doc, n) for doc, size in unfinished for n in range(size)])
        catalog.documents.mark_embedded((doc for doc, _ in unfinished), embedded=False)

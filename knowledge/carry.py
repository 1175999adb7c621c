"""What a rebuild takes over from the generation before, since it cannot be read anew.

Documents that only a tag names, and those of sources that are there but may not be looked at just
now, or are pictures while OCR is not to be found. A page that cannot be fetched is found out about
later, by `sync.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from knowledge.filters import below
from knowledge.scan import is_unreadable_picture

if TYPE_CHECKING:
    from knowledge.catalog import Catalog
    from knowledge.sources import Entry


def wanted(earlier: Catalog, kept: Sequence[str]) -> dict[str, list[Entry]]:
    """Documents to be taken over, by id, each with the sources that are to name it.

    Args:
        earlier: The generation before.
        kept: Paths that nothing could be learnt about, and whose sources are to stay.
    """
    found: dict[str, list[Entry]] = {doc: [] for doc in earlier.tags.documents()}
    unknown = below(kept)
    for entry in earlier.sources.entries():
        if entry.document_id and (unknown(entry.source) or is_unreadable_picture(entry)):
            found.setdefault(entry.document_id, []).append(entry)
    return found

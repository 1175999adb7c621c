"""What the library holds, in SQLite: the truth by which both indexes can be mended.

It searches nothing: that is `search.py` over a `snapshot.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.corpus import Corpus, Extent, gather, measure
from knowledge.database import Database
from knowledge.documents import Documents
from knowledge.selection import Selection
from knowledge.sources import Sources
from knowledge.tags import Tags

if TYPE_CHECKING:
    from knowledge.filters import Filters


class Catalog:
    """One open catalogue. Safe to share between threads; every write is one transaction."""

    def __init__(self, path: Path) -> None:
        """Open or create.

        Raises:
            LibraryCorrupt: The file is no database, or of a newer version.
        """
        self._db = Database(path)
        self.sources = Sources(self._db)
        self.documents = Documents(self._db)
        self.tags = Tags(self._db)

    def select(self, filters: Filters) -> Selection:
        """The documents that filters leave, for one question."""
        return Selection(self._db, filters)

    def extent(self, filters: Filters | None) -> Extent:
        """How much there is to read of what filters leave."""
        return measure(self._db, filters)

    def corpus(self, filters: Filters | None) -> Corpus:
        """All of what filters leave."""
        return gather(self._db, filters)

    @property
    def database(self) -> Database:
        """The open database, for tables that only some libraries have."""
        return self._db

    def close(self) -> None:
        """Close the database; the object is of no further use."""
        self._db.close()

    def meta(self, key: str, default: str = "") -> str:
        """A named value of the library as a whole."""
        return self._db.meta(key, default)

    def set_meta(self, key: str, value: str) -> None:
        """Store a named value."""
        self._db.set_meta(key, value)

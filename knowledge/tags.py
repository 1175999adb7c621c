"""Tags: what the sources were when the user said so. Cheap, since documents are shared."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.sources import point_to

if TYPE_CHECKING:
    from knowledge.database import Database


@dataclass(frozen=True, slots=True)
class Tag:
    """A named state of the library."""

    name: str
    created: float
    """Unix time."""
    sources: int


class Tags:
    """The tables of tags in an open database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> list[Tag]:
        """Every tag, oldest first."""
        rows = self._db.rows(
            "SELECT name, created, (SELECT count(*) FROM tagged WHERE tag = name)"
            " FROM tags ORDER BY created, name"
        )
        return [Tag(*row) for row in rows]

    def put(self, name: str) -> None:
        """Tag the sources as they are now; an older tag of that name is replaced."""
        with self._db.write() as db:
            db.execute("INSERT OR REPLACE INTO tags VALUES (?, ?)", (name, time.time()))
            db.execute("DELETE FROM tagged WHERE tag = ?", (name,))
            db.execute("INSERT INTO tagged SELECT ?, * FROM sources", (name,))

    def drop(self, name: str) -> None:
        """Forget a tag; what only it named is left for `Documents.drop_orphans`."""
        with self._db.write() as db:
            db.execute("DELETE FROM tags WHERE name = ?", (name,))
            db.execute("DELETE FROM tagged WHERE tag = ?", (name,))

    def documents(self, name: str | None = None) -> set[str]:
        """The documents that a tag, or any tag, names."""
        rows = self._db.rows(
            "SELECT DISTINCT document_id FROM tagged"
            " WHERE tag = ifnull(?, tag) AND document_id IS NOT NULL",
            (name,),
        )
        return {row[0] for row in rows}

    def take_over(self, earlier: Tags) -> None:
        """Have the tags of another catalogue; their documents must be put here, too."""
        tags = earlier._db.rows("SELECT * FROM tags")
        tagged = earlier._db.rows("SELECT * FROM tagged")
        with self._db.write() as db:
            db.executemany("INSERT INTO tags VALUES (?, ?)", tags)
            db.executemany("INSERT INTO tagged VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", tagged)

    def restore(self, name: str, snapshot: str) -> None:
        """Make a tag's sources those that count, with a picture of them: all at once."""
        columns = "source, root, document_id, reason, size, mtime_ns, ctime_ns, digest, indexed_at"
        with self._db.write() as db:
            db.execute("DELETE FROM sources")
            db.execute("DELETE FROM staged")
            db.execute(f"INSERT INTO sources SELECT {columns} FROM tagged WHERE tag = ?", (name,))
            point_to(db, snapshot)

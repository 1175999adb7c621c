"""What the user added, what was found there, and what a running sync has read so far."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from knowledge.database import Database


@dataclass(frozen=True, slots=True)
class Entry:
    """A source as it was when it was last looked at."""

    source: str
    root: str
    document_id: str | None
    """None where it could not be read."""
    reason: str
    size: int
    mtime_ns: int
    ctime_ns: int
    """When the file system last saw it change: no program can set this back."""
    digest: str
    """SHA-256 of the file's bytes, hex; empty where it was not read."""
    indexed_at: float


class Sources:
    """The tables of sources in an open database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def paths(self, table: Literal["roots", "excluded"]) -> list[str]:
        """What the user added, or took out of what was added; sorted."""
        return [row[0] for row in self._db.rows(f"SELECT path FROM {table} ORDER BY path")]

    def change_paths(
        self,
        table: Literal["roots", "excluded"],
        *,
        add: Iterable[str] = (),
        drop: Iterable[str] = (),
    ) -> None:
        """Add and drop paths of one of the two lists."""
        with self._db.write() as db:
            db.executemany(f"DELETE FROM {table} WHERE path = ?", [(path,) for path in drop])
            db.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?)", [(path,) for path in add])

    def entries(self) -> list[Entry]:
        """All sources, sorted by name."""
        return [Entry(*row) for row in self._db.rows("SELECT * FROM sources ORDER BY source")]

    def entry(self, source: str) -> Entry | None:
        """One source, or None."""
        rows = self._db.rows("SELECT * FROM sources WHERE source = ?", (source,))
        return Entry(*rows[0]) if rows else None

    def staged(self) -> list[Entry]:
        """Sources that a sync has read and that do not count yet, sorted by name."""
        return [Entry(*row) for row in self._db.rows("SELECT * FROM staged ORDER BY source")]

    def of(self, document_id: str) -> list[tuple[str, str, float]]:
        """Name, kind and time of last change (Unix) of a document's sources, sorted by name."""
        return self._db.rows(
            "SELECT source, kind, mtime_ns / 1e9 FROM sources JOIN documents ON id = document_id"
            " WHERE document_id = ? ORDER BY source",
            (document_id,),
        )

    def infos(self) -> list[tuple[Entry, str, str, int]]:
        """Every source with its document's title, kind and number of chunks."""
        rows = self._db.rows(
            "SELECT s.*, coalesce(d.title, ''), coalesce(d.kind, ''),"
            " (SELECT count(*) FROM chunks c WHERE c.document_id = d.id)"
            " FROM sources s LEFT JOIN documents d ON d.id = s.document_id ORDER BY source"
        )
        return [(Entry(*row[:-3]), *row[-3:]) for row in rows]

    def stage(self, entries: Iterable[Entry]) -> None:
        """Note sources as they are now; `settle` makes them count."""
        with self._db.write() as db:
            stage_into(db, entries)

    def forget(
        self, gone: Iterable[str], *, roots: Iterable[str], exclude: Iterable[str], snapshot: str
    ) -> None:
        """Take sources out, and keep them out, with a picture of what is left: all at once."""
        gone = list(gone)
        with self._db.write() as db:
            for table in ("sources", "staged"):
                db.executemany(f"DELETE FROM {table} WHERE source = ?", [(s,) for s in gone])
            db.executemany("DELETE FROM roots WHERE path = ?", [(root,) for root in roots])
            db.executemany("INSERT OR IGNORE INTO excluded VALUES (?)", [(s,) for s in exclude])
            point_to(db, snapshot)

    def settle(self, gone: Iterable[str], snapshot: str) -> None:
        """End a sync: staged sources count, those gone are forgotten, a new picture is current.

        All at once, so that a reader meets the library before or after, never in between.
        """
        with self._db.write() as db:
            for table in ("sources", "staged"):
                db.executemany(f"DELETE FROM {table} WHERE source = ?", [(s,) for s in gone])
            db.execute("INSERT OR REPLACE INTO sources SELECT * FROM staged")
            db.execute("DELETE FROM staged")
            point_to(db, snapshot)
            db.execute("DELETE FROM meta WHERE key = 'dirty'")


def point_to(db: sqlite3.Connection, snapshot: str) -> None:
    """Make a picture the one that is read, within the transaction that changes the sources."""
    db.execute("INSERT OR REPLACE INTO meta VALUES ('snapshot', ?)", (snapshot,))
    # Sources may change where the picture does not: a reader sees by this that they did.
    db.execute(
        "INSERT INTO meta VALUES ('state', '1')"
        " ON CONFLICT (key) DO UPDATE SET value = CAST(value + 1 AS TEXT)"
    )


def stage_into(db: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Stage sources within a transaction that is under way."""
    db.executemany(
        "INSERT OR REPLACE INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [astuple(entry) for entry in entries],
    )

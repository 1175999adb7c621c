"""The library's SQLite file: its schema, its transactions, and named values."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knowledge.errors import LibraryCorrupt

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE roots (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE excluded (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE documents (
    id TEXT PRIMARY KEY, text TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL,
    language TEXT NOT NULL, structure TEXT NOT NULL, embedded INTEGER NOT NULL
);
-- AUTOINCREMENT: a row number is never given twice, so that a snapshot's rows stay unmistakable.
CREATE TABLE chunks (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id TEXT NOT NULL REFERENCES documents ON DELETE CASCADE,
    ordinal INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
    place TEXT NOT NULL, heading TEXT NOT NULL, text TEXT NOT NULL,
    UNIQUE (document_id, ordinal)
);
CREATE TABLE sources (
    source TEXT PRIMARY KEY, root TEXT NOT NULL, document_id TEXT REFERENCES documents,
    reason TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    digest TEXT NOT NULL, indexed_at REAL NOT NULL
) WITHOUT ROWID;
-- What a sync has read so far; becomes the sources, all at once, when the sync ends.
CREATE TABLE staged AS SELECT * FROM sources;
CREATE UNIQUE INDEX staged_by_source ON staged (source);
-- What the sources were when the user said so; documents that only a tag names are kept.
CREATE TABLE tags (name TEXT PRIMARY KEY, created REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE tagged AS SELECT '' AS tag, * FROM sources;
CREATE UNIQUE INDEX tagged_by_tag ON tagged (tag, source);
CREATE INDEX sources_by_document ON sources (document_id);
CREATE TABLE journal (document_id TEXT PRIMARY KEY, chunks INTEGER NOT NULL) WITHOUT ROWID;
"""


class Database:
    """One open database. Safe to share between threads; every write is one transaction."""

    def __init__(self, path: Path) -> None:
        """Open or create.

        Raises:
            LibraryCorrupt: The file is no database, or of a newer version.
        """
        self.path = path
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, timeout=30)
            self._db.isolation_level = None
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._migrate()
        except sqlite3.DatabaseError as error:
            raise LibraryCorrupt(
                f"The library's catalogue cannot be opened: {error} ({path})",
                hint=f"Move the folder {path.parent} aside and add your documents again.",
            ) from error

    def _migrate(self) -> None:
        with self.write() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise LibraryCorrupt(
                    f"The library was written by a newer version ({version} > {SCHEMA_VERSION}).",
                    hint="Upgrade: pip install --upgrade understudy",
                )
            if version == 0:
                for statement in _SCHEMA.split(";\n"):
                    if statement.strip():
                        db.execute(statement)
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Read with one statement."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def close(self) -> None:
        """Close the database; the object is of no further use."""
        with self._lock:
            self._db.close()

    def meta(self, key: str, default: str = "") -> str:
        """A named value of the library as a whole."""
        rows = self.rows("SELECT value FROM meta WHERE key = ?", (key,))
        return rows[0][0] if rows else default

    def set_meta(self, key: str, value: str) -> None:
        """Store a named value."""
        with self.write() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

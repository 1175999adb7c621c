"""The library's SQLite file: its schema, its transactions, and named values."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knowledge.errors import (
    DiskFull,
    KnowledgeError,
    LibraryBusy,
    LibraryCorrupt,
    LibraryReadOnly,
)

SCHEMA_VERSION = 1

_BUSY = 30.0
"""Seconds to wait for another process's transaction, which is short."""

_PAGE = 500
"""Keys named by one statement."""

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
    ctime_ns INTEGER NOT NULL, digest TEXT NOT NULL, indexed_at REAL NOT NULL
) WITHOUT ROWID;
-- What a sync has read so far; becomes the sources, all at once, when the sync ends.
CREATE TABLE staged AS SELECT * FROM sources;
CREATE UNIQUE INDEX staged_by_source ON staged (source);
-- What the sources were when the user said so; documents that only a tag names are kept.
CREATE TABLE tags (name TEXT PRIMARY KEY, created REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE tagged AS SELECT '' AS tag, * FROM sources;
CREATE UNIQUE INDEX tagged_by_tag ON tagged (tag, source);
-- So that a search by kind reads past no stored text.
CREATE INDEX documents_by_kind ON documents (kind, id);
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
        with self._explained():
            self._db = self._connect(path)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise LibraryCorrupt(
                f"The library was written by a newer version ({version} > {SCHEMA_VERSION}).",
                hint="Upgrade, in the project's folder: git pull &&"
                " pip install -c constraints.txt .",
            )
        if version == 0:
            self._create()

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(path, check_same_thread=False, timeout=_BUSY, isolation_level=None)
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if not path.exists() or os.access(path.parent, os.W_OK):
                raise
            # A folder that may only be read: nobody writes to it either, so there is no log to see.
            address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
            db = sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        return db

    def _create(self) -> None:
        with self.write() as db:
            # Another process may have been first.
            if db.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in _SCHEMA.split(";\n"):
                    if statement.strip():
                        db.execute(statement)
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        with self._lock, self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Read with one statement."""
        with self._lock, self._explained():
            return self._db.execute(sql, values).fetchall()

    def rows_among(
        self, sql: str, keys: Sequence[object], values: Sequence[object] = ()
    ) -> list[tuple[Any, ...]]:
        """Read by many keys, some at a time: SQLite bounds how many one statement may name.

        Args:
            sql: A statement that ends in `IN ({})`, where the keys go.
            keys: Which rows.
            values: What stands in the statement before the keys.
        """
        found: list[tuple[Any, ...]] = []
        for i in range(0, len(keys), _PAGE):
            page = keys[i : i + _PAGE]
            found += self.rows(sql.format(",".join("?" * len(page))), (*values, *page))
        return found

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in the house's words what SQLite says in its own."""
        try:
            yield
        except sqlite3.Error as error:
            raise explain(error, self.path) from error

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


def explain(error: sqlite3.Error, path: Path) -> KnowledgeError:
    """What an error of SQLite means to a user, by its primary result code.

    The codes: https://www.sqlite.org/rescode.html
    """
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LibraryBusy(
            f"Another process keeps the library locked ({path}).",
            hint="Wait until it has ended, and run the command again.",
        )
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(
            f"There is no room left for the library in {path.parent}; it is as it was.",
            hint="Free some space, and run the command again: it goes on where it stopped.",
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return LibraryReadOnly(
            f"The library in {path.parent} cannot be written or opened: {error}.",
            hint="Make the folder yours to write, or use another: --library NAME",
        )
    if code == sqlite3.SQLITE_IOERR:
        return LibraryReadOnly(
            f"The library in {path.parent} cannot be read and written just now: {error}.",
            hint=f"See whether its disk is full, or failing: df -h '{path.parent}'",
        )
    return LibraryCorrupt(
        f"The library's catalogue is damaged: {error} ({path}).",
        hint=f"Move the folder {path.parent} aside, and add your documents again.",
    )

"""The journal's database file: opened, private, of the right version, one transaction at a time.

Knows tables and files; what stands in them is `journal.py`. SQLite's errors stop here.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import AgentError

VERSION = 1
_WAIT = 10.0
"""Seconds to wait for another process that is writing."""
_SCHEMA = (
    """CREATE TABLE runs (
        id TEXT PRIMARY KEY, question TEXT NOT NULL, options TEXT NOT NULL, model TEXT NOT NULL,
        created REAL NOT NULL, updated REAL NOT NULL, state TEXT NOT NULL, report TEXT,
        tokens INTEGER NOT NULL, cost REAL NOT NULL, steps INTEGER NOT NULL, seconds REAL NOT NULL
    )""",
    """CREATE TABLE work (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run, key)
    ) WITHOUT ROWID""",
    """CREATE TABLE sources (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        n INTEGER NOT NULL, source TEXT NOT NULL, text BLOB NOT NULL, PRIMARY KEY (run, n)
    )""",
)


_DAMAGED = "Wait where another run is writing; move the file away if it is damaged."
_HINTS = {
    sqlite3.SQLITE_FULL: "Make room on the disk; what was done is kept: agent research --resume",
    sqlite3.SQLITE_BUSY: "Another run is writing: wait for it, then: agent research --resume",
}
"""By SQLite's primary result code."""


class JournalError(AgentError):
    """The journal cannot be opened, read or written."""


class Store:
    """One open database. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Open or create it, for its owner's eyes only.

        Raises:
            JournalError: It cannot be opened, is something else, or a newer version's.
        """
        self._path = path
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise JournalError(
                f"The journal of research cannot be opened: {error.strerror} ({path}).",
                hint=f"Look at who may write there: ls -ld '{path.parent}'",
            ) from error
        with self._translated():
            self._db = sqlite3.connect(
                path, timeout=_WAIT, isolation_level=None, check_same_thread=False
            )
            try:
                self._open()
            except BaseException:
                self._db.close()
                raise

    def _open(self) -> None:
        self._db.execute("PRAGMA foreign_keys = ON")
        with self.write() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise JournalError(
                    f"The journal of research was written by a newer version of this program "
                    f"({version}, this one knows {VERSION}): {self._path}.",
                    hint="Upgrade: pip install --upgrade understudy",
                )
            if version < VERSION:
                for statement in _SCHEMA:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing. It is on the disk when this ends."""
        with self._lock, self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """For one query."""
        with self._lock, self._translated():
            yield self._db

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(
                f"The journal of research cannot be used: {error} ({self._path}).",
                hint=_HINTS.get(error.sqlite_errorcode & 0xFF, _DAMAGED)
                if isinstance(getattr(error, "sqlite_errorcode", None), int)
                else _DAMAGED,
            ) from error

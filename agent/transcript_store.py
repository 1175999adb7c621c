"""The transcripts' database file: opened, private, of the right version, one transaction at a time.

Knows tables and files; what stands in them is `transcripts.py`. SQLite's errors stop here.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent import summaries
from agent.errors import TranscriptError

_WAIT = 10.0
"""Seconds to wait for another process that is writing."""

_SCHEMA = (
    """CREATE TABLE sessions (
        id TEXT PRIMARY KEY, title TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
        parent TEXT REFERENCES sessions ON DELETE SET NULL
    )""",
    "CREATE INDEX sessions_by_parent ON sessions (parent)",
    """CREATE TABLE turns (
        id INTEGER PRIMARY KEY,
        session TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
        n INTEGER NOT NULL, question TEXT NOT NULL, context TEXT NOT NULL, asked REAL NOT NULL,
        state TEXT NOT NULL, answer TEXT NOT NULL,
        UNIQUE (session, n)
    )""",
    """CREATE TABLE events (
        turn INTEGER NOT NULL REFERENCES turns ON DELETE CASCADE,
        seq INTEGER NOT NULL, event TEXT NOT NULL,
        PRIMARY KEY (turn, seq)
    ) WITHOUT ROWID""",
    """CREATE VIRTUAL TABLE words USING fts5(
        question, answer, content=turns, content_rowid=id,
        tokenize="porter unicode61 remove_diacritics 2"
    )""",
    """CREATE TRIGGER words_in AFTER INSERT ON turns BEGIN
        INSERT INTO words (rowid, question, answer) VALUES (new.id, new.question, new.answer);
    END""",
    """CREATE TRIGGER words_out AFTER DELETE ON turns BEGIN
        INSERT INTO words (words, rowid, question, answer)
        VALUES ('delete', old.id, old.question, old.answer);
    END""",
    """CREATE TRIGGER words_on AFTER UPDATE OF question, answer ON turns BEGIN
        INSERT INTO words (words, rowid, question, answer)
        VALUES ('delete', old.id, old.question, old.answer);
        INSERT INTO words (rowid, question, answer) VALUES (new.id, new.question, new.answer);
    END""",
)
_STEPS = (_SCHEMA, (summaries.SCHEMA,))
"""What makes each version out of the one before."""
VERSION = len(_STEPS)


class Store:
    """One open database. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Open or create it, for its owner's eyes only.

        Raises:
            TranscriptError: It cannot be opened, is something else, or a newer version's.
        """
        self._path = path
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise TranscriptError(
                f"The transcripts cannot be opened: {error.strerror} ({path}).",
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
        self._db.execute("PRAGMA secure_delete = ON")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._write_ahead()
        with self.write() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise TranscriptError(
                    f"The transcripts were written by a newer version of this program "
                    f"({version}, this one knows {VERSION}): {self._path}.",
                    hint="Upgrade: pip install --upgrade understudy",
                )
            for step in _STEPS[version:]:
                for statement in step:
                    db.execute(statement)
            if version < VERSION:
                db.execute(f"PRAGMA user_version = {VERSION}")

    def _write_ahead(self) -> None:
        """Turn the write-ahead log on. SQLite does not wait for a lock here; so this does."""
        until = time.monotonic() + _WAIT
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > until:
                    raise
                time.sleep(0.02)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
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
        """The store as it stands at one moment."""
        with self._lock, self._translated():
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")

    def truncate_log(self) -> None:
        """Empty the write-ahead log, if nobody is reading from it."""
        with self._lock, suppress(sqlite3.OperationalError):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
                raise TranscriptError(
                    f"Another process is writing to the transcripts: {self._path}.",
                    hint="Wait until it has ended and run the command again.",
                ) from error
            raise TranscriptError(
                f"The transcripts cannot be read or written: {error} ({self._path}).",
                hint=f"Move the file aside and a new one is made: "
                f"mv '{self._path}' '{self._path}.broken'",
            ) from error

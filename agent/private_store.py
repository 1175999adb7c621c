"""A SQLite file of the user's own: private, of the right version, one transaction at a time.

Knows no table: whose file it is gives the statements that make them, and its words for what goes
wrong. SQLite's errors stop here.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.errors import AgentError

_WAIT = 10.0
"""Seconds to wait for another process that is writing."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is kept in a file, and what is said of it."""

    name: str
    """As a user knows it, with its article: `the transcripts`."""
    error: type[AgentError]
    """What is raised for all that goes wrong."""
    versions: tuple[tuple[str, ...], ...]
    """The statements that make each version out of the one before; the first out of nothing."""
    retry: str
    """What to type once the trouble is over."""
    write_ahead: bool = False
    """Many may read while one writes; what was written last may be lost with the power."""


class PrivateStore:
    """One open file. Safe to share between threads and processes."""

    def __init__(self, path: Path, kind: Kind) -> None:
        """Open or create it, for its owner's eyes only.

        Raises:
            AgentError: The kind's own: it cannot be opened, is something else, or a newer
                version's.
        """
        self._path = path
        self._kind = kind
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise kind.error(
                f"{self._name} cannot be opened: {error.strerror} ({path}).",
                hint=f"Look at who may write there: ls -ld {shlex.quote(str(path.parent))}",
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

    @property
    def _name(self) -> str:
        """At the beginning of a sentence."""
        return self._kind.name[:1].upper() + self._kind.name[1:]

    def _open(self) -> None:
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA secure_delete = ON")
        if self._kind.write_ahead:
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._write_ahead()
        known = len(self._kind.versions)
        with self.write() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > known:
                raise self._kind.error(
                    f"A newer version of this program wrote {self._kind.name} "
                    f"({version}, this one knows {known}): {self._path}.",
                    hint="Upgrade, in the project's folder: git pull &&"
                    " pip install -c constraints.txt .",
                )
            for statements in self._kind.versions[version:]:
                for statement in statements:
                    db.execute(statement)
            if version < known:
                db.execute(f"PRAGMA user_version = {known}")

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
        """One transaction: all of it or nothing. Not to be begun within another."""
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
        """The file as it stands at one moment. Not to be begun within a transaction."""
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
        kind = self._kind
        try:
            yield
        except sqlite3.Error as error:
            # Not every error has a code: a closed file's has none.
            code = getattr(error, "sqlite_errorcode", None) or 0
            if code & 0xFF == sqlite3.SQLITE_BUSY:
                raise kind.error(
                    f"Another process is writing to {kind.name}: {self._path}.",
                    hint=f"Wait until it has ended, then: {kind.retry}",
                ) from error
            aside = shlex.join(["mv", str(self._path), f"{self._path}.broken"])
            hint = f"Move the file aside and a new one is made: {aside}"
            if code & 0xFF == sqlite3.SQLITE_FULL:
                hint = f"Make room on the disk, then: {kind.retry}"
            raise kind.error(
                f"{self._name} cannot be used: {error} ({self._path}).", hint=hint
            ) from error

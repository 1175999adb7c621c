"""What each user has spent on each day, in one SQLite file that outlives the server.

Several servers may share it. A day is one of UTC. It keeps sums and knows no limits.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from agent.errors import ConfigError

_WAIT = 0.1
"""Seconds to wait for another process that is writing: everybody waits meanwhile."""
_LAST_WAIT = 5.0
"""The same, at the end."""
_DAY = 86_400
_KEPT = 400
"""Days after which a sum is forgotten."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spent (
    user TEXT NOT NULL, day INTEGER NOT NULL, cost REAL NOT NULL, tokens INTEGER NOT NULL,
    asks INTEGER NOT NULL, PRIMARY KEY (user, day)
) WITHOUT ROWID
"""


class Spending:
    """Sums by user and day. May be used from any thread."""

    def __init__(self, file: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Open or create the file, for its owner's eyes only.

        Args:
            file: In a folder that is made where it is missing.
            clock: Unix time, for tests.

        Raises:
            ConfigError: It cannot be opened, or is something else.
        """
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._owed: list[tuple[str, int, float, int]] = []
        """User, day, cost and tokens of asks that could not be written yet."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(
                file, timeout=_LAST_WAIT, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(_SCHEMA)
            self._db.execute("DELETE FROM spent WHERE day < ?", (self._today - _KEPT,))
            self._wait(_WAIT)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"What users spend cannot be kept in {file}: "
                f"{getattr(error, 'strerror', '') or error}.",
                hint=f"Look at the file, or move it aside: mv '{file}' '{file}.broken'",
            ) from error

    @property
    def _today(self) -> int:
        return int(self._clock()) // _DAY

    @property
    def seconds_left(self) -> float:
        """Until the next day begins."""
        return _DAY - self._clock() % _DAY

    def today(self, user: str) -> float:
        """What a user has spent today, in US dollars.

        Raises:
            ConfigError: The file cannot be read.
        """
        with self._lock:
            today = self._today
            kept = self._do("SELECT cost FROM spent WHERE user = ? AND day = ?", (user, today))
            return kept + sum(owed[2] for owed in self._owed if owed[:2] == (user, today))

    def add(self, user: str, *, cost: float, tokens: int) -> None:
        """Note one ask of a user. While another process is writing, it is kept here, and counts.

        Raises:
            ConfigError: The file cannot be written.
        """
        with self._lock:
            self._owed.append((user, self._today, cost, tokens))
            self._write()

    def close(self) -> None:
        """Write what is not written yet, and let go of the file.

        Raises:
            ConfigError: The file cannot be written, or another process writes for too long.
        """
        with self._lock, closing(self._db):
            self._wait(_LAST_WAIT)
            self._write()
            if self._owed:
                users = ", ".join(sorted({owed[0] for owed in self._owed}))
                lost = sum(owed[2] for owed in self._owed)
                raise ConfigError(
                    f"What {users} spent last (${lost:g} in all) is not kept in {self._file}: "
                    "another process was writing there until the end.",
                    hint=f"Look at who that is: lsof '{self._file}'",
                )

    def _wait(self, seconds: float) -> None:
        """Say how long others' writing is waited for from here on."""
        self._db.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")

    def _write(self) -> None:
        while self._owed:
            try:
                self._do(
                    "INSERT INTO spent VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET "
                    "cost = cost + excluded.cost, tokens = tokens + excluded.tokens, "
                    "asks = asks + 1", self._owed[0],
                )  # fmt: skip
            except _Busy:
                return
            del self._owed[0]

    def _do(self, statement: str, values: tuple[object, ...]) -> float:
        """Execute it, and give the first value of the first row; 0 where there is none."""
        try:
            with closing(self._db.execute(statement, values)) as rows:
                row = rows.fetchone()
        except sqlite3.Error as error:
            kind = _Busy if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY else None
            raise (kind or ConfigError)(
                f"What users spend cannot be kept in {self._file}: {error}.",
                hint=f"Look at who may write there: ls -l '{self._file}'",
            ) from error
        return 0.0 if row is None else float(row[0])


class _Busy(ConfigError):
    """Another process was writing for longer than is waited."""

"""Every page as it was fetched, kept by its hash, so that a citation can be checked later.

A folder with an SQLite index and one file for each content. The oldest used go when it grows too
large. Reads no page and fetches none. Calls block: make them in a thread.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from knowledge.guard import Fetched
from mcp_servers.web_tools.errors import WebError

MAX_BYTES = 512 * 1024 * 1024
"""Of all contents together."""
_KEEP = 0.9
"""Of the limit, what is left after making room."""
_BUSY = 20.0
"""Seconds to wait for another process."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One content that one URL had."""

    id: str
    """24 hex digits, by URL and content: the same content found again is the same snapshot."""
    url: str
    """That was asked for, in its one spelling."""
    final_url: str
    """That answered, after redirects."""
    sha256: str
    """Of the content, unpacked: 64 hex digits."""
    size: int
    """Of the content, in bytes."""
    content_type: str
    charset: str
    etag: str
    last_modified: str
    fetched_at: float
    """Unix time when this content was first fetched."""
    checked_at: float
    """Unix time when the server last said that it is still so."""

    def fetched(self, data: bytes) -> Fetched:
        """The page as the readers take it."""
        return Fetched(
            url=self.final_url,
            status=200,
            content_type=self.content_type,
            charset=self.charset,
            data=data,
            etag=self.etag,
            last_modified=self.last_modified,
            fetched_at=self.fetched_at,
        )


_COLUMNS = tuple(field.name for field in fields(Snapshot))
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS snapshots (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, final_url TEXT NOT NULL, sha256 TEXT NOT NULL,
    size INTEGER NOT NULL, content_type TEXT NOT NULL, charset TEXT NOT NULL, etag TEXT NOT NULL,
    last_modified TEXT NOT NULL, fetched_at REAL NOT NULL, checked_at REAL NOT NULL,
    used_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS snapshots_by_url ON snapshots (url, checked_at);
CREATE INDEX IF NOT EXISTS snapshots_by_content ON snapshots (sha256);
"""


class Snapshots:
    """The store in one folder. Several processes and threads may use it at once."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        """Name the folder; it is made when the first page is kept.

        Args:
            folder: For the store alone.
            max_bytes: For all contents; the newest is kept however large it is.
        """
        self._folder = folder
        self._max_bytes = max_bytes

    def put(self, url: str, fetched: Fetched) -> Snapshot:
        """Keep a page.

        Raises:
            WebError: It cannot be written.
        """
        digest = hashlib.sha256(fetched.data).hexdigest()
        made = Snapshot(
            id=hashlib.sha256(f"{url}\n{fetched.url}\n{digest}".encode()).hexdigest()[:24],
            url=url,
            final_url=fetched.url,
            sha256=digest,
            size=len(fetched.data),
            content_type=fetched.content_type,
            charset=fetched.charset,
            etag=fetched.etag,
            last_modified=fetched.last_modified,
            fetched_at=fetched.fetched_at,
            checked_at=fetched.fetched_at,
        )
        with self._index() as index:
            # Within the transaction, so that no other process takes the content for an orphan.
            index.execute("BEGIN IMMEDIATE")
            self._write(digest, fetched.data)
            if before := _one(index, "id = ?", made.id):
                made = replace(made, fetched_at=before.fetched_at)
            _store(index, made)
            self._make_room(index, made.id)
        return made

    def confirm(self, snapshot: Snapshot, answer: Fetched) -> Snapshot:
        """Note that the server says a page is unchanged (304).

        Raises:
            WebError: It cannot be written.
        """
        now = replace(
            snapshot,
            checked_at=answer.fetched_at,
            etag=answer.etag or snapshot.etag,
            last_modified=answer.last_modified or snapshot.last_modified,
        )
        with self._index() as index:
            _store(index, now)
        return now

    def latest(self, url: str) -> Snapshot | None:
        """What a URL held when it was last fetched."""
        with self._index() as index:
            return _one(index, "url = ? ORDER BY checked_at DESC LIMIT 1", url)

    def find(self, name: str) -> Snapshot | None:
        """A snapshot by its id, or the last one with a content, by that's hash."""
        with self._index() as index:
            return _one(index, "id = ?1 OR sha256 = ?1 ORDER BY checked_at DESC LIMIT 1", name)

    def body(self, snapshot: Snapshot) -> bytes | None:
        """The content; None where it is gone, or is no longer what was fetched."""
        try:
            data = self._place(snapshot.sha256).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest() != snapshot.sha256:
            return None
        with self._index() as index:
            index.execute("UPDATE snapshots SET used_at = ? WHERE id = ?",
                          (time.time(), snapshot.id))  # fmt: skip
        return data

    def _place(self, digest: str) -> Path:
        return self._folder / "pages" / digest[:2] / digest

    def _write(self, digest: str, data: bytes) -> None:
        place = self._place(digest)
        with suppress(OSError):
            if hashlib.sha256(place.read_bytes()).hexdigest() == digest:
                return
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(name, place)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise

    def _make_room(self, index: sqlite3.Connection, newest: str) -> None:
        """Drop what was used longest ago, until what is left fits."""
        count = "SELECT coalesce(sum(size), 0) FROM (SELECT DISTINCT sha256, size FROM snapshots)"
        (total,) = index.execute(count).fetchone()
        if total <= self._max_bytes:
            return
        oldest = index.execute(
            "SELECT id, sha256, size FROM snapshots WHERE id != ? ORDER BY used_at", (newest,)
        ).fetchall()
        for name, digest, size in oldest:
            if total <= self._max_bytes * _KEEP:
                break
            index.execute("DELETE FROM snapshots WHERE id = ?", (name,))
            used = index.execute("SELECT 1 FROM snapshots WHERE sha256 = ? LIMIT 1", (digest,))
            if used.fetchone() is None:
                total -= size
                with suppress(OSError):
                    self._place(digest).unlink()

    @contextmanager
    def _index(self) -> Iterator[sqlite3.Connection]:
        """The index, in one transaction that is undone where anything fails."""
        try:
            with closing(self._open()) as index, index:
                yield index
        except (OSError, sqlite3.Error) as error:
            raise WebError(
                f"Fetched pages cannot be kept in {self._folder}: {error}.",
                hint="Free some space there, and see that the folder may be written.",
            ) from error

    def _open(self) -> sqlite3.Connection:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "index.db"
        try:
            return _connect(file)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            # Damaged: the pages can be fetched again, a server that never answers more cannot.
            for damaged in (file, *self._folder.glob("index.db-*")):
                damaged.unlink(missing_ok=True)
            return _connect(file)


def _connect(file: Path) -> sqlite3.Connection:
    index = sqlite3.connect(file, timeout=_BUSY)
    try:
        if index.execute("PRAGMA user_version").fetchone() != (_VERSION,):
            index.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;"
            )
        return index
    except BaseException:
        index.close()
        raise


def _one(index: sqlite3.Connection, where: str, value: str) -> Snapshot | None:
    row = index.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM snapshots WHERE {where}", (value,)
    ).fetchone()
    return Snapshot(*row) if row else None


def _store(index: sqlite3.Connection, snapshot: Snapshot) -> None:
    marks = ", ".join("?" * (len(_COLUMNS) + 1))
    index.execute(
        f"INSERT OR REPLACE INTO snapshots ({', '.join(_COLUMNS)}, used_at) VALUES ({marks})",
        (*astuple(snapshot), time.time()),
    )

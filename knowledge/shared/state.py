"""A node's copy of the log, in its cache's SQLite file: what version it is at, and what that says.

Derived but for `copies` and `doomed`, which say what this node has stored on the server and what it
has yet to delete there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING, TypeVar

from knowledge.shared.node import Node
from knowledge.shared.view import View
from knowledge.sources import Entry, point_to

if TYPE_CHECKING:
    from knowledge.database import Database
    from knowledge.shared.own import Added
    from knowledge.shared.wire import Changes

K = TypeVar("K")
V = TypeVar("V")

_TABLES = (
    "shared_nodes (id TEXT PRIMARY KEY, machine TEXT NOT NULL, label TEXT NOT NULL)",
    "shared_claims (node TEXT NOT NULL, source TEXT NOT NULL, root TEXT NOT NULL, document_id TEXT,"
    " reason TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
    " ctime_ns INTEGER NOT NULL, digest TEXT NOT NULL, indexed_at REAL NOT NULL,"
    " PRIMARY KEY (node, source))",
    "shared_documents (document_id TEXT PRIMARY KEY, embedded INTEGER NOT NULL)",
    "shared_swept (document_id TEXT PRIMARY KEY, version INTEGER NOT NULL)",
    "shared_paths (node TEXT NOT NULL, list TEXT NOT NULL, path TEXT NOT NULL,"
    " PRIMARY KEY (node, list, path))",
    # Documents whose text here equals the server's, under the name of an epoch; or, not `whole`,
    # that this node began to store there.
    "copies (document_id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, chunks INTEGER NOT NULL,"
    " whole INTEGER NOT NULL)",
    # What this node has swept and not deleted yet.
    "doomed (document_id TEXT NOT NULL, epoch INTEGER NOT NULL, chunks INTEGER NOT NULL,"
    " PRIMARY KEY (document_id, epoch))",
)
_VERSION = "shared_version"
_TOKEN = "shared_token"


class State:
    """The tables of a shared library in an open cache."""

    def __init__(self, db: Database, node: Node) -> None:
        self._db = db
        self._node = node
        there = {row[0] for row in db.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if missing := [table for table in _TABLES if table.split(" ", 1)[0] not in there]:
            with db.write() as opened:
                for table in missing:
                    opened.execute(f"CREATE TABLE IF NOT EXISTS {table} WITHOUT ROWID")

    def version(self) -> int:
        """The number of the last commit that is in the cache; 0 where none is."""
        return int(self._db.meta(_VERSION, "0"))

    def token(self) -> str:
        """The token of that commit."""
        return self._db.meta(_TOKEN)

    def view(self) -> View:
        """The library at that version."""
        rows = self._db.rows
        return View(
            self._node,
            self.version(),
            self.token(),
            {row[0]: Node(*row) for row in rows("SELECT * FROM shared_nodes")},
            {(row[0], row[1]): Entry(*row[1:]) for row in rows("SELECT * FROM shared_claims")},
            {doc: bool(embedded) for doc, embedded in rows("SELECT * FROM shared_documents")},
            dict(rows("SELECT * FROM shared_swept")),
            {(node, name, path) for node, name, path in rows("SELECT * FROM shared_paths")},
        )

    def nodes(self) -> list[Node]:
        """Every node that ever committed."""
        return [Node(*row) for row in self._db.rows("SELECT * FROM shared_nodes")]

    def settle(
        self,
        before: View,
        after: View,
        commits: Sequence[Changes],
        snapshot: str,
        added: Added | None,
    ) -> None:
        """Have the cache go on from a version to another, with the picture of it: all at once.

        Args:
            before: The version that it is at.
            after: The other.
            commits: What leads there; for a cache that is made anew, perhaps only the last of it.
            snapshot: The name of its picture.
            added: For a cache that is made anew, what was added on this machine. The log alone can
                have no machine read, and share, another of its folders.
        """
        own = self._node.id
        with self._db.write() as db:
            _write_difference(db, before, after)
            for changes in commits:
                _follow(db, changes, own, excluding=added is None)
            if added is not None:
                # Others may have taken out, since the list was written, what was added here.
                roots = added.roots & after.listed(own, "roots")
                excluded = added.excluded | after.listed(own, "excluded")
                for name, paths in (("roots", roots), ("excluded", excluded)):
                    db.executemany(
                        f"INSERT OR IGNORE INTO {name} VALUES (?)", [(p,) for p in paths]
                    )
            db.execute("DELETE FROM sources")
            db.executemany(
                "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [astuple(entry) for entry in after.sources().values()],
            )
            _unstage_settled(db, own)
            reached = {_VERSION: str(after.version), _TOKEN: after.token}
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", reached.items())
            point_to(db, snapshot)
            db.execute("DELETE FROM meta WHERE key = 'dirty'")

    def copies(self) -> dict[str, tuple[int, int]]:
        """Epoch and number of chunks of the documents whose text here is the server's, too."""
        rows = self._db.rows("SELECT document_id, epoch, chunks FROM copies WHERE whole")
        return {doc: (epoch, chunks) for doc, epoch, chunks in rows}

    def begun(self) -> list[tuple[str, int, int]]:
        """Those, and what was begun to be stored: document, epoch, number of chunks; sorted."""
        return self._db.rows("SELECT document_id, epoch, chunks FROM copies ORDER BY document_id")

    def note_copies(self, copies: Iterable[tuple[str, int, int]], *, whole: bool = True) -> None:
        """Note documents that were stored on the server, or read from it: id, epoch, chunks.

        What is about to be stored is not `whole`: if it comes to nothing, it is to be swept.
        """
        with self._db.write() as db:
            db.executemany(f"INSERT OR REPLACE INTO copies VALUES (?, ?, ?, {int(whole)})", copies)

    def forget_copies(self) -> None:
        """Forget copies that are gone from here, but for those that only this node can sweep."""
        with self._db.write() as db:
            db.execute(
                "DELETE FROM copies WHERE document_id NOT IN (SELECT id FROM documents)"
                " AND (document_id IN (SELECT document_id FROM shared_documents) OR epoch <"
                " (SELECT version FROM shared_swept s WHERE s.document_id = copies.document_id))"
            )

    def doomed(self) -> list[tuple[str, int, int]]:
        """What this node has swept and not deleted yet: document, epoch, chunks."""
        return self._db.rows("SELECT * FROM doomed")

    def not_doomed(self, deleted: Iterable[tuple[str, int, int]]) -> None:
        """Note that some of it is deleted."""
        with self._db.write() as db:
            db.executemany(
                "DELETE FROM doomed WHERE document_id = ? AND epoch = ? AND chunks = ?", deleted
            )

    def unstage(self, sources: Iterable[str]) -> None:
        """Forget what a sync had read of sources that are gone."""
        with self._db.write() as db:
            db.executemany("DELETE FROM staged WHERE source = ?", [(s,) for s in sources])

    def restamp(self, entries: Sequence[Entry]) -> None:
        """Note when this node's sources were last looked at, which no other node needs to know."""
        with self._db.write() as db:
            db.executemany(
                "UPDATE shared_claims SET indexed_at = ? WHERE node = ? AND source = ?",
                [(entry.indexed_at, self._node.id, entry.source) for entry in entries],
            )
            db.executemany(
                "UPDATE sources SET indexed_at = ? WHERE source = ? AND digest = ?",
                [(entry.indexed_at, entry.source, entry.digest) for entry in entries],
            )
            _unstage_settled(db, self._node.id)

    def forget_journal(self) -> None:
        """Forget which vectors were being written or dropped.

        They are the server's, and may be another node's as well: what no commit names is swept.
        """
        with self._db.write() as db:
            db.execute("DELETE FROM journal")


def _write_difference(db: sqlite3.Connection, before: View, after: View) -> None:
    """Make the tables that hold a version hold the one after it."""
    paths = dict.fromkeys(before.paths, True), dict.fromkeys(after.paths, True)
    _replace(db, "shared_nodes (id)", before.nodes, after.nodes, lambda _, node: astuple(node))
    _replace(
        db, "shared_claims (node, source)", before.claims, after.claims,
        lambda key, entry: (key[0], *astuple(entry)),
    )  # fmt: skip
    _replace(db, "shared_documents (document_id)", before.documents, after.documents, _pair)
    _replace(db, "shared_swept (document_id)", before.swept, after.swept, _pair)
    _replace(db, "shared_paths (node, list, path)", *paths, lambda key, _: key)


def _pair(key: str, value: int) -> tuple[object, ...]:
    return key, value


def _replace(
    db: sqlite3.Connection,
    described: str,
    before: Mapping[K, V],
    after: Mapping[K, V],
    row: Callable[[K, V], tuple[object, ...]],
) -> None:
    """Write what is new, or not as it was, to a table described as `NAME (KEY)`."""
    table, _, key = described.partition(" ")
    marks = ", ".join("?" * (key.count(",") + 1))
    gone = [name if isinstance(name, tuple) else (name,) for name in before.keys() - after.keys()]
    db.executemany(f"DELETE FROM {table} WHERE {key} = ({marks})", gone)
    if rows := [row(name, value) for name, value in after.items() if before.get(name) != value]:
        db.executemany(
            f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows
        )


def _follow(db: sqlite3.Connection, changes: Changes, own: str, *, excluding: bool) -> None:
    """What one commit means for what only this node knows."""
    db.executemany(
        "DELETE FROM staged WHERE source = ?", [(s,) for owner, s in changes.gone if owner == own]
    )
    if changes.node.id == own:
        db.executemany("INSERT OR REPLACE INTO doomed VALUES (?, ?, ?)", changes.swept)
    for owner, name, path, there in changes.paths:
        if owner != own:
            continue
        if name == "roots" and not there:
            db.execute("DELETE FROM roots WHERE path = ?", (path,))
            db.execute("DELETE FROM staged WHERE root = ?", (path,))
        elif name == "excluded" and there and excluding:
            db.execute("INSERT OR IGNORE INTO excluded VALUES (?)", (path,))


def _unstage_settled(db: sqlite3.Connection, own: str) -> None:
    """Forget what was staged and is now in the log: killed after its commit, a sync left it."""
    db.execute(
        "DELETE FROM staged WHERE EXISTS (SELECT 1 FROM shared_claims c WHERE c.node = ?"
        " AND c.source = staged.source AND c.document_id IS staged.document_id"
        " AND c.digest = staged.digest AND c.mtime_ns = staged.mtime_ns"
        " AND c.ctime_ns = staged.ctime_ns AND c.size = staged.size"
        " AND c.root = staged.root AND c.reason = staged.reason)",
        (own,),
    )

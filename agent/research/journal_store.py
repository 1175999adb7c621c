"""The tables of the journal of research. What stands in them is `journal.py`."""

from __future__ import annotations

from pathlib import Path

from agent.errors import AgentError
from agent.private_store import Kind, PrivateStore

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


class JournalError(AgentError):
    """The journal cannot be opened, read or written."""


def opened(path: Path) -> PrivateStore:
    """The journal in a file, which is made where there is none. What it says is on the disk.

    Raises:
        JournalError: It cannot be opened, is something else, or a newer version's.
    """
    kind = Kind("the journal of research", JournalError, (_SCHEMA,), "agent research --resume")
    return PrivateStore(path, kind)

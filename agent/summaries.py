"""The table of summaries: which turns of a session its model is told of in short. Sums up nothing.

Every summary that was made is kept, so that a fork of a session finds the one of its last turn.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

SCHEMA = """CREATE TABLE summaries (
    session TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    upto INTEGER NOT NULL, text TEXT NOT NULL, model TEXT NOT NULL, made REAL NOT NULL,
    PRIMARY KEY (session, upto)
) WITHOUT ROWID"""


@dataclass(frozen=True, slots=True)
class Summary:
    """The turns of a session up to one of them, in short."""

    upto: int
    """The last turn that it covers."""
    text: str
    model: str = ""
    """Who wrote it."""
    made: float = 0.0
    """Unix time."""


def add(db: sqlite3.Connection, session: str, summary: Summary) -> None:
    """Keep one; it replaces one of the same turns."""
    db.execute(
        "INSERT OR REPLACE INTO summaries VALUES (?, ?, ?, ?, ?)",
        (session, summary.upto, summary.text, summary.model, summary.made),
    )


def of(db: sqlite3.Connection, session: str) -> list[Summary]:
    """Those of a session, the last one last."""
    rows = db.execute(
        "SELECT upto, text, model, made FROM summaries WHERE session = ? ORDER BY upto", (session,)
    )
    return [Summary(*row) for row in rows]


def copy(db: sqlite3.Connection, session: str, into: str, last: int) -> None:
    """Copy to another session those that cover no turn after `last`."""
    db.execute(
        "INSERT INTO summaries SELECT ?, upto, text, model, made FROM summaries"
        " WHERE session = ? AND upto <= ?",
        (into, session, last),
    )

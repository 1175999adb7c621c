"""The tables of the transcripts. What stands in them is `transcripts.py`."""

from __future__ import annotations

from pathlib import Path

from agent import summaries
from agent.errors import TranscriptError
from agent.private_store import Kind, PrivateStore

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
_VERSIONS = (_SCHEMA, (summaries.SCHEMA,))


def opened(path: Path) -> PrivateStore:
    """The transcripts in a file, which is made where there is none.

    Raises:
        TranscriptError: It cannot be opened, is something else, or a newer version's.
    """
    again = "run the command again"
    kind = Kind("the transcripts", TranscriptError, _VERSIONS, again, write_ahead=True)
    return PrivateStore(path, kind)

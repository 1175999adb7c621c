"""Sessions in SQLite: what was asked and every event that came of it. Stores; shows nothing.

What is stored is the merged stream of events itself, adjacent tokens as one, so that replay, fork
and export need no second model of an answer. A turn's events are written as it goes; the question
stands from its first moment on, and a crash loses at most the answer in the making. Any number of
processes may read and write at once.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from agent import summaries
from agent.errors import SessionNotFound
from agent.events import Done, Event, Revision, Token, from_json, to_json
from agent.messages import Message
from agent.summaries import Summary
from agent.transcript_store import opened

State = Literal["open", "done", "failed", "interrupted"]
"""`open`: being answered now, or left so by a crash."""

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""No letter of a session's name is mistaken for another."""
_LENGTH = 6
_TITLE = 80


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session in a list."""

    id: str
    title: str
    created: float
    """Unix time, as all times here."""
    updated: float
    turns: int
    parent: str
    """The session that it was forked from; empty if none."""


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A question and what came of it."""

    n: int
    """Counted from 1."""
    question: str
    context: str
    """What was handed in with the question."""
    asked: float
    state: State
    events: tuple[Event, ...]

    @property
    def answer(self) -> str:
        """The final text, or what there was of it."""
        return answer_of(self.events)


@dataclass(frozen=True, slots=True)
class Hit:
    """A turn found by its words."""

    session: str
    title: str
    turn: int
    asked: float
    question: str
    excerpt: str
    """Where the words stand, they themselves between `[` and `]`."""


class Transcripts:
    """The store of all sessions. May be used from any thread.

    Every method raises `TranscriptError` where the store cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the store.

        Raises:
            TranscriptError: The file cannot be opened, or is no store, or a newer version's.
        """
        self._store = opened(path)

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    # writing

    def create(self, title: str = "", *, parent: str = "") -> str:
        """A new, empty session; its name is returned."""
        now = time.time()
        with self._store.write() as db:
            while True:
                session = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
                added = db.execute(
                    "INSERT OR IGNORE INTO sessions VALUES (?, ?, ?, ?, ?)",
                    (session, _title(title), now, now, parent or None),
                )
                if added.rowcount:
                    return session

    def begin(self, session: str, question: str, context: str = "") -> int:
        """A new turn of a session; its number is returned. An untitled session is named by it.

        Raises:
            SessionNotFound: The session was deleted meanwhile.
        """
        now = time.time()
        with self._store.write() as db:
            _touch(db, session, now)
            db.execute(
                "UPDATE sessions SET title = ? WHERE id = ? AND title = ''",
                (_title(question), session),
            )
            (n,) = db.execute(
                "SELECT coalesce(max(n), 0) + 1 FROM turns WHERE session = ?", (session,)
            ).fetchone()
            db.execute(
                "INSERT INTO turns (session, n, question, context, asked, state, answer)"
                " VALUES (?, ?, ?, ?, ?, 'open', '')",
                (session, n, _storable(question), _storable(context), now),
            )
        return int(n)

    def append(
        self, session: str, turn: int, events: Sequence[Event], *, state: State = "open"
    ) -> None:
        """More events of a turn, and how it now stands.

        Raises:
            SessionNotFound: The session was deleted meanwhile, or has no such turn.
        """
        with self._store.write() as db:
            _touch(db, session, time.time())
            found = db.execute(
                "SELECT id FROM turns WHERE session = ? AND n = ?", (session, turn)
            ).fetchone()
            if found is None:
                raise SessionNotFound(
                    f"Session {session} has no turn {turn}.",
                    hint=f"See them: agent sessions show {session}",
                )
            (row,) = found
            last = db.execute(
                "SELECT seq, event FROM events WHERE turn = ? ORDER BY seq DESC LIMIT 1", (row,)
            ).fetchone()
            seq = last[0] + 1 if last else 0
            if last and events and isinstance(events[0], Token):
                before = from_json(json.loads(last[1]))
                if isinstance(before, Token):
                    seq, events = last[0], (before, *events)
            db.executemany(
                "INSERT OR REPLACE INTO events VALUES (?, ?, ?)",
                [
                    (row, seq + i, json.dumps(to_json(event)))
                    for i, event in enumerate(merged(events))
                ],
            )
            db.execute("UPDATE turns SET state = ? WHERE id = ?", (state, row))
            if state != "open":
                answer = answer_of(_events(db, row))
                db.execute("UPDATE turns SET answer = ? WHERE id = ?", (_storable(answer), row))

    def summarise(self, session: str, summary: Summary) -> None:
        """Keep what a session's model is told in place of its older turns; they stay too.

        Raises:
            SessionNotFound: The session was deleted meanwhile.
        """
        with self._store.write() as db:
            _touch(db, session, None)
            summaries.add(db, session, replace(summary, text=_storable(summary.text)))

    def rename(self, session: str, title: str) -> None:
        """Give a session another title."""
        with self._store.write() as db:
            _touch(db, session, None)
            db.execute("UPDATE sessions SET title = ? WHERE id = ?", (_title(title), session))

    def delete(self, session: str) -> None:
        """Remove a session and its text; forks of it stay."""
        with self._store.write() as db:
            _touch(db, session, None)
            db.execute("DELETE FROM sessions WHERE id = ?", (session,))
            # Otherwise deleted words would linger in the index until it next merges.
            db.execute("INSERT INTO words (words) VALUES ('optimize')")
        self._store.truncate_log()

    def fork(self, session: str, turn: int | None = None) -> str:
        """A new session with another's turns up to and with `turn`, by default all of them.

        Raises:
            SessionNotFound: No such session, or it has no such turn.
        """
        info = self.info(session)
        last = info.turns if turn is None else turn
        if not 0 <= last <= info.turns:
            raise SessionNotFound(
                f"Session {session} has no turn {last}: it has {info.turns}.",
                hint=f"See them: agent sessions show {session}",
            )
        copy = self.create(info.title, parent=session)
        with self._store.write() as db:
            db.execute(
                "INSERT INTO turns (session, n, question, context, asked, state, answer)"
                " SELECT ?, n, question, context, asked, state, answer FROM turns"
                " WHERE session = ? AND n <= ? ORDER BY n",
                (copy, session, last),
            )
            db.execute(
                "INSERT INTO events SELECT new.id, seq, event FROM events"
                " JOIN turns old ON old.id = events.turn AND old.session = ?"
                " JOIN turns new ON new.n = old.n AND new.session = ?",
                (session, copy),
            )
            summaries.copy(db, session, copy, last)
        return copy

    # reading

    def find(self, name: str) -> str:
        """The session that is meant by its name, or the beginning of it.

        Raises:
            SessionNotFound: There is none, or more than one.
        """
        name = _storable(name).strip().lower()
        with self._store.read() as db:
            rows = db.execute(
                "SELECT id FROM sessions WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2", (name,)
            ).fetchall()
        if not name or len(rows) != 1:
            few = "More than one session begins with" if name and rows else "There is no session"
            raise SessionNotFound(f"{few} '{name}'.", hint="See them: agent sessions list")
        return str(rows[0][0])

    def last(self) -> str | None:
        """The session last written to; None where there is none."""
        found = self.sessions(limit=1)
        return found[0].id if found else None

    def sessions(self, *, limit: int = -1) -> list[SessionInfo]:
        """All sessions, or so many, the last written to first."""
        with self._store.read() as db:
            rows = db.execute(f"{_SESSIONS} ORDER BY updated DESC, s.rowid DESC LIMIT ?", (limit,))
            return [SessionInfo(*row) for row in rows]

    def info(self, session: str) -> SessionInfo:
        """One session.

        Raises:
            SessionNotFound: There is none of that name.
        """
        with self._store.read() as db:
            row = db.execute(f"{_SESSIONS} WHERE s.id = ?", (session,)).fetchone()
        if row is None:
            raise _missing(session)
        return SessionInfo(*row)

    def turns(self, session: str) -> list[StoredTurn]:
        """A session's turns, first to last.

        Raises:
            SessionNotFound: There is none of that name.
        """
        self.info(session)
        with self._store.read() as db:
            rows = db.execute(
                "SELECT id, n, question, context, asked, state FROM turns"
                " WHERE session = ? ORDER BY n",
                (session,),
            ).fetchall()
            return [
                StoredTurn(n, question, context, asked, state, _events(db, row))
                for row, n, question, context, asked, state in rows
            ]

    def summaries(self, session: str) -> list[Summary]:
        """The summaries of a session's older turns, the last one last."""
        with self._store.read() as db:
            return summaries.of(db, session)

    def search(self, query: str, *, limit: int = 20) -> list[Hit]:
        """Turns whose question or answer holds all the words of a query, best first.

        The query is words, not syntax; the last may be the beginning of one.
        """
        plain = _storable(query).replace("\0", " ")
        words = [word for word in plain.split() if any(map(str.isalnum, word))]
        if not words:
            return []
        match = " ".join('"' + word.replace('"', '""') + '"' for word in words)
        with self._store.read() as db:
            rows = db.execute(
                "SELECT t.session, s.title, t.n, t.asked, t.question,"
                " snippet(words, -1, '[', ']', '…', 24)"
                " FROM words JOIN turns t ON t.id = words.rowid JOIN sessions s ON s.id = t.session"
                " WHERE words MATCH ? ORDER BY bm25(words) LIMIT ?",
                (f"{match}*", limit),
            )
            return [Hit(*row) for row in rows]


def merged(events: Iterable[Event]) -> list[Event]:
    """The same stream with adjacent tokens as one."""
    found: list[Event] = []
    for event in events:
        if isinstance(event, Token) and found and isinstance(before := found[-1], Token):
            found[-1] = Token(before.text + event.text)
        else:
            found.append(event)
    return found


def answer_of(events: Iterable[Event]) -> str:
    """The final text of an answer, or what there is of one."""
    text = ""
    for event in events:
        match event:
            case Token():
                text += event.text
            case Revision() | Done():
                text = event.text
            case _:
                pass
    return text


def messages_of(question: str, events: Sequence[Event]) -> tuple[Message, ...]:
    """A finished turn as it goes into the next prompt: the plain answer, without its persona."""
    plain = next((event.before for event in events if isinstance(event, Revision)), None)
    answer = answer_of(events) if plain is None else plain
    return Message("user", question), Message("assistant", answer)


_SESSIONS = """
SELECT s.id, s.title, s.created, s.updated,
    (SELECT count(*) FROM turns WHERE session = s.id), coalesce(s.parent, '')
FROM sessions s
"""


def _events(db: sqlite3.Connection, row: int) -> tuple[Event, ...]:
    rows = db.execute("SELECT event FROM events WHERE turn = ? ORDER BY seq", (row,))
    return tuple(from_json(json.loads(event)) for (event,) in rows)


def _touch(db: sqlite3.Connection, session: str, now: float | None) -> None:
    """Note that a session is written to; it must be there."""
    changed = db.execute(
        "UPDATE sessions SET updated = coalesce(?, updated) WHERE id = ?", (now, session)
    )
    if not changed.rowcount:
        raise _missing(session)


def _missing(session: str) -> SessionNotFound:
    return SessionNotFound(
        f"There is no session '{session}'.", hint="See them: agent sessions list"
    )


def _storable(text: str) -> str:
    """The text as UTF-8 can carry it: input that was not valid may hold lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _title(text: str) -> str:
    line = " ".join(_storable(text).split())
    return line if len(line) <= _TITLE else line[: _TITLE - 1].rstrip() + "…"

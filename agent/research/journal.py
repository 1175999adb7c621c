"""What research runs have done so far: every finished piece of work, recorded as it is finished.

A run that was killed at any moment goes on from here: what is recorded is neither fetched nor paid
for again. The text of each source is kept, so that a report can be checked without the network,
years later. Decides nothing about what is done next.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from agent.errors import AgentError
from agent.research.base import Options
from agent.research.journal_store import JournalError, opened
from agent.research.types import Plan, Report, Source, as_json, from_json

if TYPE_CHECKING:
    import sqlite3

    from agent.budget import Limits
    from agent.private_store import PrivateStore

_T = TypeVar("_T")

_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
_LENGTH = 6
_RUNS = "SELECT id, question, model, state, created, updated FROM runs"


class RunNotFound(AgentError):
    """No such run of research."""


class RunBusy(AgentError):
    """Another process is at work on the run."""


@dataclass(frozen=True, slots=True)
class Used:
    """What a run has used, over all the times that it was resumed."""

    tokens: int = 0
    cost: float = 0.0
    """US dollars."""
    steps: int = 0
    """Calls to models and to tools."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run, as a list shows it."""

    id: str
    question: str
    model: str
    state: str
    """`open` or `done`."""
    created: float
    """Unix time."""
    updated: float


class Journals:
    """All runs."""

    def __init__(self, folder: Path) -> None:
        """Open, or begin, the journal in a folder.

        Raises:
            JournalError: It cannot be opened.
        """
        self._folder = folder
        self._store = opened(folder / "journal.db")

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def create(self, question: str, options: Options, model: str) -> Journal:
        """A new run.

        Args:
            question: What is asked; without what no file can hold.
            options: Kept with it.
            model: The name of who is asked.
        """
        now, question = time.time(), storable(question)
        told = json.dumps([question, as_json(options)])
        with self._store.write() as db:
            while True:
                run = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
                added = db.execute(
                    "INSERT OR IGNORE INTO runs"
                    " VALUES (?, ?, ?, ?, ?, ?, 'open', NULL, 0, 0, 0, 0)",
                    (run, question, told, model, now, now),
                )
                if added.rowcount:
                    break
        return Journal(self._store, run, self._folder)

    def open(self, name: str = "") -> Journal:
        """A run by its name or the beginning of it; by default the unfinished one touched last.

        Raises:
            RunNotFound: There is none, or more than one.
        """
        name = storable(name).strip().lower()
        with self._store.read() as db:
            if name:
                query = "SELECT id FROM runs WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2"
                rows = db.execute(query, (name,)).fetchall()
            else:
                query = "SELECT id FROM runs WHERE state = 'open' ORDER BY updated DESC LIMIT 1"
                rows = db.execute(query).fetchall()
        if len(rows) != 1:
            told = f"There is no research run '{name}'." if name else "No research is unfinished."
            if rows:
                told = f"More than one research run begins with '{name}'."
            raise RunNotFound(told, hint="See them: agent research --list")
        return Journal(self._store, rows[0][0], self._folder)

    def delete(self, run: str) -> None:
        """Forget a run, with all that it read.

        Raises:
            RunBusy: A process is at work on it.
        """
        with self.open(run).claimed(), self._store.write() as db:
            db.execute("DELETE FROM runs WHERE id = ?", (run,))

    def runs(self) -> list[RunInfo]:
        """All of them, the last touched first."""
        with self._store.read() as db:
            rows = db.execute(f"{_RUNS} ORDER BY updated DESC, rowid DESC")
            return [RunInfo(*row) for row in rows]


class Journal:
    """One run."""

    def __init__(self, store: PrivateStore, run: str, folder: Path) -> None:
        """For `Journals` to make."""
        self.id = run
        self._store = store
        self._folder = folder

    @cached_property
    def question(self) -> str:
        """What was asked."""
        return str(json.loads(self._column("options"))[0])

    @cached_property
    def options(self) -> Options:
        """How wide and how deep to look."""
        return _understood(Options, json.loads(self._column("options"))[1])

    def limit(self, limits: Limits) -> None:
        """Give the run other limits; one that is done is open again, for what they leave room for.

        Its report is given up, its work is not: to write it anew costs what is new in it.
        """
        options = replace(self.options, limits=limits)
        told = json.dumps([self.question, as_json(options)])
        with self._store.write() as db:
            db.execute(
                "UPDATE runs SET options = ?, state = 'open', report = NULL WHERE id = ?",
                (told, self.id),
            )
            # Sections may be those of a budget that left nothing to write with.
            db.execute("DELETE FROM work WHERE run = ? AND key LIKE 'write:%'", (self.id,))
            self._touch(db, None)
        self.options = options

    @cached_property
    def model(self) -> str:
        """The name of who is asked."""
        return str(self._column("model"))

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Work on it as the only process; the system frees it when this one dies.

        Raises:
            RunBusy: Another process does.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self._folder / f"{self.id}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise RunBusy(
                f"Another process is at work on research {self.id}.",
                hint="Wait for it, or stop it first.",
            ) from error
        except OSError as error:
            raise JournalError(
                f"Research {self.id} cannot be locked: {error.strerror or error}.",
                hint=f"Look at who may write there: ls -ld {shlex.quote(str(self._folder))}",
            ) from error
        try:
            yield
        finally:
            # Before it is released: who opens it meanwhile finds it gone, and makes another.
            with suppress(OSError):  # Windows removes no file that is open
                os.unlink(lock.lock_file)
            lock.release()

    # pieces of work

    def done(self, key: str) -> Any | None:
        """What a finished piece of work gave, as plain data; None where it is not finished."""
        with self._store.read() as db:
            row = db.execute(
                "SELECT value FROM work WHERE run = ? AND key = ?", (self.id, storable(key))
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def all_done(self, prefix: str) -> list[Any]:
        """What all finished pieces of work gave whose names begin with this."""
        query = "SELECT value FROM work WHERE run = ? AND substr(key, 1, length(?)) = ?"
        with self._store.read() as db:
            return [json.loads(row[0]) for row in db.execute(query, (self.id, prefix, prefix))]

    def record(self, key: str, value: Any, used: Used | None = None) -> None:
        """Keep what a piece of work gave, and what the run has used by then.

        Args:
            key: Its name, the same when the run is resumed.
            value: Anything `as_json` takes, but None.
            used: In all; None where it has not changed.
        """
        with self._store.write() as db:
            self._put(db, key, value)
            self._touch(db, used)

    def use(self, used: Used) -> None:
        """Keep what the run has used in all."""
        with self._store.write() as db:
            self._touch(db, used)

    @property
    def used(self) -> Used:
        """What the run has used in all, as last recorded."""
        with self._store.read() as db:
            row = db.execute(
                "SELECT tokens, cost, steps, seconds FROM runs WHERE id = ?", (self.id,)
            ).fetchone()
        return Used(*row) if row else Used()

    @property
    def cost(self) -> float | None:
        """US dollars used in all, as last recorded; None where the price is not known."""
        used, plan = self.used, self.plan
        unknown = plan is not None and plan.estimate.cost is None
        return None if unknown and used.tokens and not used.cost else used.cost

    @property
    def plan(self) -> Plan | None:
        """The plan that was approved; None before that."""
        data = self.done("plan")
        return None if data is None else _understood(Plan, data)

    # sources

    def take_in(
        self,
        key: str,
        source: Source,
        text: str,
        used: Used | None = None,
        *,
        copy_of: str = "",
    ) -> Source:
        """Keep what was read, and record the reading as finished in the same moment.

        Args:
            key: Of the piece of work, whose value becomes `{"source": id, "copy_of": id}`.
            source: Its `id`, `sha256` and `length` are set here.
            text: All of it.
            used: As for `record`.
            copy_of: The source that says nearly the same, by its id.

        Returns:
            The source as it is kept.
        """
        data = text.encode("utf-8", "surrogatepass")
        with self._store.write() as db:
            (n,) = db.execute(
                "SELECT coalesce(max(n), 0) + 1 FROM sources WHERE run = ?", (self.id,)
            ).fetchone()
            kept = replace(source, id=f"s{n}", sha256=sha256(data).hexdigest(), length=len(text))
            db.execute(
                "INSERT INTO sources VALUES (?, ?, ?, ?)",
                (self.id, n, json.dumps(as_json(kept)), data),
            )
            self._put(db, key, {"source": kept.id, "copy_of": copy_of})
            self._touch(db, used)
        return kept

    def sources(self) -> tuple[Source, ...]:
        """All that were read, in the order of reading."""
        with self._store.read() as db:
            rows = db.execute("SELECT source FROM sources WHERE run = ? ORDER BY n", (self.id,))
            return tuple(_understood(Source, json.loads(data)) for (data,) in rows)

    def text(self, source_id: str) -> str:
        """The text of a source as it was read.

        Raises:
            JournalError: The run has no such source, or its text is not what was stored.
        """
        with self._store.read() as db:
            row = db.execute(
                "SELECT source, text FROM sources WHERE run = ? AND 's' || n = ?",
                (self.id, source_id),
            ).fetchone()
        if row is None:
            raise JournalError(f"Research {self.id} has no source {source_id!r}.")
        if sha256(row[1]).hexdigest() != json.loads(row[0])["sha256"]:
            raise JournalError(f"The stored text of source {source_id} has been changed.")
        return bytes(row[1]).decode("utf-8", "surrogatepass")

    # the end

    @property
    def report(self) -> Report | None:
        """What the run ended with; None before its end."""
        data = self._column("report")
        return None if data is None else _understood(Report, json.loads(data))

    def finish(self, report: Report, used: Used) -> None:
        """Keep the report; the run is done."""
        with self._store.write() as db:
            self._touch(db, used)
            db.execute(
                "UPDATE runs SET state = 'done', report = ? WHERE id = ?",
                (json.dumps(as_json(report)), self.id),
            )

    def _put(self, db: sqlite3.Connection, key: str, value: Any) -> None:
        db.execute(
            "INSERT OR REPLACE INTO work VALUES (?, ?, ?)",
            (self.id, storable(key), json.dumps(as_json(value))),
        )

    def _touch(self, db: sqlite3.Connection, used: Used | None) -> None:
        db.execute("UPDATE runs SET updated = ? WHERE id = ?", (time.time(), self.id))
        if used is not None:
            db.execute(
                "UPDATE runs SET tokens = ?, cost = ?, steps = ?, seconds = ? WHERE id = ?",
                (used.tokens, used.cost, used.steps, used.seconds, self.id),
            )

    def _column(self, name: str) -> Any:
        with self._store.read() as db:
            row = db.execute(f"SELECT {name} FROM runs WHERE id = ?", (self.id,)).fetchone()
        if row is None:
            raise RunNotFound(f"There is no research run '{self.id}'.")
        return row[0]


def _understood(kind: type[_T], data: Any) -> _T:
    try:
        return from_json(kind, data)
    except ValueError as error:
        raise JournalError(f"The journal of research holds what cannot be read: {error}.") from None


def storable(text: str) -> str:
    """Without what neither SQLite nor UTF-8 can hold (halves of surrogate pairs)."""
    return text.encode("utf-8", "replace").decode()

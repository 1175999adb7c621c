"""A private SQLite file: its versions, and what is said where it cannot be used."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.private_store import Kind, PrivateStore

FIRST = ("CREATE TABLE words (word TEXT NOT NULL)",)
SECOND = ("ALTER TABLE words ADD COLUMN n INTEGER NOT NULL DEFAULT 7",)


class WordsError(AgentError):
    """The words cannot be used."""


def kind(*versions: tuple[str, ...]) -> Kind:
    return Kind("the words", WordsError, versions, "agent words")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "words.db"


@pytest.fixture
def store(path: Path) -> Iterator[PrivateStore]:
    with closing(PrivateStore(path, kind(FIRST))) as made:
        yield made


def test_a_file_of_an_older_version_is_brought_up_to_date_and_keeps_what_it_holds(
    store: PrivateStore, path: Path
) -> None:
    with store.write() as db:
        db.execute("INSERT INTO words VALUES ('canal')")
    with closing(PrivateStore(path, kind(FIRST, SECOND))) as newer, newer.read() as db:
        assert db.execute("SELECT * FROM words").fetchall() == [("canal", 7)]
    with pytest.raises(WordsError, match=r"A newer version of this program wrote the words \(2"):
        PrivateStore(path, kind(FIRST))


def test_the_file_is_for_its_owner_only(store: PrivateStore, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_work_that_fails_leaves_nothing_of_it(store: PrivateStore) -> None:
    def half() -> None:
        with store.write() as db:
            db.execute("INSERT INTO words VALUES ('canal')")
            raise KeyError("lock")

    with pytest.raises(KeyError):
        half()
    with store.read() as db:
        assert db.execute("SELECT count(*) FROM words").fetchone() == (0,)


def test_a_disk_that_is_full_is_told_with_what_to_do(store: PrivateStore) -> None:
    def fill() -> None:
        with store.write() as db:
            db.execute("PRAGMA max_page_count = 4")
            db.execute("INSERT INTO words VALUES (?)", ("x" * 100_000,))

    with pytest.raises(WordsError, match="The words cannot be used: database or disk is full") as e:
        fill()
    assert e.value.hint == "Make room on the disk, then: agent words"


def test_a_process_that_writes_for_too_long_is_told(
    store: PrivateStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.private_store._WAIT", 0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(WordsError, match="Another process is writing to the words") as told:
            PrivateStore(path, kind(FIRST, SECOND))
    assert told.value.hint == "Wait until it has ended, then: agent words"

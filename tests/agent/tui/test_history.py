from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from agent.tui.widgets.history import History, HistoryFile


def test_entries_last_over_runs_the_newest_once(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "deep" / "history")
    for text in ("one", "two\nlines", "one"):
        History(file).add(text)
    assert HistoryFile(tmp_path / "deep" / "history").entries() == ["two\nlines", "one"]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history", kept=3)
    for n in range(5):
        file.add(str(n))
    assert file.entries() == ["2", "3", "4"]


def test_what_begins_with_a_space_or_is_very_long_is_not_kept(tmp_path: Path) -> None:
    history = History(HistoryFile(tmp_path / "history"))
    history.add(" secret")
    history.add("x" * 100_000)
    assert not (tmp_path / "history").exists()
    assert history.older("") is None


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    HistoryFile(tmp_path / "history").add("private")
    assert stat.S_IMODE((tmp_path / "history").stat().st_mode) == 0o600


def test_a_damaged_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(b'"good"\n{broken\n42\n\xff\xfe\n"also"\n')
    assert HistoryFile(path).entries() == ["good", "also"]


def test_a_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = HistoryFile(tmp_path / "history")
    file.add("kept")

    def fails(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("agent.whole_file.os.replace", fails)
    history = History(file)
    with pytest.raises(OSError, match="disk full"):
        history.add("lost to the file")
    assert history.older("") == "lost to the file"
    assert [path.name for path in tmp_path.iterdir()] == ["history"]
    assert json.loads((tmp_path / "history").read_text()) == "kept"


def test_two_chats_do_not_take_each_others_entries_away(tmp_path: Path) -> None:
    one, two = (History(HistoryFile(tmp_path / "history")) for _ in range(2))
    one.add("from one")
    two.add("from two")
    one.add("again one")
    assert HistoryFile(tmp_path / "history").entries() == ["from one", "from two", "again one"]


def test_the_way_back_ends_at_the_draft() -> None:
    history = History()
    history.add("one")
    history.add("two")
    assert history.newer() is None
    assert [history.older("draft"), history.older("two"), history.older("one")] == [
        "two", "one", None,
    ]  # fmt: skip
    assert [history.newer(), history.newer(), history.newer()] == ["two", "draft", None]


def test_an_entry_that_was_changed_is_not_lost_by_going_on() -> None:
    history = History()
    history.add("one")
    history.add("two")
    history.older("")
    assert history.older("two, changed") == "one"
    history.newer()
    assert history.newer() == "two, changed"


def test_a_search_wants_all_words_and_gives_the_newest_first() -> None:
    history = History()
    for text in ("Why is the sea salty?", "the moon", "Is the moon why the sea moves?"):
        history.add(text)
    assert history.search("SEA why") == ["Is the moon why the sea moves?", "Why is the sea salty?"]
    assert len(history.search("")) == 3

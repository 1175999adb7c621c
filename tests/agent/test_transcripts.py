from __future__ import annotations

import json
import multiprocessing
import shlex
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.errors import SessionNotFound, TranscriptError
from agent.events import Citation, Done, Event, Failed, Revision, Status, Token
from agent.messages import Message
from agent.summaries import Summary
from agent.transcript_export import to_json_text, to_markdown
from agent.transcripts import Transcripts, messages_of

CITATION = Citation(
    1, "moon.txt", "Moon", "line 1", "It has no air.", 0, 14, True, False, "d", ("air",)
)


def finished(text: str) -> Done:
    return Done(text, "grounded", "naive", "embedded")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "transcripts.db"


@pytest.fixture
def store(path: Path) -> Iterator[Transcripts]:
    transcripts = Transcripts(path)
    yield transcripts
    transcripts.close()


def tell(store: Transcripts, session: str, question: str, *events: Event) -> int:
    turn = store.begin(session, question)
    store.append(session, turn, events, state="done")
    return turn


def test_what_was_asked_and_every_event_come_back(store: Transcripts, path: Path) -> None:
    session = store.create()
    turn = store.begin(session, "Has it air?", "handed in")
    store.append(session, turn, [Status("Searching"), Token("It "), Token("has ")])
    store.append(session, turn, [Token("no air [1].")])
    store.append(session, turn, [CITATION, finished("It has no air [1].")], state="done")
    store.close()
    again = Transcripts(path)
    (stored,) = again.turns(session)
    again.close()
    assert (stored.n, stored.question, stored.context) == (1, "Has it air?", "handed in")
    assert stored.events == (
        Status("Searching"), Token("It has no air [1]."), CITATION, finished("It has no air [1]."),
    )  # fmt: skip
    assert (stored.state, stored.answer) == ("done", "It has no air [1].")


def test_a_session_is_named_short_and_titled_by_its_first_question(store: Transcripts) -> None:
    session = store.create()
    tell(store, session, "What\n is " + "very " * 30 + "long?", finished("x"))
    tell(store, session, "And then?", finished("y"))
    info = store.info(session)
    assert len(session) == 6
    assert session.isalnum()
    assert info.title.startswith("What is very")
    assert len(info.title) <= 80
    assert info.turns == 2


def test_how_a_turn_ended_and_what_there_was_of_its_answer_is_kept(store: Transcripts) -> None:
    session = store.create()
    tell(store, session, "One?", Token("Plain."), Revision("Plain.", "Arr!"), finished("Arr!"))
    turn = store.begin(session, "Two?")
    store.append(session, turn, [Failed("no")], state="failed")
    turn = store.begin(session, "Three?")
    store.append(session, turn, [Token("Th")], state="interrupted")
    store.begin(session, "Four?")
    turns = store.turns(session)
    assert [t.state for t in turns] == ["done", "failed", "interrupted", "open"]
    assert [t.answer for t in turns] == ["Arr!", "", "Th", ""]
    assert messages_of("One?", turns[0].events) == (
        Message("user", "One?"),
        Message("assistant", "Plain."),
    )


def test_summaries_are_kept_beside_the_turns_that_they_cover(store: Transcripts) -> None:
    session = store.create()
    for n in range(1, 6):
        tell(store, session, f"Question {n}?", finished(f"Answer {n}."))
    assert store.summaries(session) == []
    early, late = Summary(2, "Two of them.", "m", 1.0), Summary(4, "Four \ud800.", "m", 2.0)
    store.summarise(session, early)
    store.summarise(session, late)
    assert store.summaries(session) == [early, Summary(4, "Four ?.", "m", 2.0)]
    assert len(store.turns(session)) == 5
    assert [hit.turn for hit in store.search("question 1")] == [1]
    again = Summary(4, "Better.", "m", 3.0)
    store.summarise(session, again)
    assert store.summaries(session) == [early, again]
    assert store.summaries(store.fork(session)) == [early, again]
    assert store.summaries(store.fork(session, 3)) == [early]
    assert store.summaries(store.fork(session, 1)) == []
    assert "> Better." in to_markdown(
        store.info(session), store.turns(session), store.summaries(session)
    )
    told = json.loads(to_json_text(store.info(session), [], [early]))["summaries"]
    assert told == [{"upto": 2, "text": "Two of them.", "model": "m", "made": 1.0}]
    store.delete(session)
    assert store.summaries(session) == []
    with pytest.raises(SessionNotFound):
        store.summarise(session, early)


def test_a_store_of_the_first_version_gains_the_table_of_summaries(path: Path) -> None:
    store = Transcripts(path)
    session = store.create()
    tell(store, session, "One?", finished("Yes."))
    store.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE summaries")
        db.execute("PRAGMA user_version = 1")
        db.commit()
    for _ in range(2):
        store = Transcripts(path)
        assert [turn.answer for turn in store.turns(session)] == ["Yes."]
        store.summarise(session, Summary(1, "All of it."))
        assert [s.text for s in store.summaries(session)] == ["All of it."]
        store.close()


def test_the_last_session_is_the_one_last_written_to(store: Transcripts) -> None:
    assert store.last() is None
    one, two = store.create("one"), store.create("two")
    assert store.last() == two
    tell(store, one, "Again?", finished("x"))
    assert store.last() == one
    assert [info.id for info in store.sessions()] == [one, two]
    assert [info.id for info in store.sessions(limit=1)] == [one]


def test_a_session_is_found_by_the_beginning_of_its_name(store: Transcripts) -> None:
    session = store.create()
    assert store.find(session[:4].upper() + " ") == session
    for name in ("", "nosuch", "%", "_"):
        with pytest.raises(SessionNotFound) as caught:
            store.find(name)
        assert caught.value.hint


def test_questions_and_answers_are_found_by_their_words(store: Transcripts) -> None:
    moon, mars = store.create(), store.create()
    tell(store, moon, "Has the Moon air?", finished("No, it has none."))
    tell(store, mars, "Name the moons of Mars.", finished("Phobos and Deimos."))
    assert [hit.session for hit in store.search("phobos")] == [mars]
    assert {hit.session for hit in store.search("moon")} == {moon, mars}
    assert [hit.session for hit in store.search("moons pho")] == [mars]
    (hit,) = store.search("deimos")
    assert (hit.turn, hit.question) == (1, "Name the moons of Mars.")
    assert "[Deimos]" in hit.excerpt


@pytest.mark.parametrize(
    "query", ['"', "a AND", "NEAR(", "col:umn", "*", "-x", "^", "()", "", " ", 'x" OR "y', "a\0b"]
)
def test_a_search_is_words_and_never_syntax(store: Transcripts, query: str) -> None:
    tell(store, store.create(), "Anything?", finished("Something."))
    assert store.search(query) == []


def test_a_session_can_be_renamed(store: Transcripts) -> None:
    session = store.create("old")
    store.rename(session, "new  title")
    assert store.info(session).title == "new title"
    with pytest.raises(SessionNotFound):
        store.rename("nosuch", "x")


def test_a_deleted_session_leaves_no_word_behind(store: Transcripts, path: Path) -> None:
    session = store.create()
    tell(store, session, "Where is the xylophone?", finished("In the zeppelin."))
    fork = store.fork(session)
    store.delete(fork)
    assert store.search("zeppelin")
    store.delete(session)
    assert store.search("zeppelin") == []
    assert store.sessions() == []
    store.close()
    for file in path.parent.iterdir():
        assert b"zeppelin" not in file.read_bytes()
        assert b"xylophone" not in file.read_bytes()


def test_a_fork_goes_its_own_way_from_a_turn(store: Transcripts) -> None:
    session = store.create()
    for n in range(3):
        tell(store, session, f"Question {n}?", Token(f"{n}"), CITATION, finished(f"{n}"))
    fork = store.fork(session, 2)
    assert store.turns(fork) == store.turns(session)[:2]
    tell(store, fork, "Another?", finished("x"))
    assert [t.question for t in store.turns(fork)][-1] == "Another?"
    assert len(store.turns(session)) == 3
    assert store.info(fork).parent == session
    store.delete(session)
    assert len(store.turns(fork)) == 3
    assert store.info(fork).parent == ""
    with pytest.raises(SessionNotFound, match="no turn 9"):
        store.fork(fork, 9)


def test_writing_to_a_deleted_session_is_an_error(store: Transcripts) -> None:
    session = store.create()
    turn = store.begin(session, "Q?")
    store.delete(session)
    with pytest.raises(SessionNotFound):
        store.append(session, turn, [Token("x")])
    with pytest.raises(SessionNotFound):
        store.turns(session)


def test_exports_hold_the_answer_and_what_it_cites(store: Transcripts) -> None:
    session = store.create()
    doubtful = Citation(2, "mars.txt", "", "", "a\nquote", 0, 1, False, True)
    tell(store, session, "Has it air?", Token("No [1]."), CITATION, doubtful, finished("No [1]."))
    turn = store.begin(session, "And water?")
    store.append(session, turn, [Failed("the model is away")], state="failed")
    store.begin(session, "And?")
    info, turns = store.info(session), store.turns(session)
    text = to_markdown(info, turns)
    assert "## 1. Has it air?\n\nNo [1].\n\n- [1] moon.txt, line 1: “It has no air.”\n" in text
    assert "- [2] mars.txt (not verified, changed since): “a quote”" in text
    assert "*Failed: the model is away*" in text
    assert text.endswith("*Interrupted.*\n")
    data = json.loads(to_json_text(info, turns))
    assert data["session"]["id"] == session
    assert data["turns"][0]["events"][1]["quote"] == "It has no air."


def test_text_that_is_no_valid_unicode_is_kept_as_far_as_it_can_be(store: Transcripts) -> None:
    session = store.create()
    turn = store.begin(session, "a\ud800b", "c\udcffd")
    store.append(session, turn, [Token("e\ud800"), finished("e\ud800")], state="done")
    (stored,) = store.turns(session)
    assert (stored.question, stored.context) == ("a?b", "c?d")
    assert stored.events[0] == Token("e\ud800")


def test_the_store_is_for_its_owners_eyes_only(store: Transcripts, path: Path) -> None:
    tell(store, store.create(), "Q?", finished("x"))
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("folder", ["data", "o'neill's data"])
def test_a_file_that_is_no_store_is_an_error_with_a_way_out(folder: str, tmp_path: Path) -> None:
    path = tmp_path / folder / "transcripts.db"
    path.parent.mkdir()
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(TranscriptError) as caught:
        Transcripts(path)
    assert str(path) in str(caught.value)
    typed = shlex.split(caught.value.hint.partition("made: ")[2])
    assert typed == ["mv", str(path), f"{path}.broken"]


def test_a_store_damaged_within_is_an_error_when_it_is_read(path: Path) -> None:
    first = Transcripts(path)
    session = first.create()
    for n in range(50):
        tell(first, session, f"Question {n}?", finished("word " * 200))
    first.close()
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * len(data[8192:])
    path.write_bytes(data)

    def read() -> None:
        store = Transcripts(path)
        try:
            store.turns(session)
            store.search("question")
        finally:
            store.close()

    with pytest.raises(TranscriptError):
        read()


def test_a_newer_versions_store_is_left_alone(path: Path) -> None:
    Transcripts(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()
    with pytest.raises(TranscriptError, match="newer version") as caught:
        Transcripts(path)
    assert "upgrade" in caught.value.hint.lower()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(TranscriptError, match="cannot be opened"):
        Transcripts(tmp_path / "file" / "transcripts.db")


def _ask_many(path: Path, name: str, begin: object) -> None:
    begin.wait()  # type: ignore[attr-defined]
    store = Transcripts(path)
    session = store.create(name)
    for n in range(20):
        tell(store, session, f"{name} {n}?", finished(f"{name} {n}"))
    store.close()


def test_two_processes_may_create_and_write_it_at_once(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    begin = spawn.Event()
    workers = [spawn.Process(target=_ask_many, args=(path, name, begin)) for name in ("a", "b")]
    for worker in workers:
        worker.start()
    begin.set()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    store = Transcripts(path)
    assert sorted((i.title, i.turns) for i in store.sessions()) == [("a", 20), ("b", 20)]
    store.close()


def test_threads_may_share_a_store(store: Transcripts) -> None:
    def work(name: str) -> None:
        session = store.create(name)
        for n in range(10):
            tell(store, session, f"{name} {n}?", finished("x"))
            assert len(store.turns(session)) == n + 1

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((i.title, i.turns) for i in store.sessions()) == [(c, 10) for c in "abc"]


def test_a_turn_that_never_began_cannot_be_written(store: Transcripts) -> None:
    session = store.create("x")
    with pytest.raises(SessionNotFound, match="no turn 3"):
        store.append(session, 3, [])

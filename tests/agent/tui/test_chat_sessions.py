"""The chat's sessions: kept, resumed, forked, gone back in, found, renamed, deleted, exported."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from agent.events import Done, Token
from agent.paths import Paths
from agent.session import Session
from agent.transcripts import Transcripts
from agent.tui.app import Chat
from agent.tui.question import Question
from agent.tui.screens.sessions import SessionsScreen
from tests.agent.tui.chat_host import (
    DEADLINE,
    FakeHost,
    Waiting,
    answers,
    ask,
    opened,
    rows,
    said,
    send,
    until,
)
from tests.fakes import ScriptedMode


def chat(**known: object) -> Chat:
    text = "Said."
    mode = ScriptedMode(Token(text), Done(text, "ungrounded", "m", "m"), name="m")
    return Chat(FakeHost(mode), **known)  # type: ignore[arg-type]


def store() -> Transcripts:
    return Transcripts(Paths.from_env().transcripts)


def questions(app: Chat) -> list[str]:
    return [answer.question for answer in app.transcript.answers]


def refused(app: Chat, times: int) -> Callable[[], bool]:
    return lambda: rows(app.transcript).count("An answer is being given.") == times


async def browse(app: Chat, pilot: Pilot[None]) -> SessionsScreen:
    await pilot.press("ctrl+o")
    await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
    await pilot.pause()
    assert isinstance(app.screen, SessionsScreen)
    return app.screen


async def test_the_last_session_is_gone_on_with() -> None:
    app = chat()
    async with app.run_test() as pilot:
        await ask(app, pilot, "first")
    app = chat(last=True)
    async with app.run_test() as pilot:
        await until(pilot, lambda: questions(app) == ["first"])
        await ask(app, pilot, "second")
        assert app.talk.session.history[0].content == "first"
    assert [turn.question for turn in store().turns(app.talk.host.transcripts.last() or "")] == [
        "first",
        "second",
    ]


async def test_what_a_crash_interrupted_stands_in_the_session_as_far_as_it_came() -> None:
    transcripts = store()
    session = transcripts.create()
    turn = transcripts.begin(session, "unfinished")
    transcripts.append(session, turn, [Token("It beg")])
    transcripts.close()
    app = chat(resume=session)
    async with app.run_test() as pilot:
        await until(pilot, lambda: answers(app) == ["It beg"])
        await until(pilot, said(app, "stopped before its end"))
        await ask(app, pilot, "next")
        assert len(answers(app)) == 2


async def test_a_session_is_forked_at_the_answer_under_the_cursor() -> None:
    app = chat()
    async with app.run_test() as pilot:
        for question in ("one", "two", "three"):
            await ask(app, pilot, question)
        first = app.talk.id
        app.transcript.focus()
        await pilot.press("g", "f")
        await until(pilot, lambda: questions(app) == ["one"])
        assert app.talk.id != first
        await ask(app, pilot, "else")
        assert len(store().turns(first or "")) == 3
        assert store().info(app.talk.id or "").parent == first


async def test_going_back_keeps_the_session_and_gives_the_question_to_be_edited() -> None:
    app = chat()
    async with app.run_test() as pilot:
        await ask(app, pilot, "one")
        await ask(app, pilot, "two")
        first = app.talk.id
        await send(app, pilot, "/rewind 2")
        await until(pilot, lambda: questions(app) == ["one"] and app.composer.text == "two")
        assert len(store().turns(first or "")) == 2


async def test_a_question_is_edited_and_sent_again() -> None:
    app = chat()
    async with app.run_test() as pilot:
        await ask(app, pilot, "one")
        await ask(app, pilot, "tow")
        app.transcript.focus()
        await pilot.press("e")
        await until(pilot, lambda: app.composer.text == "tow")
        await ask(app, pilot, "two")
        assert questions(app) == ["one", "two"]


async def test_what_went_with_a_stored_question_goes_with_it_again() -> None:
    transcripts = store()
    session = transcripts.create()
    turn = transcripts.begin(session, "Is this so?", "The pasted text.")
    transcripts.append(session, turn, [Token("Yes.")], state="interrupted")
    transcripts.close()
    app = chat(resume=session)
    async with app.run_test() as pilot:
        await until(pilot, lambda: answers(app) == ["Yes."])
        await opened(app, pilot)
        await send(app, pilot, "/retry")
        await until(pilot, lambda: len(answers(app)) == 2 and not app.busy)
        assert [turn.context for turn in store().turns(session)] == ["The pasted text."] * 2


async def test_a_session_that_is_being_asked_is_not_left() -> None:
    app = Chat(FakeHost(Waiting(name="waiting")))
    async with app.run_test() as pilot:
        await send(app, pilot, "first")
        await until(pilot, lambda: answers(app) == ["So"])
        lines = ("/new", "/fork", "/rewind 1", "/sessions", "/model embedded", "/compare")
        for n, line in enumerate(lines, 1):
            await send(app, pilot, line)
            await until(pilot, refused(app, n), line)
        assert answers(app) == ["So"]


async def test_sessions_are_found_by_any_word_and_resumed() -> None:
    app = chat()
    async with app.run_test() as pilot:
        await ask(app, pilot, "the impeller")
        await send(app, pilot, "/new")
        await until(pilot, lambda: not answers(app))
        await ask(app, pilot, "the valve")
        screen = await browse(app, pilot)
        assert len(screen.keys) == 2
        await pilot.press("/", *"impel")
        await until(pilot, lambda: len(screen.keys) == 1)
        await pilot.press("enter")
        await until(pilot, lambda: questions(app) == ["the impeller"])


async def test_a_session_is_renamed_and_one_that_is_deleted_can_be_taken_back() -> None:
    app = chat()
    async with app.run_test() as pilot:
        await ask(app, pilot, "one")
        await send(app, pilot, "/rename The pump")
        await until(pilot, lambda: store().sessions()[0].title == "The pump")
        screen = await browse(app, pilot)
        await pilot.press("d")
        await until(pilot, lambda: not screen.keys)
        await pilot.press("u")
        await until(pilot, lambda: len(screen.keys) == 1)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.screen_stack[0])
        assert len(store().sessions()) == 1
        assert questions(app) == ["one"]


async def test_deleting_the_session_that_is_open_begins_a_new_one() -> None:
    app = chat()
    async with app.run_test() as pilot:
        await ask(app, pilot, "one")
        await browse(app, pilot)
        await pilot.press("d", "escape")
        await until(pilot, lambda: not answers(app) and app.talk.id is None)
        assert store().sessions() == []
        await ask(app, pilot, "two")
        assert len(store().sessions()) == 1


@pytest.mark.parametrize("form", ["md", "json", "html"])
async def test_a_session_is_written_to_a_file_and_none_is_overwritten(
    form: str, tmp_path: Path
) -> None:
    app = chat()
    file = tmp_path / f"kept.{form}"
    async with app.run_test() as pilot:
        await ask(app, pilot, "one")
        await send(app, pilot, f"/export {form} {file}")
        await until(pilot, file.exists)
        text = file.read_text()
        assert "Said." in text
        if form == "json":
            assert json.loads(text)["turns"][0]["question"] == "one"
        await send(app, pilot, f"/export {form} {file}")
        await until(pilot, said(app, "Name another one."))
        assert file.read_text() == text


async def test_an_empty_session_has_nothing_to_export_and_says_so() -> None:
    app = chat()
    async with app.run_test() as pilot:
        await opened(app, pilot)
        await send(app, pilot, "/export")
        await until(pilot, said(app, "This session is empty. Ask something first."))


async def test_a_question_that_is_sent_while_a_session_opens_goes_to_that_one() -> None:
    class Slow(FakeHost):
        """Opens a second session only when it is let."""

        def __init__(self, *modes: ScriptedMode) -> None:
            super().__init__(*modes)
            self.opened = 0
            self.go_on = threading.Event()

        @contextmanager
        def open_session(
            self, *, resume: str | None = None, last: bool = False
        ) -> Iterator[Session]:
            self.opened += 1
            if self.opened == 2:
                assert self.go_on.wait(DEADLINE)
            with super().open_session(resume=resume, last=last) as session:
                yield session

    host = Slow(ScriptedMode(Token("Said."), Done("Said.", "ungrounded", "m", "m"), name="m"))
    app = Chat(host)
    async with app.run_test() as pilot:
        await ask(app, pilot, "one")
        await send(app, pilot, "/new")
        await until(pilot, lambda: host.opened == 2)
        await send(app, pilot, "two")
        assert app.asking.waiting == ["two"]
        host.go_on.set()
        await until(pilot, lambda: questions(app) == ["two"] and not app.busy)
        assert sorted(info.title for info in store().sessions()) == ["one", "two"]


@pytest.mark.parametrize(
    "line",
    [
        "/export md ~nobody-at-all/x.md",
        "/model scripted:~nobody-at-all/x.toml",
        "/persona ~nobody-at-all/x.toml",
    ],
)
async def test_a_home_that_nobody_has_is_a_file_that_is_not_there(line: str) -> None:
    app = chat()
    async with app.run_test(size=(120, 30)) as pilot:
        await ask(app, pilot, "one")
        await send(app, pilot, line)
        await until(pilot, said(app, "No such file or directory"))
        await ask(app, pilot, "two")


async def test_a_search_finds_other_sessions_beside_a_long_one() -> None:
    kept = store()
    for title, turns in (("long", 30), ("short", 1)):
        session = kept.create(title)
        for n in range(turns):
            turn = kept.begin(session, f"What of the pump, {n}?")
            text = "The pump." if title == "long" else "The pump " + "and more " * 50
            kept.append(session, turn, [Done(text, "ungrounded", "m", "m")], state="done")
    kept.close()
    app = chat()
    async with app.run_test(size=(120, 30)) as pilot:
        await opened(app, pilot)
        screen = await browse(app, pilot)
        await pilot.press("slash", *"pump")
        await until(pilot, lambda: screen._hits is not None)
        assert len(screen.keys) == 2


async def test_settings_are_not_changed_while_an_answer_is_given() -> None:
    app = Chat(FakeHost(Waiting(name="waiting")))
    async with app.run_test(size=(120, 30)) as pilot:
        await send(app, pilot, "first")
        await until(pilot, lambda: answers(app) == ["So"])
        await send(app, pilot, "/settings")
        await until(pilot, refused(app, 1))
        assert len(app.screen_stack) == 1
        await pilot.press("escape")
        await until(pilot, lambda: not app.busy)


async def test_a_rename_without_a_title_leaves_the_one_there_is() -> None:
    app = chat()
    async with app.run_test(size=(120, 30)) as pilot:
        await ask(app, pilot, "one")
        await send(app, pilot, "/rename")
        await until(pilot, said(app, "There is no title. /rename TITLE"))
        assert app.talk.id is not None
        assert app.talk.host.transcripts.info(app.talk.id).title == "one"


async def test_a_question_of_some_sources_is_asked_of_them_again_in_a_copy() -> None:
    app = chat()
    async with app.run_test(size=(120, 30)) as pilot:
        await opened(app, pilot)
        app.ask(Question("@moon.txt Has it air?", sources=("/notes/moon.txt",)))
        await until(pilot, lambda: questions(app) and not app.busy)
        await send(app, pilot, "/fork")
        await until(pilot, lambda: app.talk.ready and questions(app) and not app.busy)
        await until(pilot, lambda: len(app.talk.host.transcripts.sessions()) == 2)
        await until(pilot, lambda: app.transcript.answers and app.transcript.answers[-1].n == 1)
        assert app.asked(app.transcript.answers[-1]).sources == ("/notes/moon.txt",)

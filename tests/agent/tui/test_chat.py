"""The chat as its user meets it: asking, stopping, queueing, reading sources, commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from textual.geometry import Offset
from textual.widgets import OptionList

from agent.errors import UsageError
from agent.events import Done, Event, Failed, Status, Token, ToolCall, ToolResult
from agent.modes.naive import Naive
from agent.session import Session
from agent.tui.app import Chat
from agent.tui.screens.compare import CompareScreen
from agent.tui.screens.document import DocumentScreen
from agent.tui.screens.help import HelpScreen
from agent.tui.widgets.citations import Citations
from agent.tui.widgets.document import DocumentView
from agent.tui.widgets.status import StatusLine
from agent.tui.widgets.transcript import Transcript
from tests.agent.tui.chat_host import (
    FakeHost,
    Waiting,
    answers,
    ask,
    opened,
    rows,
    said,
    send,
    texts,
    told,
    until,
)
from tests.fakes import ScriptedMode

WIDE = (120, 40)


def chat(*modes: ScriptedMode | Naive) -> Chat:
    return Chat(FakeHost(*modes))


def played(*events: Event | Exception, name: str = "played") -> ScriptedMode:
    return ScriptedMode(*events, name=name)


def plain(text: str, name: str = "played") -> ScriptedMode:
    return played(Token(text), Done(text, "ungrounded", name, "m"), name=name)


# asking


async def test_a_question_is_answered_with_its_sources_beside_it() -> None:
    app = chat()
    async with app.run_test(size=WIDE) as pilot:
        await ask(app, pilot, "Has the Moon air?")
        assert answers(app) == ["The Moon has no air. [1]"]
        assert "grounded" in str(app.query_one(StatusLine).render())
        panel = app.query_one(Citations)
        await until(pilot, lambda: panel.has_class("shown"))
        assert panel.option_count == 1


async def test_a_question_that_is_typed_before_the_library_is_open_is_asked_then() -> None:
    app = chat()
    async with app.run_test() as pilot:
        await send(app, pilot, "Has the Moon air?")
        await until(pilot, lambda: answers(app) == ["The Moon has no air. [1]"])


async def test_escape_ends_an_answer_with_what_there_is_and_the_next_question_is_asked() -> None:
    app = chat(Waiting(name="waiting"), Naive())
    async with app.run_test() as pilot:
        await send(app, pilot, "first")
        await until(pilot, lambda: answers(app) == ["So"])
        await send(app, pilot, "/mode naive")
        await send(app, pilot, "Has the Moon air?")
        await until(pilot, lambda: app.asking.waiting == ["Has the Moon air?"])
        await pilot.press("escape")
        await until(pilot, lambda: len(answers(app)) == 2 and not app.busy)
        assert answers(app)[1] == "The Moon has no air. [1]"


async def test_escape_twice_leaves_an_answer_at_once() -> None:
    class Deaf(ScriptedMode):
        async def answer(self, turn):  # type: ignore[no-untyped-def]
            import asyncio

            yield Token("So")
            await asyncio.Event().wait()

    app = chat(Deaf(name="deaf"))
    async with app.run_test() as pilot:
        await send(app, pilot, "first")
        await until(pilot, lambda: answers(app) == ["So"])
        await pilot.press("escape")
        await pilot.pause()
        assert app.busy
        await pilot.press("escape")
        await until(pilot, lambda: not app.busy)
        await until(pilot, said(app, "stopped before its end"))


async def test_a_question_that_waits_can_be_taken_back() -> None:
    app = chat(Waiting(name="waiting"))
    async with app.run_test() as pilot:
        await send(app, pilot, "first")
        await until(pilot, lambda: answers(app) == ["So"])
        await send(app, pilot, "second")
        await until(pilot, lambda: app.asking.waiting == ["second"])
        await pilot.press("up")
        await until(pilot, lambda: app.composer.text == "second")
        assert app.asking.waiting == []


async def test_a_question_is_asked_again_in_another_mode() -> None:
    app = chat(plain("One.", "one"), plain("Two.", "two"))
    async with app.run_test() as pilot:
        await ask(app, pilot, "q")
        await send(app, pilot, "/retry two")
        await until(pilot, lambda: answers(app) == ["One.", "Two."])
        assert [answer.question for answer in app.transcript.answers] == ["q", "q"]


async def test_a_failure_says_what_to_do_and_the_chat_goes_on() -> None:
    app = chat(played(Failed("No key.", "export KEY=…")))
    async with app.run_test() as pilot:
        await ask(app, pilot, "q")
        await until(pilot, said(app, "No key."))
        await until(pilot, said(app, "export KEY=…"))
        await ask(app, pilot, "again")
        assert len(answers(app)) == 2


async def test_a_library_that_does_not_open_is_told_and_typing_stays_open() -> None:
    class Broken(FakeHost):
        @contextmanager
        def open_session(
            self, *, resume: str | None = None, last: bool = False
        ) -> Iterator[Session]:
            raise UsageError("There is no library 'x'.", hint="agent library list")
            yield  # type: ignore[unreachable]

    app = Chat(Broken())
    async with app.run_test() as pilot:
        await until(pilot, said(app, "There is no library 'x'. agent library list"))
        await pilot.press("h", "i")
        assert app.composer.text == "hi"
        await send(app, pilot, "/fork")
        await until(pilot, said(app, "This session is empty."))


async def test_hostile_text_is_shown_and_never_obeyed() -> None:
    hostile = "[@click=app.quit]go[/] \x1b]0;x\x07 \u202egnp.exe ![i](http://evil/x.png) <b>b</b>"
    app = chat(played(Token(hostile), Done(hostile, "ungrounded", "played", "m")))
    async with app.run_test() as pilot:
        await ask(app, pilot, hostile)
        shown = rows(app.transcript) + texts(app)
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "[@click=app.quit]go[/]" in shown


# reading


async def test_a_source_opens_at_the_words_that_are_quoted_by_key() -> None:
    app = chat()
    async with app.run_test(size=WIDE) as pilot:
        await ask(app, pilot, "Has the Moon air?")
        app.transcript.focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.focused, Citations))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, DocumentScreen))
        await pilot.pause()
        assert "The Moon has no air." in app.screen.query_one(DocumentView).text_in_sight()
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.screen_stack[0])


async def test_a_source_opens_by_a_click_on_its_number() -> None:
    app = chat()
    async with app.run_test(size=WIDE) as pilot:
        await ask(app, pilot, "Has the Moon air?")
        await until(pilot, said(app, "[1]"))
        shown = [app.transcript.render_line(y).text for y in range(app.transcript.size.height)]
        y = next(y for y, text in enumerate(shown) if "[1]" in text)
        left, top = app.transcript.content_region.offset
        assert await pilot.click(offset=Offset(left + shown[y].index("[1]") + 1, top + y))
        await until(pilot, lambda: isinstance(app.screen, DocumentScreen))


async def test_sources_take_their_room_from_the_answers_only_where_there_is_room() -> None:
    app = chat()
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(app, pilot, "Has the Moon air?")
        panel = app.query_one(Citations)
        assert not panel.has_class("shown")
        await pilot.press("ctrl+b")
        await until(pilot, lambda: panel.has_class("shown"))
        assert panel.region.y > app.transcript.region.y


async def test_steps_are_one_line_until_they_are_opened() -> None:
    app = chat(
        played(
            Status("Searching"), ToolCall("1", "search", {"query": "x"}), ToolResult("1", "two"),
            Token("Plain."), Done("Plain.", "ungrounded", "played", "m"),
        )
    )  # fmt: skip
    async with app.run_test() as pilot:
        await ask(app, pilot, "q")
        assert "Searching" not in rows(app.transcript)
        await pilot.press("ctrl+t")
        await until(pilot, said(app, "Searching"))


@pytest.mark.parametrize(
    ("key", "copied"),
    [("y", "Text [1]\n\n```\ncode()\n```"), ("c", "code()")],
)
async def test_a_key_copies_an_answer_or_its_code(key: str, copied: str) -> None:
    app = chat(plain("Text [1]\n\n```\ncode()\n```"))
    async with app.run_test() as pilot:
        await ask(app, pilot, "q")
        app.transcript.focus()
        await pilot.press(key)
        await until(pilot, lambda: app.clipboard.strip() == copied)
        assert any("Copied" in note for note in told(app))


async def test_the_quote_of_an_answer_is_copied() -> None:
    app = chat()
    async with app.run_test() as pilot:
        await ask(app, pilot, "Has the Moon air?")
        await send(app, pilot, "/copy quote")
        await until(pilot, lambda: app.clipboard.startswith("The Moon has no air."))


# commands


async def test_a_command_that_is_none_says_so() -> None:
    app = chat()
    async with app.run_test() as pilot:
        await opened(app, pilot)
        await send(app, pilot, "/dance")
        await until(pilot, said(app, "There is no command /dance."))
        await send(app, pilot, "/mode soon")
        await until(pilot, said(app, "/mode takes one of: naive"))


async def test_modes_are_compared_side_by_side_and_kept() -> None:
    app = chat(plain("One.", "one"), plain("Two.", "two"))
    async with app.run_test(size=WIDE) as pilot:
        await opened(app, pilot)
        await send(app, pilot, "/compare which?")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        columns = list(app.screen.query(Transcript))
        await until(pilot, lambda: all(c.answers and c.answers[0].done for c in columns))
        assert [column.answers[0].text for column in columns] == ["One.", "Two."]
        assert columns[0].region.y == columns[1].region.y
        await pilot.press("escape")
        await until(pilot, lambda: answers(app) == ["One.", "Two."])


async def test_help_lists_every_command() -> None:
    app = chat()
    async with app.run_test(size=WIDE) as pilot:
        await opened(app, pilot)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert all(f"/{command.name}" in texts(app) for command in app.commands)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.screen_stack[0])


async def test_the_palette_offers_the_commands() -> None:
    app = chat(plain("One.", "one"), plain("Two.", "two"))
    async with app.run_test(size=WIDE) as pilot:
        await opened(app, pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press(*"mode", "space", *"two")
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count == 1)
        await pilot.press("enter")
        await until(pilot, lambda: app.talk.mode == "two")


async def test_what_a_session_has_used_is_summed_up() -> None:
    app = chat()
    async with app.run_test() as pilot:
        await ask(app, pilot, "Has the Moon air?")
        await send(app, pilot, "/cost")
        await until(pilot, said(app, "This session: 1 question · 1 model call"))


async def test_tokens_that_change_nothing_of_how_it_stands_cost_the_app_nothing() -> None:
    tokens = [Token("word ") for _ in range(200)]
    app = chat(played(*tokens, Done("word " * 200, "ungrounded", "played", "m")))
    stood = 0
    stand = app.stand

    def counted() -> None:
        nonlocal stood
        stood += 1
        stand()

    app.asking._changed = counted
    async with app.run_test() as pilot:
        await ask(app, pilot, "q")
        assert len(answers(app)[0].split()) == 200
        assert stood < 10


async def test_no_command_ends_the_chat_where_no_session_is_open() -> None:
    class Broken(FakeHost):
        @contextmanager
        def open_session(
            self, *, resume: str | None = None, last: bool = False
        ) -> Iterator[Session]:
            raise FileNotFoundError(2, "No such file or directory")
            yield  # type: ignore[unreachable]

    app = Chat(Broken())
    async with app.run_test() as pilot:
        await until(pilot, said(app, "No such file or directory"))
        for line in ("/compare Has the Moon air?", "/export md ~nobody-at-all/x.md", "/cost"):
            await send(app, pilot, line)
        await until(pilot, said(app, "The library is not open."))
        await until(pilot, said(app, "This session: 0 questions"))

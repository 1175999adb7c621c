from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from agent.approvals import Decision, Request
from agent.errors import UsageError
from agent.events import Done, Event, Failed, Status, Token, ToolCall, ToolResult
from agent.modes.base import Mode
from agent.modes.naive import Naive
from agent.session import Session
from agent.tui.app import Chat
from agent.tui.approval import Approval
from agent.tui.screens.document import DocumentScreen
from agent.tui.widgets.answer import Answer
from agent.tui.widgets.composer import Composer
from tests.fakes import EchoModel, MemoryLibrary, ScriptedMode

TEXTS = {"moon.txt": "The Moon has no air.\n\nIts far side was first seen in 1959."}


class Waiting(ScriptedMode):
    """Says a word, and then nothing until it is stopped."""

    async def answer(self, turn: Any) -> Any:
        yield Token("So")
        await turn.budget.within(lambda: asyncio.Event().wait())


def chat(*modes: Mode) -> Chat:
    library: Any = MemoryLibrary(TEXTS)
    given = {mode.name: mode for mode in modes or (Naive(),)}
    first = next(iter(given))

    @contextmanager
    def opened() -> Iterator[Session]:
        yield Session(modes=given, model=EchoModel(), library=library, mode=first)

    return Chat(opened, modes=tuple(given))


def played(*events: Event | Exception, name: str = "played") -> ScriptedMode:
    return ScriptedMode(*events, name=name)


async def ask(app: Chat, pilot: Pilot[None], question: str) -> None:
    composer = app.query_one(Composer)
    composer.focus()
    composer.text = question
    await pilot.press("enter")
    await settle(app, pilot)


async def settle(app: Chat, pilot: Pilot[None]) -> None:
    await app.workers.wait_for_complete()
    await pilot.pause()
    await pilot.pause()


def shown(app: Chat) -> str:
    return "\n".join(str(widget.render()) for widget in app.screen.query(Static))


async def test_a_question_is_answered_with_its_sources_beside_it() -> None:
    app = chat()
    async with app.run_test(size=(120, 40)) as pilot:
        await ask(app, pilot, "Has the Moon air?")
        assert "The Moon has no air. [1]" in shown(app)
        assert "grounded" in str(app.query_one("#status", Static).render())
        sources = app.query_one("#sources", OptionList)
        assert sources.has_class("shown")
        assert sources.option_count == 1


async def test_a_source_opens_at_the_words_that_are_quoted() -> None:
    app = chat()
    async with app.run_test(size=(120, 40)) as pilot:
        await ask(app, pilot, "Has the Moon air?")
        app.query_one("#sources", OptionList).focus()
        await pilot.press("down", "enter")
        await settle(app, pilot)
        assert isinstance(app.screen, DocumentScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert app.query_one(Composer)


async def test_escape_ends_an_answer_with_what_there_is_and_the_next_question_is_asked() -> None:
    app = chat(Waiting(name="waiting"), Naive())
    async with app.run_test() as pilot:
        composer = app.query_one(Composer)
        composer.text = "first"
        await pilot.press("enter")
        await pilot.pause()
        composer.text = "/mode naive"
        await pilot.press("enter")
        composer.text = "Has the Moon air?"
        await pilot.press("enter")
        await pilot.press("escape")
        await settle(app, pilot)
        await settle(app, pilot)
        assert len(app.query(Answer)) == 2
        assert "The Moon has no air. [1]" in shown(app)


async def test_steps_are_one_line_until_they_are_opened() -> None:
    app = chat(
        played(
            Status("Searching"), ToolCall("1", "search", {"query": "x"}), ToolResult("1", "two"),
            Token("Plain."), Done("Plain.", "ungrounded", "played", "m"),
        )
    )  # fmt: skip
    async with app.run_test() as pilot:
        await ask(app, pilot, "q")
        assert "Searching" not in shown(app)
        await pilot.press("ctrl+t")
        assert "Searching" in shown(app)
        assert "search {'query': 'x'}" in shown(app)


async def test_a_failure_says_what_to_do_and_the_chat_goes_on() -> None:
    app = chat(played(Failed("No key.", "export KEY=…")))
    async with app.run_test() as pilot:
        await ask(app, pilot, "q")
        assert "No key." in shown(app)
        assert "export KEY=…" in shown(app)
        await ask(app, pilot, "again")
        assert len(app.query(Answer)) == 2


async def test_hostile_text_is_shown_and_never_obeyed() -> None:
    hostile = "[@click=app.quit]go[/] \x1b]0;x\x07 \u202egnp.exe ![i](http://evil/x.png) <b>b</b>"
    app = chat(played(Token(hostile), Done(hostile, "ungrounded", "played", "m")))
    async with app.run_test() as pilot:
        await ask(app, pilot, hostile)
        text = shown(app)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "[@click=app.quit]go[/]" in text


async def test_a_tool_asks_and_leaving_the_question_means_no() -> None:
    app = chat()
    decisions: list[Decision] = []
    request = Request("tool", "Call send?", '{"to": "x"}', "It sends out.", "mail", "send")
    async with app.run_test() as pilot:

        async def asked() -> None:
            decisions.append(await app._decide(request))

        for key in ("escape", "enter", "up"):
            worker = app.run_worker(asked())
            await pilot.pause()
            assert isinstance(app.screen, Approval)
            await pilot.press(key)
            if key == "up":
                await pilot.press("enter")
            await worker.wait()
    assert [decision.answer for decision in decisions] == ["deny", "deny", "always"]


async def test_a_library_that_does_not_open_is_told_and_typing_stays_open() -> None:
    @contextmanager
    def broken() -> Iterator[Session]:
        raise UsageError("There is no library 'x'.", hint="agent library list")
        yield

    app = Chat(broken)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "There is no library 'x'. agent library list" in shown(app)
        await pilot.press("h", "i")
        assert app.query_one(Composer).text == "hi"


async def test_what_was_sent_comes_back_and_a_line_can_be_broken() -> None:
    app = chat()
    async with app.run_test() as pilot:
        await ask(app, pilot, "one")
        composer = app.query_one(Composer)
        await pilot.press("up")
        assert composer.text == "one"
        await pilot.press("down", "a", "ctrl+j", "b")
        assert composer.text == "a\nb"


async def test_a_command_that_is_none_says_so() -> None:
    app = chat()
    async with app.run_test() as pilot:
        await ask(app, pilot, "/dance")
        assert "There is no command /dance. /help lists them." in shown(app)
        await ask(app, pilot, "/mode soon")
        assert "/mode takes one of: naive" in shown(app)

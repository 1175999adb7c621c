"""What an answer cites is read: in its document, and what a tool said as its quote alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from textual.pilot import Pilot
from textual.widgets import Static

from agent.events import Citation, Done, Token
from agent.tui.app import Chat
from agent.tui.screens.document import DocumentScreen
from agent.tui.widgets.citations import Citations
from agent.tui.widgets.document import DocumentView
from tests.agent.tui.chat_host import TEXTS, FakeHost, ask, said, told, until
from tests.fakes import MemoryLibrary, ScriptedMode

SIZE = (120, 40)
SAID = Citation(
    1, "mcp://tickets/search", "Ticket 7", "", "The pump [@click=app.quit]leaks.", 500, 532, True,
    False, "0" * 32, ("leaks",),
)  # fmt: skip


def chat(*citations: Citation) -> Chat:
    text = "".join(f"So. [{each.n}]" for each in citations)
    done = Done(text, "grounded", "played", "m")
    return Chat(FakeHost(ScriptedMode(Token(text), *citations, done, name="played")))


async def open_first(app: Chat, pilot: Pilot[None]) -> None:
    app.transcript.focus()
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.focused, Citations))
    await pilot.press("home", "enter")


def line(app: Chat, name: str) -> str:
    return str(app.screen.query_one(f"#{name}", Static).content)


def shows(app: Chat, title: str) -> bool:
    return line(app, "title").startswith(title)


async def test_what_a_tool_said_is_read_as_its_quote_with_a_word_about_it() -> None:
    app = chat(SAID)
    async with app.run_test(size=SIZE) as pilot:
        await ask(app, pilot, "Does it leak?")
        await open_first(app, pilot)
        await until(pilot, lambda: isinstance(app.screen, DocumentScreen))
        await pilot.pause()
        shown = app.screen.query_one(DocumentView).text_in_sight()
        assert shown.strip() == SAID.quote
        assert "Ticket 7" in line(app, "title")
        assert "from a tool, and its text is not kept" in line(app, "doubt")
        assert "letter for letter" not in line(app, "doubt")
        await pilot.press("o")
        await until(pilot, lambda: any("is not a file" in note for note in told(app)))
        assert any("y copies the quote" in note for note in told(app))


async def test_the_citations_of_an_answer_are_walked_through_whoever_said_them() -> None:
    (info,) = await MemoryLibrary(TEXTS).sources()
    assert info.document_id is not None
    quote = "The Moon has no air."
    second = Citation(2, info.source, "", "", quote, 0, 20, True, False, info.document_id)
    third = replace(SAID, n=3, quote="It does not.", verified=False)
    app = chat(SAID, second, third)
    async with app.run_test(size=SIZE) as pilot:
        await ask(app, pilot, "Does it leak?")
        await open_first(app, pilot)
        await until(pilot, lambda: isinstance(app.screen, DocumentScreen))
        for n, words in ((2, "The Moon has no air."), (3, "It does not."), (1, "leaks")):
            await pilot.press("n")
            await until(pilot, partial(shows, app, f"[{n}]"))
            await pilot.pause()
            assert words in app.screen.query_one(DocumentView).text_in_sight()
            assert ("from a tool" in line(app, "doubt")) == (n != 2)
            assert ("letter for letter" in line(app, "doubt")) == (n == 3)


async def test_a_document_that_is_gone_is_told_with_what_to_do() -> None:
    app = chat(replace(SAID, source="/gone.txt"))
    async with app.run_test(size=SIZE) as pilot:
        await ask(app, pilot, "Does it leak?")
        await open_first(app, pilot)
        await until(pilot, said(app, "no document"))

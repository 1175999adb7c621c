"""Being asked in the chat: whether a tool may be called, to fill in a form, to visit a page."""

from __future__ import annotations

import webbrowser
from typing import Any

import pytest
from textual.events import Paste
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, OptionList, Select, SelectionList, Static

from agent.approvals import SHOWN, Decision, Request
from agent.tui import approval
from agent.tui.app import Chat
from agent.tui.approval import Approval
from agent.tui.screens.form import FormScreen
from tests.agent.tui.chat_host import FakeHost, opened, texts, until

SCHEMA = {
    "type": "object",
    "required": ["name", "colour"],
    "properties": {
        "name": {"type": "string", "default": "Ada"},
        "age": {"type": "integer", "minimum": 0},
        "colour": {"enum": ["red", "blue"]},
        "news": {"type": "boolean", "default": False},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "default": ["b"]},
    },
}


def form(schema: dict[str, Any] = SCHEMA, detail: str = "Who are you?") -> Request:
    return Request(
        "form", "shop asks you something.", detail, "It is sent to that server.", "shop",
        arguments=schema, choices=("once", "deny"),
    )  # fmt: skip


class Asked:
    """A chat that is being asked."""

    def __init__(self) -> None:
        self.app = Chat(FakeHost())
        self.decisions: list[Decision] = []

    async def put(self, pilot: Pilot[None], request: Request) -> None:
        await opened(self.app, pilot)

        async def asked() -> None:
            self.decisions.append(await approval.ask(self.app, request))

        self.worker = self.app.run_worker(asked())
        kind = FormScreen if request.kind == "form" else Approval
        await until(pilot, lambda: isinstance(self.app.screen, kind))
        await pilot.pause()


async def press(pilot: Pilot[None], screen: Screen[Any]) -> None:
    """The button that sends, by key."""
    screen.query_one("#send").focus()
    await pilot.pause()
    await pilot.press("enter")


async def test_a_tool_asks_and_leaving_the_question_means_no() -> None:
    asked = Asked()
    request = Request("tool", "Call send?", '{"to": "x"}', "It sends out.", "mail", "send")
    async with asked.app.run_test() as pilot:
        for keys in (["escape"], ["enter"], ["up", "enter"]):
            await asked.put(pilot, request)
            await pilot.press(*keys)
            await asked.worker.wait()
    assert [decision.answer for decision in asked.decisions] == ["deny", "deny", "always"]


async def test_who_was_typing_when_it_came_up_types_on_and_answers_nothing() -> None:
    asked = Asked()
    request = Request("tool", "Call send?", '{"to": "x"}', "It sends out.", "mail", "send")
    async with asked.app.run_test() as pilot:
        await opened(asked.app, pilot)
        await pilot.press(*"When is")
        await asked.put(pilot, request)
        await pilot.press("space", *"it?", "enter")
        assert isinstance(asked.app.screen, Approval)
        assert asked.app.composer.text == "When is it?"
        await pilot.press("down", "enter")
        await asked.worker.wait()
    assert [decision.answer for decision in asked.decisions] == ["once"]


async def test_what_was_being_typed_goes_on_where_its_cursor_stands() -> None:
    asked = Asked()
    request = Request("tool", "Call send?", '{"to": "x"}', "It sends out.", "mail", "send")
    async with asked.app.run_test(size=(100, 50)) as pilot:
        await opened(asked.app, pilot)
        await pilot.press(*"When it?", "left", "left", "left", "left")
        await asked.put(pilot, request)
        await pilot.press("space")
        asked.app.post_message(Paste("is"))
        await until(pilot, lambda: asked.app.composer.text == "When is it?")
        await pilot.press("enter")
        assert isinstance(asked.app.screen, Approval)
        await pilot.press("escape")
        await asked.worker.wait()
        await asked.put(pilot, form())
        await pilot.press("end")
        filled = asked.worker
        await asked.put(pilot, request)
        await pilot.press("x", "escape")
        await asked.worker.wait()
        await until(pilot, lambda: isinstance(asked.app.screen, FormScreen))
        assert asked.app.screen.query(Input).first().value == "Adax"
        assert asked.app.composer.text == "When is it?"
        await pilot.press("escape")
        await filled.wait()


async def test_a_form_is_filled_in_with_its_defaults_standing_there() -> None:
    asked = Asked()
    async with asked.app.run_test(size=(100, 50)) as pilot:
        await asked.put(pilot, form())
        screen = asked.app.screen
        name, age = screen.query(Input)
        colour, news = screen.query(Select)
        assert (name.value, news.value) == ("Ada", 1)
        assert name.has_focus
        await pilot.press("enter")  # on to the next, and sends nothing
        assert age.has_focus
        await pilot.press("4", "2")
        colour.value = 1
        screen.query_one(SelectionList).select(0)
        await pilot.pause()
        await press(pilot, screen)
        await asked.worker.wait()
    (decision,) = asked.decisions
    assert decision.answer == "once"
    assert decision.content == {
        "name": "Ada", "age": 42, "colour": "blue", "news": False, "tags": ["a", "b"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "why"), [("old", "age must be a whole number."), ("", "colour is needed.")]
)
async def test_what_does_not_fit_is_told_and_loses_nothing(typed: str, why: str) -> None:
    asked = Asked()
    async with asked.app.run_test(size=(100, 50)) as pilot:
        await asked.put(pilot, form())
        screen = asked.app.screen
        name, age = screen.query(Input)
        age.value = typed
        await press(pilot, screen)
        await until(pilot, lambda: why in str(screen.query_one("#fault", Static).render()))
        assert (name.value, age.value) == ("Ada", typed)
        await pilot.press("escape")
        await asked.worker.wait()
    assert asked.decisions == [Decision("deny")]


async def test_a_hostile_form_is_shown_harmlessly() -> None:
    asked = Asked()
    bad = "[@click=app.quit]x[/]\x1b]0;t\x07\u202egnp"
    schema = {"properties": {bad: {"enum": [bad]}, "t": {"type": "string", "default": bad}}}
    async with asked.app.run_test(size=(100, 50)) as pilot:
        await asked.put(pilot, form(schema, bad + "\n" + "a" * (2 * SHOWN)))
        seen = texts(asked.app)
        assert "[@click=app.quit]x[/]" in seen
        assert "\x1b" not in seen
        assert "\u202e" not in seen
        assert "more characters, which are not shown" in seen
        await pilot.press("escape")
        await asked.worker.wait()


async def test_a_page_to_be_visited_is_text_and_is_never_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visited: list[str] = []
    monkeypatch.setattr(webbrowser, "open", visited.append)
    asked = Asked()
    request = Request(
        "url", "shop asks you to visit a page.", "https://pay.example/\nPay here.", "Look first.",
        "shop", choices=("once", "deny"),
    )  # fmt: skip
    async with asked.app.run_test() as pilot:
        await asked.put(pilot, request)
        assert "https://pay.example/" in texts(asked.app)
        options = asked.app.screen.query_one(OptionList)
        assert [str(option.prompt) for option in options.options] == [
            "I visit the page myself",
            "No",
        ]
        await pilot.press("up", "enter")
        await asked.worker.wait()
    assert asked.decisions == [Decision("once")]
    assert visited == []


async def test_a_question_that_nobody_waits_for_any_more_goes() -> None:
    asked = Asked()
    async with asked.app.run_test() as pilot:
        await asked.put(pilot, form())
        asked.worker.cancel()
        await until(pilot, lambda: asked.app.screen is asked.app.screen_stack[0])
    assert asked.decisions == []

"""The chat as pictures, at three sizes and in two themes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from agent.events import Done, Event, Status, Token, ToolCall, ToolResult, Usage
from agent.paths import Paths
from agent.transcripts import Transcripts
from agent.tui import approval
from agent.tui.app import Chat
from agent.tui.screens.compare import CompareScreen
from agent.tui.screens.form import FormScreen
from agent.tui.screens.settings import SettingsScreen
from agent.tui.screens.welcome import WelcomeScreen
from agent.tui.widgets.citations import Citations
from agent.tui.widgets.field import Field
from agent.tui.widgets.transcript import Transcript
from tests.agent.tui.chat_host import FakeHost, opened, send, until
from tests.agent.tui.screen_samples import Host, answers
from tests.agent.tui.test_approval import form

Snap = Callable[..., bool]
SIZES = [(80, 24), (120, 40), (200, 60)]
THEMES = ["textual-dark", "textual-light"]
_TEXT = (
    "The impeller is replaced **after 4,000 hours of operation** [1], or earlier:\n\n"
    "- when the flow falls below 80 % of its rated value [1];\n"
    "- before the housing has seen frost without having been drained [2].\n\n"
    "```sh\npump --hours\n```\n"
)


def events() -> list[Event]:
    """What an answer has gone through."""
    _, cited = answers()
    return [
        Status("Searching for the impeller", stage="search"),
        ToolCall("1", "search", {"query": "impeller replace"}),
        ToolResult("1", "2 passages"),
        Token(_TEXT),
        *cited,
        Usage(1840, 96, 1200, 0.0021, 0.0012),
        Done(_TEXT, "partial", "agentic", "gpt-sample", note="1 of 3 sentences has no support.",
             seconds=3.2),
    ]  # fmt: skip


def stored() -> str:
    """A session with one answer. Stored, for what is asked takes another time each time."""
    store = Transcripts(Paths.from_env().transcripts)
    session = store.create()
    turn = store.begin(session, "When must the impeller be replaced?")
    store.append(session, turn, events(), state="done")
    store.close()
    return session


async def still(app: Chat, pilot: Pilot[None]) -> None:
    """Open, and without what blinks."""
    app.composer.query_one(Field).cursor_blink = False
    await opened(app, pilot)


def chat(theme: str, *, plain: bool = False, resume: str | None = None) -> Chat:
    app = Chat(FakeHost(), plain=plain, resume=resume)
    app.looks = replace(app.looks, theme=theme)
    return app


def shown(app: Chat) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def run(pilot: Pilot[None]) -> None:
        await still(app, pilot)
        await until(pilot, lambda: app.query_one(Citations).option_count == 2)
        await pilot.pause(0.2)

    return run


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_an_answer_with_its_sources(snap_compare: Snap, size: tuple[int, int], theme: str) -> None:
    app = chat(theme, resume=stored())
    assert snap_compare(app, terminal_size=size, run_before=shown(app))


def test_an_answer_in_plain(snap_compare: Snap) -> None:
    app = chat("textual-dark", plain=True, resume=stored())
    assert snap_compare(app, terminal_size=(80, 24), run_before=shown(app))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_first_run(snap_compare: Snap, size: tuple[int, int], theme: str) -> None:
    app = Chat(FakeHost(texts={}))
    app.looks = replace(app.looks, theme=theme)

    async def run(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        await still(app, pilot)

    assert snap_compare(app, terminal_size=size, run_before=run)


@pytest.mark.parametrize("theme", THEMES)
def test_the_settings(snap_compare: Snap, theme: str) -> None:
    app = chat(theme)

    async def run(pilot: Pilot[None]) -> None:
        await still(app, pilot)
        await send(app, pilot, "/settings")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        await pilot.pause(0.2)

    assert snap_compare(app, terminal_size=(100, 30), run_before=run)


def test_the_help(snap_compare: Snap) -> None:
    app = chat("textual-dark")

    async def run(pilot: Pilot[None]) -> None:
        await still(app, pilot)
        await pilot.press("f1")
        await pilot.pause(0.2)

    assert snap_compare(app, terminal_size=(100, 50), run_before=run)


def test_modes_side_by_side(snap_compare: Snap) -> None:
    async def answer(mode: str) -> AsyncGenerator[Event, None]:
        for event in events():
            yield event

    screen = CompareScreen("When must the impeller be replaced?", ["naive", "agentic"], answer)

    async def run(pilot: Pilot[None]) -> None:
        columns = list(screen.query(Transcript))
        await until(pilot, lambda: all(c.answers and c.answers[0].done for c in columns))
        await pilot.pause(0.3)

    assert snap_compare(Host(screen), terminal_size=(120, 30), run_before=run)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_form(snap_compare: Snap, size: tuple[int, int]) -> None:
    app = chat("textual-dark")

    async def run(pilot: Pilot[None]) -> None:
        await still(app, pilot)
        app.run_worker(approval.ask(app, form()))
        await until(pilot, lambda: isinstance(app.screen, FormScreen))
        app.screen.query_one(Input).cursor_blink = False
        await pilot.pause(0.2)

    assert snap_compare(app, terminal_size=size, run_before=run)

"""A composer alone, what it sent, and how a test types into it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Static

from agent.tui.commands import Command, Commands, Completion
from agent.tui.widgets.completion import CompletionList
from agent.tui.widgets.composer import Composer
from agent.tui.widgets.field import Field
from agent.tui.widgets.history import HistoryFile

LONG = "\n".join(f"line {n}" for n in range(240))
CHIP = "[pasted text 1: 240 lines]"


def commands() -> Commands:
    async def nothing(rest: str) -> None:
        pass

    def modes(rest: str) -> list[Completion]:
        return [Completion(mode) for mode in ("auto", "naive") if mode.startswith(rest)]

    made = Commands()
    made.register(
        Command("help", "What there is.", nothing),
        Command("mode", "How answers are found.", nothing, "auto|naive", modes),
        Command("model", "Who answers.", nothing, "[MODEL]"),
        Command("add", "Put files into the library.", nothing, "PATH|URL"),
    )
    return made


async def sources(typed: str) -> list[Completion]:
    return [Completion(name, "source") for name in ("handbook.pdf",) if typed in name]


class Typing(App[None]):
    """The composer alone, and what it sent."""

    def __init__(self, folder: Path, history: Path | None = None) -> None:
        super().__init__()
        self.composer = Composer(
            commands=commands(),
            sources=sources,
            folder=folder,
            history=HistoryFile(history) if history else None,
        )
        self.sent: list[Composer.Sent] = []
        self.taken_back = 0
        self.stopped = 0
        self.suspended = False

    BINDINGS = [("escape", "stopped")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        yield Static("the transcript")
        yield self.composer

    def on_mount(self) -> None:
        self.composer.focus()

    def on_composer_sent(self, event: Composer.Sent) -> None:
        self.sent.append(event)

    def on_composer_take_back(self) -> None:
        self.taken_back += 1

    def action_stopped(self) -> None:
        self.stopped += 1

    @contextmanager
    def suspend(self) -> Iterator[None]:
        self.suspended = True
        yield

    @property
    def offered(self) -> list[str]:
        shown = self.query_one(CompletionList)
        return [str(option.prompt).split("  ")[0] for option in shown.options]

    @property
    def note(self) -> str:
        note = self.composer.query_one(".note", Static)
        return str(note.render()) if note.has_class("open") else ""

    @property
    def told(self) -> str:
        return " ".join(each.message for each in self._notifications)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here" / "docs").mkdir(parents=True)
    (tmp_path / "here" / "notes.md").write_text("The tide is high.")
    (tmp_path / "here" / "docs" / "a b.md").write_text("Spaces.")
    return tmp_path / "here"


async def keys(app: Typing, pilot: Pilot[None], *typed: str) -> None:
    """Type texts, and press the keys that are given as `<key>`."""
    for each in typed:
        if each[0] == "<":
            await pilot.press(each[1:-1])
        else:
            await pilot.press(*["space" if c == " " else c for c in each])
    await settle(app, pilot)


async def settle(app: Typing, pilot: Pilot[None]) -> None:
    for _ in range(2):  # what a worker offers may start another
        await pilot.pause()
        await app.workers.wait_for_complete()
    await pilot.pause()


async def sent(app: Typing, pilot: Pilot[None], count: int) -> list[str]:
    """What was sent, once there is so much of it."""
    async with asyncio.timeout(20):
        while len(app.sent) < count:
            await pilot.pause(0.01)
    await settle(app, pilot)
    return [each.text for each in app.sent]


async def paste(app: Typing, pilot: Pilot[None], text: str) -> None:
    app.query_one(Field).post_message(Paste(text))
    await settle(app, pilot)

"""A chat over fakes: a library in memory, a model that quotes, modes that play, a true store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from agent.events import Token
from agent.modes.base import Mode
from agent.modes.naive import Naive
from agent.session import Session
from agent.tui.app import Chat
from agent.tui.host import Host
from agent.tui.widgets.transcript import Transcript
from agent.wiring import Parts
from tests.fakes import EchoModel, MemoryLibrary, ScriptedMode

TEXTS = {"moon.txt": "The Moon has no air.\n\nIts far side was first seen in 1959."}
DEADLINE = 20.0
"""Seconds within which something happens, or the test fails."""


def parts(overrides: Mapping[str, Any], notify: Callable[[str], None]) -> Parts:
    """The true parts, but for the embedder, which is none."""
    return Parts.from_env({"embedder": "none", **overrides}, notify=notify)


class FakeHost(Host):
    """A host whose sessions answer from memory; store and settings are true ones."""

    def __init__(self, *modes: Mode, texts: Mapping[str, str] = TEXTS, **known: Any) -> None:
        super().__init__(parts, **known)
        self._given = {mode.name: mode for mode in modes or (Naive(),)}
        self.library: Any = MemoryLibrary(texts)
        self.model_ = EchoModel()

    @property
    def modes(self) -> tuple[str, ...]:
        return tuple(self._given)

    @contextmanager
    def open_session(self, *, resume: str | None = None, last: bool = False) -> Iterator[Session]:
        with self._parts.open_transcripts() as store:
            yield Session(
                modes=self._given,
                model=self.model_,
                library=self.library,
                transcripts=store,
                resume=store.find(resume) if resume else store.last() if last else None,
                mode=next(iter(self._given)),
                persona=self._parts.persona,
            )


class Waiting(ScriptedMode):
    """Says a word, and then nothing until it is stopped."""

    async def answer(self, turn: Any) -> Any:
        import asyncio

        yield Token("So")
        await turn.budget.within(lambda: asyncio.Event().wait())


async def until(pilot: Pilot[Any], condition: Callable[[], object], what: str = "") -> None:
    """Wait until something holds."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"it never held: {what or condition}"
        await pilot.pause(0.02)


async def opened(app: Chat, pilot: Pilot[None]) -> None:
    """Wait until questions can be asked."""
    await until(pilot, lambda: app.talk.ready and not app.asking.idle, "the session is open")


async def send(app: Chat, pilot: Pilot[None], text: str) -> None:
    """Type a text and send it."""
    app.composer.focus()
    app.composer.text = text
    await pilot.press("enter")
    await pilot.pause()


async def ask(app: Chat, pilot: Pilot[None], question: str) -> None:
    """Ask, and wait for the end of the answer."""
    before = len(app.transcript.answers)
    await send(app, pilot, question)
    await until(pilot, lambda: len(app.transcript.answers) > before, "it is asked")
    await until(pilot, lambda: not app.busy, "it is answered")
    await pilot.pause()


def answers(app: Chat) -> list[str]:
    """The texts of all answers that are shown."""
    return [answer.text for answer in app.transcript.answers]


def rows(transcript: Transcript) -> str:
    """What stands in a transcript, from its first row."""
    height = transcript.virtual_size.height
    top = transcript.scroll_offset.y
    seen = [transcript.render_line(y - top).text.rstrip() for y in range(height)]
    return "\n".join(seen)


def texts(app: Chat) -> str:
    """What the screen's texts say."""
    return "\n".join(str(widget.render()) for widget in app.screen.query(Static))


def said(app: Chat, words: str) -> Callable[[], bool]:
    """Whether words stand in the transcript, wrapped or not."""
    return lambda: (
        words.split() == []
        or " ".join(words.split()) in " ".join(rows(app.transcript).replace("▌", " ").split())
    )


def told(app: Chat) -> Sequence[str]:
    """What was said for a moment."""
    return [note.message for note in app._notifications]

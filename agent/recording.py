"""A turn written down as it goes, so that a crash loses half a second of an answer at most."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.errors import AgentError, SessionNotFound, TranscriptError
from agent.events import Event, Status

if TYPE_CHECKING:
    from agent.summaries import Summary
    from agent.transcripts import State, Transcripts

_EVERY = 0.5
"""Seconds between two writes of a turn; what a crash may lose of an answer."""


class Recording:
    """The record of one turn. It gives up, and says so, where it cannot be kept."""

    def __init__(self, transcripts: Transcripts | None, session: str | None) -> None:
        """Nothing is written yet.

        Args:
            transcripts: Where it is kept; None keeps it in memory only.
            session: The session's name there; None makes one.
        """
        self.session = session
        """The session's name in the store, once it has one."""
        self.events: list[Event] = []
        self._transcripts = transcripts
        self._turn: int | None = None
        """None until it has begun: before that, nothing can be written."""
        self._written = 0
        self._due = 0.0

    def begin(self, question: str, context: str) -> Status | None:
        """Begin the turn in the store; what the user should know, if that goes otherwise."""
        if self._transcripts is None:
            return None
        deleted = ""
        try:
            try:
                self.session = self.session or self._transcripts.create()
                self._turn = self._transcripts.begin(self.session, question, context)
            except SessionNotFound:
                deleted, self.session = self.session or "", self._transcripts.create()
                self._turn = self._transcripts.begin(self.session, question, context)
        except (TranscriptError, SessionNotFound) as error:
            return self._give_up(error)
        self._due = time.monotonic() + _EVERY
        if deleted:
            return Status(
                f"The session {deleted} was deleted meanwhile: this question begins another one, "
                "which knows nothing of it.",
                stage="record",
            )
        return None

    @property
    def turn(self) -> int | None:
        """Its number in the store; None where it is not kept."""
        return self._turn

    def summarise(self, summary: Summary) -> Status | None:
        """Keep what the model is told in place of older turns."""
        if self._transcripts is None or self.session is None or self._turn is None:
            return None
        try:
            self._transcripts.summarise(self.session, summary)
        except (TranscriptError, SessionNotFound) as error:
            return self._give_up(error)
        return None

    def add(self, event: Event) -> bool:
        """Note an event; whether it is time to write."""
        self.events.append(event)
        return self._transcripts is not None and time.monotonic() > self._due

    def flush(self) -> Status | None:
        """Write what was noted since the last time."""
        return self._write("open")

    def close(self, state: State) -> Status | None:
        """Write the rest and how the turn ended. A second call does nothing."""
        warning = self._write(state)
        self._transcripts = None
        return warning

    def _write(self, state: State) -> Status | None:
        if self._transcripts is None or self.session is None or self._turn is None:
            return None
        new = self.events[self._written :]
        try:
            self._transcripts.append(self.session, self._turn, new, state=state)
        except (TranscriptError, SessionNotFound) as error:
            return self._give_up(error)
        self._written += len(new)
        self._due = time.monotonic() + _EVERY
        return None

    def _give_up(self, error: AgentError) -> Status:
        self._transcripts = None
        return Status(f"This answer is not being kept: {error} {error.hint}", stage="record")


async def in_full(write: Callable[..., Status | None], *args: object) -> Status | None:
    """Write in a thread, to its end even when cancelled: no other write may cross it.

    A write waits for another process at most as long as the store says.
    """
    writing = asyncio.ensure_future(asyncio.to_thread(write, *args))
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        while not writing.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([writing])
        writing.exception()
        raise

"""Which libraries were read whole, by which model, and when: what a router knows of caches.

A note in a small file, since a provider's cache outlives the process that filled it. It says what
may be expected, not what is so: a wrong note costs money or time, and never an answer.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.models.wrapped import prepares
from agent.whole_file import write_whole

if TYPE_CHECKING:
    from agent.modes.base import Turn
    from knowledge.corpus import Extent

FILE = "read.json"
"""Within the cache's folder."""
REMOTE = 300.0
"""Seconds for which a provider is expected to keep a prefix: what Anthropic's cache keeps one for
unless told otherwise, and the least that OpenAI's does. Each reading renews it."""
LOCAL = 30 * 86_400.0
"""Seconds for which a model of this machine that keeps what it has prepared is."""
_MOST = 100
"""Notes that are kept."""


class ReadBefore:
    """The notes, in a file or in memory. Of two processes that note at a time, the last wins."""

    def __init__(
        self, folder: Path | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Name the place; nothing is opened yet.

        Args:
            folder: The cache's, which need not exist; None keeps the notes in memory.
            clock: Unix time, for tests.
        """
        self._folder = folder
        self._clock = clock
        self._notes: dict[str, float] = {}

    def note(self, turn: Turn, extent: Extent) -> None:
        """Note that a turn's model has now read all that the turn may be answered from."""
        notes = {**self._load(), _key(turn, extent): self._clock()}
        self._notes = dict(sorted(notes.items(), key=lambda item: item[1])[-_MOST:])
        if self._folder is not None:
            with suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True)
                write_whole(self._folder / FILE, json.dumps(self._notes))

    def holds(self, turn: Turn, extent: Extent) -> bool:
        """Whether a turn's model is expected to hold what it has read of this."""
        kept = LOCAL if prepares(turn.model) else REMOTE
        when = self._load().get(_key(turn, extent))
        return when is not None and 0 <= self._clock() - when < kept

    def _load(self) -> dict[str, float]:
        if self._folder is None:
            return self._notes
        try:
            read = json.loads((self._folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return self._notes
        if not isinstance(read, dict):
            return self._notes
        return {key: when for key, when in read.items() if isinstance(when, int | float)}


def _key(turn: Turn, extent: Extent) -> str:
    return hashlib.sha256(repr((turn.model.name, turn.filters, extent)).encode()).hexdigest()[:32]

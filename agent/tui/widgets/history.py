"""What was typed before: kept in a file over sessions, walked through, searched. No widget."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from agent.whole_file import write_whole

_KEPT = 1000
"""Entries that are kept, the newest."""
_LONGEST = 20_000
"""Characters of an entry; a longer one is not kept."""


class HistoryFile:
    """Entries, oldest first, one JSON string a line; other chats may write it at the same time."""

    def __init__(self, path: Path, kept: int = _KEPT) -> None:
        """Name the file; it is read when it is first asked for.

        Args:
            path: The file; it need not exist, nor its folder.
            kept: Entries that are kept, the newest.
        """
        self._path = path
        self._kept = kept

    def entries(self) -> list[str]:
        """All of them, oldest first; lines that are no entries are passed over.

        Raises:
            OSError: The file is there and cannot be read.
        """
        try:
            lines = self._path.read_text("utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            with suppress(ValueError):
                if isinstance(entry := json.loads(line), str) and entry:
                    found.append(entry)
        return found[-self._kept :]

    def add(self, text: str) -> None:
        """Keep an entry, once: an equal one before it goes.

        Raises:
            OSError: The file cannot be written; it is as it was.
        """
        before = (entry for entry in self.entries() if entry != text)
        kept = [*before, text][-self._kept :]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # For its owner alone: questions are private.
        write_whole(self._path, "".join(json.dumps(entry) + "\n" for entry in kept))


class History:
    """The entries of this run and of those before, and where in them the reader stands."""

    def __init__(self, file: HistoryFile | None = None) -> None:
        """Begin after the newest.

        Args:
            file: Where entries are kept; without it they last as long as this object.
        """
        self._file = file
        self._entries: list[str] | None = None if file else []
        self._at = 0
        self._draft = ""

    def add(self, text: str) -> None:
        """Keep what was sent, unless it begins with a space or is very long; stand after it.

        Raises:
            OSError: The file cannot be read or written; the entry is kept for this run.
        """
        self._at = 0
        if text[:1].isspace() or len(text) > _LONGEST:
            return
        entries = self._loaded()
        if text in entries:
            entries.remove(text)
        entries.append(text)
        if self._file is not None:
            self._file.add(text)

    def older(self, draft: str) -> str | None:
        """The entry before the one that is shown; None at the oldest.

        Args:
            draft: What is in the field; kept for the way back, unless it is what was recalled.
        """
        entries = self._loaded()
        if self._at >= len(entries):
            return None
        if self._at == 0 or draft != entries[-self._at]:
            self._draft = draft
        self._at += 1
        return entries[-self._at]

    def newer(self) -> str | None:
        """The entry after the one that is shown, or the draft; None where that is shown."""
        if self._at == 0:
            return None
        self._at -= 1
        return self._loaded()[-self._at] if self._at else self._draft

    def search(self, words: str) -> list[str]:
        """Entries that hold all the words, newest first."""
        wanted = words.casefold().split()
        return [
            entry
            for entry in reversed(self._loaded())
            if all(word in entry.casefold() for word in wanted)
        ]

    def _loaded(self) -> list[str]:
        if self._entries is None:
            self._entries = []
            if self._file is not None:
                with suppress(OSError):
                    self._entries = self._file.entries()
        return self._entries

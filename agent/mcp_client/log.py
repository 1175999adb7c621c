"""What a server says on its standard error, in a file that does not grow for ever."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from datetime import datetime
from pathlib import Path

_MOST = 1_000_000
"""Bytes at which the older half of a log goes."""
_OURS = "[understudy] "
"""How lines begin that this program wrote."""


class ServerLog:
    """One server's log. That it cannot be written ends nothing."""

    def __init__(self, file: Path) -> None:
        """Take a place; it is made at the first line."""
        self.file = file
        self._last: deque[str] = deque(maxlen=8)
        self._rest = b""

    def add(self, data: bytes) -> None:
        """Bytes as the server wrote them."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-4096:]
        for line in lines:
            if text := line.decode("utf-8", "replace").strip():
                self._last.append(text[:300])
        self._write(data)

    def note(self, text: str) -> None:
        """A line of our own."""
        moment = datetime.now().isoformat(" ", "seconds")
        line = " ".join(text.split())
        self._write(f"{_OURS}{moment} {line}\n".encode())

    @property
    def last_words(self) -> str:
        """The end of what the server said, in a line; empty if it said nothing."""
        return " / ".join(list(self._last)[-3:])[-600:]

    @property
    def last_error(self) -> str:
        """The last line of our own with its moment; empty if there is none."""
        with suppress(OSError):
            for line in reversed(self.file.read_text("utf-8", "replace").splitlines()):
                if line.startswith(_OURS):
                    return line.removeprefix(_OURS)
        return ""

    def _write(self, data: bytes) -> None:
        with suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            if self.file.exists() and self.file.stat().st_size + len(data) > _MOST:
                kept = (self.file.read_bytes() + data)[-_MOST // 2 :]
                beside = self.file.with_suffix(".new")
                beside.write_bytes(kept[kept.find(b"\n") + 1 :])
                os.replace(beside, self.file)
                return
            with open(os.open(self.file, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600), "ab") as f:
                f.write(data)

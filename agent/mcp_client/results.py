"""Results that are too large to be read at once: kept in files for a while, read page by page."""

from __future__ import annotations

import mimetypes
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from agent.mcp_client.shapes import McpFailed

_OLD = 86_400.0
"""Seconds after which what a crashed run has left is taken away."""


class Results:
    """What the tools of one run gave. Only its user can read it; it is gone at the end."""

    def __init__(self, folder: Path) -> None:
        """Take a place; it is made when there is something to keep."""
        self._folder = folder
        self._own: Path | None = None
        self._count = 0
        self._texts: dict[str, Path] = {}

    def keep(self, text: str) -> str:
        """Keep a text.

        Returns:
            Its handle.
        """
        handle, file = self._next(".txt")
        file.write_text(text, encoding="utf-8", errors="replace", newline="")
        self._texts[handle] = file
        return handle

    def keep_file(self, data: bytes, media_type: str) -> Path:
        """Keep something that is no text."""
        kind = media_type.partition(";")[0].strip()
        _, file = self._next(mimetypes.guess_extension(kind) or ".bin")
        file.write_bytes(data)
        return file

    def text(self, handle: str) -> str:
        """A text that was kept.

        Raises:
            McpFailed: There is none of that handle.
        """
        file = self._texts.get(handle.strip())
        if file is None:
            known = ", ".join(self._texts) or "none"
            raise McpFailed(f"There is no result '{handle}'; there are: {known}.")
        with open(file, encoding="utf-8", newline="") as stream:
            return stream.read()

    def close(self) -> None:
        """Take all of it away."""
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            self._own = None
            self._texts.clear()

    def _next(self, suffix: str) -> tuple[str, Path]:
        if self._own is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            for old in self._folder.iterdir():
                with suppress(OSError):
                    if old.stat().st_mtime < time.time() - _OLD:
                        shutil.rmtree(old)
            self._own = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=self._folder))
        self._count += 1
        handle = f"r{self._count}"
        return handle, self._own / f"{handle}{suffix}"

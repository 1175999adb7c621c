"""What tools give that is too large to be read at once, or no text: kept in files for a while."""

from __future__ import annotations

import mimetypes
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.mcp_client.shapes import McpFailed

if TYPE_CHECKING:
    from filelock import FileLock

_OLD = 86_400.0
"""Seconds after which what a run has left is taken away."""
_HELD = "held"
"""A file of each folder that its run keeps locked."""


class Results:
    """What the tools of one run gave. Only its user can read it.

    Texts are gone at the end. Pictures and other files, which are only named to the user, stay for
    a day at least: a later run takes them away.
    """

    def __init__(self, folder: Path) -> None:
        """Take a place; it is made when there is something to keep."""
        self._folder = folder
        self._own: Path | None = None
        self._lock: FileLock | None = None
        self._count = 0
        self._texts: dict[str, Path] = {}
        self._files = False
        """Whether something is kept that is no text."""

    def keep(self, text: str) -> str:
        """Keep a text.

        Returns:
            Its handle.

        Raises:
            McpFailed: It cannot be kept.
        """
        with _kept_or_told():
            handle, file = self._next(".txt")
            file.write_text(text, encoding="utf-8", errors="replace", newline="")
        self._texts[handle] = file
        return handle

    def keep_file(self, data: bytes, media_type: str) -> Path:
        """Keep something that is no text.

        Raises:
            McpFailed: It cannot be kept.
        """
        kind = media_type.partition(";")[0].strip()
        with _kept_or_told():
            _, file = self._next(mimetypes.guess_extension(kind) or ".bin")
            file.write_bytes(data)
        self._files = True
        return file

    def text(self, handle: str) -> str:
        """A text that was kept.

        Raises:
            McpFailed: There is none of that handle, or it is gone.
        """
        file = self._texts.get(handle.strip())
        if file is None:
            known = ", ".join(self._texts) or "none"
            raise McpFailed(f"There is no result '{handle}'; there are: {known}.")
        try:
            with open(file, encoding="utf-8", newline="") as stream:
                return stream.read()
        except OSError as error:
            raise McpFailed(f"The result '{handle}' is gone. Call the tool again.") from error

    def close(self) -> None:
        """Take the texts away."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        if self._own is not None:
            for file in self._texts.values():
                with suppress(OSError):
                    file.unlink()
            if not self._files:
                shutil.rmtree(self._own, ignore_errors=True)
            self._own, self._files = None, False
            self._texts.clear()

    def _next(self, suffix: str) -> tuple[str, Path]:
        if self._own is None:
            from filelock import FileLock

            self._folder.mkdir(parents=True, exist_ok=True)
            for old in self._folder.iterdir():
                with suppress(OSError):
                    if old.stat().st_mtime < time.time() - _OLD and not _in_use(old):
                        shutil.rmtree(old)
            own = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=self._folder))
            # Closing may be another thread's.
            self._lock = FileLock(own / _HELD, thread_local=False)
            self._lock.acquire()
            self._own = own
        self._count += 1
        handle = f"r{self._count}"
        return handle, self._own / f"{handle}{suffix}"


def _in_use(folder: Path) -> bool:
    """Whether the run whose folder it is still holds it."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / _HELD, timeout=0):
            return False
    except Timeout:
        return True


@contextmanager
def _kept_or_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise McpFailed(
            f"What the tool gave cannot be kept: {error.strerror or error}.",
            hint="See that the disk has room and that the folder may be written: agent doctor",
        ) from error

"""One writer at a time: the write lock, held by a thread that a cancelled task waits for."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import TypeVar

from knowledge.errors import DiskFull, LibraryBusy

R = TypeVar("R")

LOCK_WAIT = 20.0
"""Seconds that a writer waits for another before it says who holds the library."""


class Writer:
    """The right to write to the library in one folder. The system frees it when its holder dies."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.stop = threading.Event()
        """Set while the work is to end as soon as it can."""

    async def run(self, work: Callable[[], R]) -> R:
        """Do the work in a thread, under the lock; cancelled, end the work before leaving.

        Raises:
            LibraryBusy: Another process has held the lock for `LOCK_WAIT` seconds.
        """
        self.stop.clear()
        task = asyncio.create_task(asyncio.to_thread(self._locked, work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self.stop.set()
            await asyncio.gather(task, return_exceptions=True)
            raise

    def _locked(self, work: Callable[[], R]) -> R:
        from filelock import FileLock, Timeout

        holder = self._root / "writer.pid"
        try:
            with FileLock(self._root / "write.lock").acquire(
                timeout=LOCK_WAIT, cancel_check=self.stop.is_set
            ):
                holder.write_text(str(os.getpid()), encoding="utf-8")
                return self._with_room(work)
        except Timeout as error:
            if self.stop.is_set():
                raise InterruptedError from error
            who = holder.read_text(encoding="utf-8") if holder.exists() else "unknown"
            raise LibraryBusy(
                f"Another process (pid {who}) is writing to this library.",
                hint="Wait until it has ended, and run the command again.",
            ) from error

    def _with_room(self, work: Callable[[], R]) -> R:
        try:
            return work()
        except Exception as error:
            if not _disk_is_full(error):
                raise
            raise DiskFull(
                f"There is no room left for the library in {self._root}; it is as it was.",
                hint="Free some space, and run the command again: it goes on where it stopped.",
            ) from error


def _disk_is_full(error: Exception) -> bool:
    """Whether an error of the system, of SQLite or of Chroma means that the disk is full."""
    if isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT, EFBIG):
        return True
    words = str(error).lower()
    return "disk is full" in words or "no space left" in words

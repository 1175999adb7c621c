"""One writer at a time: the write lock, held by a thread that a cancelled task waits for."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import TypeVar

from knowledge.errors import DiskFull, LibraryBusy, LibraryReadOnly

R = TypeVar("R")

TELL_AFTER = 1.0
"""Seconds that a writer waits for another before it says that it does."""
LOCK_WAIT = 20.0
"""Seconds that it waits then, before it gives up."""


class Writer:
    """The right to write to the library in one folder. The system frees it when its holder dies."""

    def __init__(self, root: Path, notify: Callable[[str], None] | None = None) -> None:
        """For a library's folder; `notify` is told, in a line, when another's end is awaited."""
        self._root = root
        self._notify = notify or (lambda _: None)
        self.stop = threading.Event()
        """Set while the work is to end as soon as it can."""
        self._turn = asyncio.Lock()
        """Of this object's own writers: one that is cancelled ends its own work only."""

    async def run(self, work: Callable[[], R]) -> R:
        """Do the work in a thread, under the lock; cancelled, end the work before leaving.

        Raises:
            LibraryBusy: Another process, or another writer of this object, has been at work for
                `LOCK_WAIT` seconds.
            LibraryReadOnly: The library's folder may not be written.
            DiskFull: There is no room left in it.
        """
        try:
            async with asyncio.timeout(TELL_AFTER + LOCK_WAIT):
                await self._turn.acquire()
        except TimeoutError:
            raise LibraryBusy(
                "Something else of this program is writing to this library.",
                hint="Wait until it has ended, and try again.",
            ) from None
        try:
            return await self._alone(work)
        finally:
            self._turn.release()

    async def _alone(self, work: Callable[[], R]) -> R:
        self.stop.clear()
        task = asyncio.create_task(asyncio.to_thread(self.locked, work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self.stop.set()
            await asyncio.gather(task, return_exceptions=True)
            raise

    def locked(self, work: Callable[[], R]) -> R:
        """Do the work here and now, under the lock; raises as `run` does."""
        from filelock import FileLock, Timeout

        lock = FileLock(self._root / "write.lock")
        try:
            try:
                lock.acquire(timeout=TELL_AFTER, cancel_check=self.stop.is_set)
            except Timeout:
                if self.stop.is_set():
                    raise
                self._notify(f"Waiting for another process (pid {self._holder()}) to end writing …")
                lock.acquire(timeout=LOCK_WAIT, cancel_check=self.stop.is_set)
        except Timeout as error:
            if self.stop.is_set():
                raise InterruptedError from error
            raise LibraryBusy(
                f"Another process (pid {self._holder()}) is writing to this library.",
                hint="Wait until it has ended, and run the command again.",
            ) from error
        except OSError as error:
            if _disk_is_full(error):
                raise self._no_room() from error
            raise LibraryReadOnly(
                f"The library in {self._root} cannot be written: {error.strerror or error}.",
                hint="Make the folder yours to write, or use another: --library NAME",
            ) from error
        try:
            # Who writes is good to know; not to be able to say it is no reason to stop.
            with suppress(OSError):
                (self._root / "writer.pid").write_text(str(os.getpid()), encoding="utf-8")
            return self._with_room(work)
        finally:
            lock.release()

    def _holder(self) -> str:
        with suppress(OSError):
            return (self._root / "writer.pid").read_text(encoding="utf-8") or "unknown"
        return "unknown"

    def _with_room(self, work: Callable[[], R]) -> R:
        try:
            return work()
        except Exception as error:
            if not _disk_is_full(error):
                raise
            raise self._no_room() from error

    def _no_room(self) -> DiskFull:
        return DiskFull(
            f"There is no room left for the library in {self._root}; it is as it was.",
            hint="Free some space, and run the command again: it goes on where it stopped.",
        )


def _disk_is_full(error: Exception) -> bool:
    """Whether an error of the system, of SQLite or of Chroma means that the disk is full."""
    if isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT, EFBIG):
        return True
    words = str(error).lower()
    return "disk is full" in words or "no space left" in words

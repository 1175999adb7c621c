"""The libraries that a server holds open, one for each folder, and whether they are still there.

A folder that was deleted can go on being read by who has it open. So it is looked at before each
use, and what has been deleted or replaced is let go.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.server.failures import ending

if TYPE_CHECKING:
    from knowledge.library import Library


@dataclass(frozen=True, slots=True)
class _Held:
    library: Library
    stack: ExitStack
    identity: tuple[int, int]
    """Of the folder: its device and inode."""


class OpenLibraries:
    """Opened libraries, by folder. Lives on one event loop."""

    def __init__(self) -> None:
        """Open nothing."""
        self._held: dict[Path, _Held] = {}
        self._opening: dict[Path, asyncio.Task[_Held]] = {}
        """Tasks of their own: a thread that opens one goes on when whoever wants it has left."""
        self._closed = False

    async def get(
        self, root: Path, open_: Callable[[], AbstractContextManager[Library]]
    ) -> Library:
        """The library of a folder, opened where it is not, or no more the one that was opened.

        What was opened in a folder that is gone is closed, under whoever still reads it: the new
        one could not be opened beside it. Nobody waits for another library's opening.

        Args:
            root: The folder.
            open_: Opens it, in a thread; may raise where there is none.

        Raises:
            Refused: Libraries are being closed.
        """
        held = self._held.get(root)
        if held is not None:
            identity = await asyncio.to_thread(_identity, root)
            if held.identity == identity and self._held.get(root) is held:
                return held.library
        opening = self._opening.get(root)
        if opening is None:
            if self._closed:
                raise ending()
            opening = self._opening[root] = asyncio.create_task(self._open(root, open_))
        await asyncio.wait({opening})
        return opening.result().library

    async def close(self) -> None:
        """Let go of all of them, those included that are just being opened."""
        self._closed = True
        if self._opening:
            await asyncio.wait(set(self._opening.values()))
        with ExitStack() as stack:
            for held in self._held.values():
                stack.push(held.stack)
            self._held.clear()
            await asyncio.to_thread(stack.pop_all().close)

    async def _open(
        self, root: Path, open_: Callable[[], AbstractContextManager[Library]]
    ) -> _Held:
        try:
            held = await asyncio.to_thread(_renewed, root, open_, self._held.pop(root, None))
            self._held[root] = held
            return held
        finally:
            del self._opening[root]


def _renewed(
    root: Path, open_: Callable[[], AbstractContextManager[Library]], held: _Held | None
) -> _Held:
    """What is held of a folder, where it is still the same; else opened anew."""
    if held is not None:
        if held.identity == _identity(root):
            return held
        held.stack.close()
    with ExitStack() as stack:
        library = stack.enter_context(open_())
        _pin(root, stack)
        return _Held(library, stack.pop_all(), _identity(root))


def _identity(root: Path) -> tuple[int, int]:
    """Two folders that are there at once never have the same; (0, 0) where there is none."""
    try:
        stat = root.stat()
    except OSError:
        return 0, 0
    return stat.st_dev, stat.st_ino


def _pin(root: Path, stack: ExitStack) -> None:
    """Hold a folder open, so that no other gets its inode after it is deleted."""
    with suppress(OSError):  # Windows opens no folders, and deletes none that is in use
        stack.callback(os.close, os.open(root, os.O_RDONLY))

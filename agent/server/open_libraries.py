"""The libraries that a server holds open, one for each folder, and whether they are still there.

A folder that was deleted can go on being read by who has it open. So it is looked at before each
use, and what has been deleted or replaced is let go.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowledge.library import Library


@dataclass(frozen=True, slots=True)
class _Held:
    library: Library
    stack: ExitStack
    identity: tuple[int, int]
    """Of the folder: its device and inode."""


class OpenLibraries:
    """Opened libraries, by folder. Not to be used by two threads at once."""

    def __init__(self) -> None:
        """Open nothing."""
        self._held: dict[Path, _Held] = {}

    def get(self, root: Path, open_: Callable[[], AbstractContextManager[Library]]) -> Library:
        """The library of a folder, opened where it is not, or no more the one that was opened.

        What was opened in a folder that is gone is closed, under whoever still reads it: the new
        one could not be opened beside it.

        Args:
            root: The folder.
            open_: Opens it; may raise where there is none.
        """
        held = self._held.get(root)
        if held is not None and held.identity != _identity(root):
            del self._held[root]
            held.stack.close()
            held = None
        if held is None:
            with ExitStack() as stack:
                library = stack.enter_context(open_())
                _pin(root, stack)
                held = _Held(library, stack.pop_all(), _identity(root))
            self._held[root] = held
        return held.library

    def close(self) -> None:
        """Let go of all of them."""
        with ExitStack() as stack:
            for held in self._held.values():
                stack.push(held.stack)
            self._held.clear()


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

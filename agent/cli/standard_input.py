"""Text that is handed in on standard input: read whole, bounded, and never silently waited for."""

from __future__ import annotations

import os
import stat
import sys

from agent.cli.terminal import Console
from agent.errors import UsageError

LIMIT = 4_000_000
"""Bytes. More than any model reads at once; a larger text belongs into the library."""
PATIENCE = 2.0
"""Seconds of silence after which it is said that something is waited for."""


def piped() -> bool:
    """Whether standard input is a pipe, a file or a socket, so that text may come from it.

    A terminal and `/dev/null` hold none.
    """
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def read(console: Console) -> str:
    """All of standard input; bytes that are not UTF-8 become U+FFFD.

    Raises:
        UsageError: It cannot be read, or holds more than `LIMIT` bytes.
    """
    _announce_wait(console)
    try:
        data = sys.stdin.buffer.read(LIMIT + 1)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"standard input cannot be read: {error}", hint="skip it with --no-input"
        ) from error
    if len(data) > LIMIT:
        raise UsageError(
            f"standard input holds more than {LIMIT // 1_000_000} MB",
            hint="save it to a file, add that with: agent add FILE, and ask again",
        )
    return data.decode("utf-8", "replace")


def _announce_wait(console: Console) -> None:
    import select

    try:
        ready, _, _ = select.select([sys.stdin], [], [], PATIENCE)
    except (OSError, ValueError):  # Windows cannot select on a pipe
        return
    if not ready:
        console.note("waiting for standard input to end (skip it with --no-input)")

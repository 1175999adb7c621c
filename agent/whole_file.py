"""Text files written all at once: a reader finds the old one or the new one, never a part."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from agent.errors import ConfigError

PRIVATE = 0o600
"""For its owner's eyes only."""


def write_whole(file: Path, text: str, *, mode: int = PRIVATE, errors: str = "strict") -> None:
    """Replace a file in one step; what stood there stays where that fails.

    Args:
        file: In a folder that is there. A symbolic link is replaced, not followed.
        text: Written as UTF-8, its line ends as they are.
        mode: Its permissions.
        errors: What becomes of characters that UTF-8 cannot hold, as for `open`.

    Raises:
        OSError: It cannot be written.
    """
    try:
        # A part of the name: all of it and more would be too long where it is as long as may be.
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:40]}.")
    except OSError as error:  # of a file that its user has never heard of
        raise OSError(error.errno, error.strerror, str(file.parent)) from error
    try:
        with open(handle, "w", encoding="utf-8", errors=errors, newline="") as stream:
            stream.write(text)
        if mode != PRIVATE:
            os.chmod(temporary, mode)
        os.replace(temporary, file)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def write_own(file: Path, text: str) -> None:
    """Replace a file of the program's own, and make its folder; only its user can read it.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, text)
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be written: {error.strerror}.",
            hint=f"Look at who may write there: ls -ld '{file.parent}'",
        ) from error

"""Opens the file of a citation with the program that its user has for it. Never a URL.

What is opened is a file of the library, by the path under which it was added; nothing that a model
has written reaches a program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from agent.errors import UsageError
from agent.plain_text import short_path
from knowledge.filters import is_url

_RUN_ON_OPENING = frozenset((
    ".app", ".appimage", ".bat", ".cmd", ".com", ".command", ".desktop", ".exe", ".jar", ".lnk",
    ".msi", ".ps1", ".scpt", ".scr", ".sh", ".terminal", ".url", ".vbs", ".webloc", ".workflow",
))  # fmt: skip
"""Endings of what some desktop runs, rather than shows, when it is opened."""


def open_file(source: str) -> None:
    """Open a file of the library, and do not wait for its program.

    Args:
        source: As a citation names it.

    Raises:
        UsageError: It is no file, would be run, or there is nothing to open it with.
        OSError: The program cannot be started.
    """
    if is_url(source) or "://" in source:
        raise UsageError(f"This source is not a file: {source}.", hint="y copies the quote.")
    file = Path(source)
    if not file.is_absolute() or not file.is_file():
        raise UsageError(f"The file is not there any more: {short_path(source)}.")
    if file.suffix.lower() in _RUN_ON_OPENING:
        raise UsageError(
            f"{file.name} could be run by opening it, so it is not opened from here.",
            hint="Its text is in this window.",
        )
    if sys.platform == "win32":  # pragma: no cover
        os.startfile(file)
        return
    opener = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if opener is None:
        raise UsageError("There is no program here that opens files (xdg-open).")
    subprocess.Popen(
        [opener, str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

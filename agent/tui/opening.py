"""Opens the file of a citation with the program that its user has for it. Never a URL.

What is opened is a file of the library, by the path under which it was added; nothing that a model
has written reaches a program. Desktops run some files rather than show them, and no list of those
is whole: so documents are opened, and of all else the folder that it lies in.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from agent.errors import UsageError
from agent.plain_text import short_path
from knowledge.filters import is_url

_SHOWN_ON_OPENING = frozenset((
    ".md", ".markdown", ".txt", ".text", ".rst", ".adoc", ".org", ".tex", ".bib", ".log",
    ".htm", ".html", ".xhtml", ".pdf", ".epub", ".docx", ".pptx", ".xlsx", ".odt", ".odp", ".ods",
    ".csv", ".tsv", ".json", ".jsonl", ".geojson", ".ipynb", ".eml", ".mbox", ".srt", ".vtt",
    ".png", ".jpg", ".jpeg", ".tif", ".tiff",
))  # fmt: skip
"""Endings of documents: no desktop runs them, and none of them brings macros of its own."""


def open_file(source: str) -> str:
    """Open a file of the library, and do not wait for its program.

    Args:
        source: As a citation names it.

    Returns:
        What was opened in its place, in words; empty where it was the file itself.

    Raises:
        UsageError: It is no file, may be a program, or there is nothing to open it with.
        OSError: The program cannot be started.
    """
    if is_url(source) or "://" in source:
        raise UsageError(f"This source is not a file: {source}.", hint="y copies the quote.")
    if not os.path.isabs(source) or not os.path.isfile(source):
        raise UsageError(
            f"The file is not there any more: {short_path(source)}.",
            hint="Its text is in this window; /sync brings the library up to date.",
        )
    file = Path(source).resolve()  # the name of a link says nothing about what is opened
    if file.suffix.lower() in _SHOWN_ON_OPENING:
        _show(file)
        return ""
    if not file.suffix and os.access(file, os.X_OK):
        raise UsageError(
            f"{file.name} may be a program, so it is not opened from here.",
            hint=f"Its text is in this window, and it lies in {short_path(str(file.parent))}.",
        )
    _show_where(file)
    return f"{file.name} could be run by opening it: opened its folder."


def _show(path: Path) -> None:
    if sys.platform == "win32":  # pragma: no cover
        os.startfile(path)
    else:
        _start(str(path))


def _show_where(file: Path) -> None:
    """The folder of a file; on macOS some folders are programs, so there the Finder shows it."""
    if sys.platform == "darwin":
        _start("-R", str(file))
    else:
        _show(file.parent)


def _start(*words: str) -> None:
    name = "open" if sys.platform == "darwin" else "xdg-open"
    opener = shutil.which(name)
    if opener is None:
        raise UsageError(
            f"There is no program here that opens files ({name}).",
            hint="y copies the quote; the text is in this window.",
        )
    started = subprocess.Popen(
        [opener, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # It may run for long. Unless someone waits for its end, something of it would be left.
    threading.Thread(target=started.wait, daemon=True).start()

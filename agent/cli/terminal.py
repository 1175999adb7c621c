"""What stands between the program and a terminal: colour, and the lines on stderr.

Safe text is `agent.plain_text`'s, offered from here too. Not the answer: what goes to stdout is
written by `agent.cli.printer` and by each command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from agent.plain_text import clean, line, one_line

__all__ = [
    "Console",
    "clean",
    "has_colour",
    "is_terminal",
    "line",
    "one_line",
    "paint",
    "terminal_width",
]


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at it. A closed stream is none."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def has_colour(stream: TextIO) -> bool:
    """Whether escape sequences may be written: a terminal, no `NO_COLOR`, not a dumb one."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return is_terminal(stream)


def paint(text: str, style: str, stream: TextIO) -> str:
    """The text in a style (`bold`, `dim`, `red`, `yellow`, `green`) where the stream has colour."""
    if not text or not has_colour(stream):
        return text
    codes = {"bold": "1", "dim": "2", "red": "31", "yellow": "33", "green": "32"}
    return f"\x1b[{codes[style]}m{text}\x1b[0m"


class Console:
    """How much is said on stderr, and by whom the last line there is owned.

    One is made per run; it carries the options that every command takes.
    """

    def __init__(self) -> None:
        self.quiet = False
        self.verbose = 0
        self.no_input = False
        self.library: str | None = None
        self.on_error: Callable[[str, str, str], None] | None = None
        """Called with message, hint and kind of a failure: how `--json` tells of it on stdout."""
        self._transient = False

    def note(self, text: str) -> None:
        """A line for a person, which `-q` silences."""
        if not self.quiet:
            self._line(line(text))

    def remark(self, text: str) -> None:
        """A line for a person without which the result would mislead. Shown with `-q` too."""
        self._line(line(text))

    def trace(self, text: str) -> None:
        """A line that only `-v` shows."""
        if self.verbose:
            self._line(paint(line(text), "dim", sys.stderr))

    def warn(self, text: str) -> None:
        """Something is not as it should be, and the work goes on. Shown with `-q` too."""
        self._line(paint("warning: ", "yellow", sys.stderr) + line(text))

    def error(self, message: str, hint: str = "") -> None:
        """What went wrong, and what to type next."""
        self._line(paint("error: ", "red", sys.stderr) + line(message))
        if hint:
            self.hint(hint)

    def hint(self, text: str) -> None:
        """What to type next; without colour, so that it can be copied."""
        self._line("hint: " + line(text))

    def transient(self, text: str) -> None:
        """Show a line that the next one replaces; only where a person looks at a terminal."""
        if self.quiet or not self.shows_transient:
            return
        width = terminal_width()
        text = line(text)
        self._write("\r\x1b[2K" + (text if len(text) < width else text[: width - 2] + "…"))
        self._transient = True

    @property
    def shows_transient(self) -> bool:
        """Whether a line on stderr can be rewritten in place."""
        return is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"

    def clear(self) -> None:
        """Take the transient line away."""
        if self._transient:
            self._write("\r\x1b[2K")
            self._transient = False

    def _line(self, text: str) -> None:
        self.clear()
        self._write(text + "\n")

    def _write(self, text: str) -> None:
        # Where nothing can be said to a person, the result on stdout is still worth having.
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()


def terminal_width() -> int:
    """Columns of the terminal; 80 where there is none."""
    import shutil

    return max(20, shutil.get_terminal_size((80, 24)).columns)

"""What stands between the program and a terminal: safe text, colour, and the lines on stderr.

Not the answer: what goes to stdout is written by `agent.cli.printer` and by each command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

_UNSAFE: dict[int, str | None] = {code: chr(0x2400 + code) for code in range(0x20)}
_UNSAFE |= {0x0D: None, 0x7F: "\u2421"}
_UNSAFE |= dict.fromkeys(range(0x80, 0xA0), "\ufffd")  # C1: some terminals obey 0x9B as ESC [
# What reorders the line it stands on, so that a terminal shows another text than is there.
_UNSAFE |= dict.fromkeys((0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")
_UNSAFE |= dict.fromkeys((0x2028, 0x2029), "\n")
_IN_A_LINE = {**_UNSAFE, 0x2028: chr(0x240A), 0x2029: chr(0x240A)}
del _UNSAFE[0x09], _UNSAFE[0x0A]


def clean(text: str) -> str:
    """Text that a terminal prints and cannot obey.

    Control characters become their pictures (ESC becomes U+241B), direction overrides and C1
    controls become U+FFFD, carriage returns vanish; tabs and line feeds stay. It works character
    by character, so a stream may be cleaned piece by piece.
    """
    return text.translate(_UNSAFE)


def line(text: str) -> str:
    """As `clean`, with line feeds and tabs made visible too: a name can forge no other line."""
    return text.translate(_IN_A_LINE)


def one_line(text: str) -> str:
    """As `clean`, with every run of white space made one space."""
    return clean(" ".join(text.split()))


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

"""The values of a large JSON array, one at a time, with the line on which each begins.

Not a validator of whole files: what stands after the array is not looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from finetune.data.rows import MAX_ROW, BadRow

CUT_OFF = "nothing after this line was read"
"""How the reason of a row ends behind which there may be others."""

_CHUNK = 1 << 18
_SPACE = re.compile(r"[ \t\r\n]*")


class _Window:
    """The part of the file that has been read and is not yet used."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.text = ""
        self.at = 0
        self.line = 1
        self.ended = False

    def more(self, least: int = _CHUNK) -> None:
        """Read on; what has been used goes."""
        read = self._stream.read(max(_CHUNK, least))
        self.ended = not read
        self.text, self.at = self.text[self.at :] + read, 0

    def use(self, count: int) -> None:
        """Go on by so many characters."""
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def next_sign(self) -> str:
        """The next character that is no white space, not used; empty at the end."""
        while True:
            found = _SPACE.match(self.text, self.at)
            assert found is not None
            self.use(found.end() - self.at)
            if self.at < len(self.text):
                return self.text[self.at]
            if self.ended:
                return ""
            self.more()


def values(stream: TextIO) -> Iterator[tuple[int, Any]]:
    """The elements of the array that a stream begins with.

    Yields:
        The line on which the element begins, from 1, and the element. A `BadRow` instance in its
        place is the last one: nobody can tell where a broken array goes on.
    """
    window, decoder = _Window(stream), json.JSONDecoder()
    if window.next_sign() != "[":
        yield window.line, BadRow("no JSON array begins here")
        return
    window.use(1)
    first = True
    while (sign := window.next_sign()) != "]":
        if not first:
            if sign != ",":
                yield window.line, BadRow(_broken("a comma or ] is missing", sign))
                return
            window.use(1)
            window.next_sign()
        line = window.line
        value = _value(window, decoder)
        yield line, value
        if isinstance(value, BadRow):
            return
        first = False


def _value(window: _Window, decoder: json.JSONDecoder) -> Any:
    while True:
        try:
            value, end = decoder.raw_decode(window.text, window.at)
            # A number at the end of what was read may go on behind it.
            if end < len(window.text) or window.ended:
                window.use(end - window.at)
                return value
        except (json.JSONDecodeError, RecursionError) as error:
            held = len(window.text) - window.at
            if window.ended or held > MAX_ROW or isinstance(error, RecursionError):
                why = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
                return BadRow(_broken(why, window.text[window.at : window.at + 1]))
        window.more(least=len(window.text) - window.at)


def _broken(why: str, sign: str) -> str:
    end = "" if sign else ", where the file ends"
    return f"the JSON is broken ({why[:1].lower() + why[1:]}{end}); {CUT_OFF}"

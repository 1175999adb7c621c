"""How the chat reads its terminal: Textual's own way, but that no byte of it can end the chat.

Textual 8.2 takes what is not UTF-8 for an error of its own, and reads an escape sequence within a
pasted text as keys: a line of it would be sent, a `^G` open the editor.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import selectors
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.driver import Driver

_BEGIN, _END = "\x1b[200~", "\x1b[201~"
"""Around a pasted text ("bracketed paste", as xterm has it)."""
_ESCAPE = "\u241b"
"""Stands for an escape character within one."""


def driver() -> type[Driver] | None:
    """What reads and draws; None leaves it to Textual: on Windows, and where one is named."""
    if sys.platform == "win32" or "TEXTUAL_DRIVER" in os.environ:
        return None
    from textual._xterm_parser import XTermParser
    from textual.drivers.linux_driver import LinuxDriver
    from textual.messages import ExitApp

    class TerminalDriver(LinuxDriver):
        """Reads what can be read; gives the terminal back when it is told to end."""

        def start_application_mode(self) -> None:
            super().start_application_mode()  # type: ignore[no-untyped-call]
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._leave)

        def _leave(self) -> None:
            self._app.post_message(ExitApp())

        def run_input_thread(self) -> None:
            parser, typed = XTermParser(self._debug), Typed()
            with selectors.SelectSelector() as selector:
                selector.register(self.fileno, selectors.EVENT_READ)
                while not self.exit_event.is_set():
                    if selector.select(0.1):
                        try:
                            data = os.read(self.fileno, 4096)
                        except OSError:
                            data = b""
                        if not data:
                            self._leave()  # the terminal has gone
                            return
                        if text := typed.read(data):  # no text would be the end of it
                            for event in parser.feed(text):
                                self.process_message(event)
                    for event in parser.tick():
                        self.process_message(event)

    return TerminalDriver


class Typed:
    """The bytes of a terminal as text in which an escape never stands within a paste."""

    def __init__(self) -> None:
        """Begin outside of one."""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._pasting = False
        self._rest = ""
        """Within a paste, what may be the beginning of its end; else the end of what was read."""

    def read(self, data: bytes) -> str:
        """What was read next, as text; what is not UTF-8 as U+FFFD. May be empty."""
        text, found = self._decode(data), []
        while text:
            if not self._pasting:
                seen = self._rest + text
                at = seen.find(_BEGIN)
                if at < 0:
                    self._rest = seen[1 - len(_BEGIN) :]
                    found.append(text)
                    break
                begun = at + len(_BEGIN) - len(self._rest)
                found.append(text[:begun])
                self._pasting, self._rest, text = True, "", text[begun:]
            else:
                seen, self._rest = self._rest + text, ""
                inside, end, text = seen.partition(_END)
                if not end:
                    # A part of it, as long as can be, may stand at the end.
                    known = len(inside) - next(
                        n for n in range(len(_END) - 1, -1, -1) if inside.endswith(_END[:n])
                    )
                    inside, self._rest = inside[:known], inside[known:]
                found.append(inside.replace("\x1b", _ESCAPE) + end)
                self._pasting = not end
        return "".join(found)

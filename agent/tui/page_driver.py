"""How the chat of a browser's page reads and writes: Textual's own way, with an end.

Named to the chat's process by `browser.py`. When the server has gone, however it went, nothing can
come from the page any more, and nobody else would end the chat.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.drivers.web_driver import WebDriver
from textual.messages import ExitApp

if TYPE_CHECKING:
    from textual.app import App


class PageDriver(WebDriver):
    """Ends the app when its standard input ends."""

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        """As Textual makes it."""
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._write = partial(_write, self.fileno)

    def run_input_thread(self) -> None:
        """Read until there is no more."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._app.post_message(ExitApp())


def _write(file: int, data: bytes) -> int:
    """Write; where nobody reads any more, the input has ended too, and that ends the app."""
    try:
        return os.write(file, data)
    except BrokenPipeError:
        return len(data)

"""What a run of research has done, the last of it in sight. Shows lines, and keeps none."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from agent.tui.widgets.safe_text import one_line

_LONGEST = 300
"""Characters of a line."""


class WorkLog(Static):
    """As many of the last lines as there is room for, a row each."""

    DEFAULT_CSS = "WorkLog { text-wrap: nowrap; text-overflow: ellipsis; color: $text-muted; }"

    def __init__(self, *, id: str | None = None) -> None:
        """Begin empty."""
        super().__init__(id=id, markup=False)
        self._lines: Sequence[tuple[str, bool]] = ()

    def show_lines(self, lines: Sequence[tuple[str, bool]]) -> None:
        """Show these, each a text and whether it is a warning, in place of all others."""
        self._lines = lines
        self._fill()

    def on_resize(self) -> None:
        """Other rows have room."""
        self._fill()

    def _fill(self) -> None:
        room = max(1, self.content_size.height)
        rows = [
            Content.styled(one_line(text, _LONGEST), "$text-warning" if warning else "")
            for text, warning in list(self._lines)[-room:]
        ]
        self.update(Content("\n").join(rows))

"""The answers, and the sources of the one under the cursor beside or below them.

Gives them their room; what is done with an answer or a source is the app's.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container

from agent.tui.widgets.citations import Citations
from agent.tui.widgets.transcript import Transcript

_WIDE = 100
"""Columns from which the sources stand beside the answers."""


class Body(Container):
    """Transcript and sources."""

    DEFAULT_CSS = """
    Body { height: 1fr; layout: vertical; }
    Body > Transcript { height: 1fr; width: 1fr; padding: 0 1; }
    Body > Citations { display: none; height: 40%; min-height: 4; width: 1fr; }
    Body > Citations.shown { display: block; }
    Body.-wide { layout: horizontal; }
    Body.-wide > Citations { width: 34%; min-width: 36; max-width: 60; height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        """Begin with neither."""
        super().__init__(id=id)
        self.transcript = Transcript(id="transcript")
        self.sources = Citations(id="sources")
        self._linear = False
        self._wanted: bool | None = None
        """Whether the sources are shown; None decides by the room that there is."""

    def compose(self) -> ComposeResult:
        """Both."""
        yield self.transcript
        yield self.sources

    def linear(self, linear: bool) -> None:
        """Put nothing side by side, and show words in place of signs; or not."""
        self._linear = linear
        self.transcript.in_words = linear
        self.sources.in_words = linear
        self._place()

    def show_sources(self) -> None:
        """Show the sources, and go there."""
        self._wanted = True
        self._place()
        self.sources.focus()

    def toggle_sources(self) -> None:
        """Show the sources, or do not."""
        self._wanted = not self.sources.has_class("shown")
        self._place()

    def on_transcript_selected(self, event: Transcript.Selected) -> None:
        """The sources of the answer under the cursor."""
        self.sources.show(event.answer.citations if event.answer is not None else ())
        if self.sources.highlighted is None and self.sources.citations:
            self.sources.highlighted = 0  # so that Enter opens one at once
        self._place()

    def on_resize(self) -> None:
        """The sources have room beside the answers, or have not."""
        self._place()

    def _place(self) -> None:
        wide = self.size.width >= _WIDE and not self._linear
        self.set_class(wide, "-wide")
        room = wide and bool(self.sources.citations)
        self.sources.set_class(room if self._wanted is None else self._wanted, "shown")

"""Where a question is written: Enter sends it, Ctrl+J or Shift+Enter begins a new line."""

from __future__ import annotations

from textual.events import Key
from textual.message import Message
from textual.widgets import TextArea


class Composer(TextArea):
    """A field of several lines that remembers what was sent."""

    class Sent(Message):
        """A text was sent."""

        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__(
            soft_wrap=True,
            show_line_numbers=False,
            placeholder="Ask your documents. Enter sends, Ctrl+J begins a new line, /help.",
        )
        self._history: list[str] = []
        self._at = 0

    async def _on_key(self, event: Key) -> None:
        if event.key == "enter":
            event.prevent_default()
            event.stop()
            self._send()
        elif event.key in ("ctrl+j", "shift+enter"):
            event.prevent_default()
            event.stop()
            self.insert("\n")
        elif event.key in ("up", "down") and "\n" not in self.text:
            event.prevent_default()
            event.stop()
            self._recall(-1 if event.key == "up" else 1)
        else:
            await super()._on_key(event)

    def _send(self) -> None:
        text = self.text.strip()
        if not text:
            return
        self._history.append(text)
        self._at = len(self._history)
        self.text = ""
        self.post_message(self.Sent(text))

    def _recall(self, step: int) -> None:
        """Show what was sent before, or after that."""
        self._at = min(max(0, self._at + step), len(self._history))
        self.text = self._history[self._at] if self._at < len(self._history) else ""
        self.move_cursor(self.document.end)

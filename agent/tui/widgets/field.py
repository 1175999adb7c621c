"""The field of several lines in which a question is typed. What a key means is decided above it."""

from __future__ import annotations

from collections.abc import Callable

from textual.events import Key, Paste
from textual.widgets import TextArea

from agent.plain_text import clean


class Field(TextArea):
    """A text area that lets its owner take keys and change what is pasted."""

    DEFAULT_CSS = """
    Field { height: auto; min-height: 3; max-height: 10; border: round $panel; padding: 0 1; }
    Field:focus { border: round $primary; }
    """

    def __init__(
        self, *, takes: Callable[[str], bool], pasted: Callable[[str], str], placeholder: str
    ) -> None:
        """Begin empty.

        Args:
            takes: Is given every key first; true keeps it from the field.
            pasted: Is given every pasted text, cleaned; returns what to put in its place.
            placeholder: Shown while it is empty.
        """
        super().__init__(
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            placeholder=placeholder,
        )
        self._takes = takes
        self._pasted = pasted

    @property
    def cursor(self) -> int:
        """Where the cursor stands, in characters from the beginning."""
        return self.index(self.cursor_location)

    @property
    def at_top(self) -> bool:
        """Whether the cursor stands in the first row that is shown."""
        return self.navigator.is_first_wrapped_line(self.cursor_location)

    @property
    def at_bottom(self) -> bool:
        """Whether the cursor stands in the last row that is shown."""
        return self.navigator.is_last_wrapped_line(self.cursor_location)

    def index(self, location: tuple[int, int]) -> int:
        """How many characters stand before a row and column."""
        row, column = location
        return sum(len(self.document.get_line(n)) + 1 for n in range(row)) + column

    def fill(self, text: str) -> None:
        """Put a text in place of all there is, the cursor after it; one undo takes it back."""
        self.replace(typed(text), self.document.start, self.document.end)
        self.move_cursor(self.document.end)

    def exchange(self, start: int, end: int, text: str) -> None:
        """Put a text in place of the characters from `start` to `end`, the cursor after it."""
        before = self.text
        result = self.replace(typed(text), _location(before, start), _location(before, end))
        self.move_cursor(result.end_location)

    def action_paste(self) -> None:
        """Paste what was cut or copied in this app."""
        self._put_in(self.app.clipboard)

    async def _on_key(self, event: Key) -> None:
        if self._takes(event.key):
            event.prevent_default()
            event.stop()

    async def _on_paste(self, event: Paste) -> None:
        event.prevent_default()
        event.stop()
        self._put_in(event.text)

    def _put_in(self, text: str) -> None:
        if self.read_only or not text:
            return
        result = self.replace(self._pasted(typed(text)), *self.selection)
        self.move_cursor(result.end_location)


def typed(text: str) -> str:
    """A text as it may stand in the field: its line ends are line feeds, its controls harmless."""
    return clean(text.replace("\r\n", "\n").replace("\r", "\n"))


def _location(text: str, index: int) -> tuple[int, int]:
    """The row and column of the character at an index."""
    return text.count("\n", 0, index), index - (text.rfind("\n", 0, index) + 1)

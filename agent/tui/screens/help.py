"""All commands and keys, to read. Knows none of them: they are handed in."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

KEYS = (
    ("Enter", "send; Ctrl+J or Shift+Enter begins a new line"),
    ("Esc", "stop the answer; a second time, at once"),
    ("Tab, Shift+Tab", "between the field, the transcript and the sources"),
    ("Up, Down", "what was sent before; Ctrl+R searches it"),
    ("@", "a file or a source into the question"),
    ("Ctrl+G", "write in your editor"),
    ("Ctrl+P", "the palette: every command"),
    ("Ctrl+T", "the steps of the answer"),
    ("Ctrl+B", "the sources beside the answers, or not"),
    ("Ctrl+L", "the library"),
    ("Ctrl+O", "all sessions"),
    ("Mouse", "selects words, Ctrl+C copies them; a click on [1] opens the source"),
    ("F1", "this help"),
    ("Ctrl+Q", "leave"),
)
TRANSCRIPT = (
    ("j k, Ctrl+D Ctrl+U, g G", "move"),
    ("[ ]", "the answer before, the next one"),
    ("y c q", "copy the answer, its code, its quotes"),
    ("Enter", "to its sources"),
    ("e r", "edit its question, ask it again"),
    ("f w", "fork the session here, go back to before it"),
    ("t p", "its steps; the plain answer, where a persona spoke"),
)


class HelpScreen(Screen[None]):
    """A page to read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1", "leave", "Back", key_display="esc"),
    ]
    DEFAULT_CSS = """
    HelpScreen VerticalScroll { padding: 1 2; }
    HelpScreen Static { height: auto; }
    """

    def __init__(self, commands: str) -> None:
        """Show a table of commands, and the keys."""
        super().__init__()
        self._commands = commands

    def compose(self) -> ComposeResult:
        """Commands, keys, the way back."""
        with VerticalScroll():
            yield Static(Content.styled("Commands", "bold"))
            yield Static(Content(self._commands), markup=False)
            yield Static(Content.styled("\nKeys", "bold"))
            yield Static(Content(_table(KEYS)))
            yield Static(Content.styled("\nKeys in the transcript", "bold"))
            yield Static(Content(_table(TRANSCRIPT)))
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Scroll with the keys at once."""
        self.query_one(VerticalScroll).focus()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)


def _table(rows: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(f"{keys:<26}{what}" for keys, what in rows)

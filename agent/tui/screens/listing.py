"""What a screen with a searched list is made of: a head, a search, the list, a line, a note.

Moves and shows; what stands in the list and what is done to it is each screen's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from agent.tui.widgets.safe_text import one_line

R = TypeVar("R")
BACK = Binding("escape", "back", "Back", key_display="esc")
"""Each screen names it last, for the order in the footer."""


class ListScreen(Screen[R]):
    """A list whose rows have keys, with vim-like movement and a search above it."""

    CSS_PATH = "listing.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "Search", key_display="/", show=False),
        Binding("j", "cursor(1)", show=False),
        Binding("k", "cursor(-1)", show=False),
        Binding("g", "edge(0)", show=False),
        Binding("G", "edge(1)", show=False),
        Binding("down", "into_list", show=False),
    ]
    FIND = "/ to search"
    """What the empty search says."""
    ASK = ""
    """What the empty line says in which something is typed."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []
        """The keys of the rows in the list, from the top."""

    def compose(self) -> ComposeResult:
        """Head, search, list, line, note, keys."""
        yield Static(id="head", markup=False)
        yield Input(placeholder=self.FIND, id="find")
        yield OptionList(id="list", markup=False)
        yield Input(placeholder=self.ASK, id="ask")
        yield Static(id="note", markup=False)
        yield Footer(show_command_palette=False)

    @property
    def rows(self) -> OptionList:
        """The list."""
        return self.query_one("#list", OptionList)

    @property
    def search_line(self) -> Input:
        """Where the search is typed."""
        return self.query_one("#find", Input)

    @property
    def chosen(self) -> str | None:
        """The key of the row under the cursor."""
        at = self.rows.highlighted
        return self.keys[at] if at is not None and at < len(self.keys) else None

    def fill(self, rows: Sequence[tuple[str, Content]], chosen: str | None = None) -> None:
        """Show other rows, with the cursor on one of them, or as near as can be to where it was."""
        at, top = self.rows.highlighted or 0, self.rows.scroll_offset.y
        self.keys = [key for key, _ in rows]
        self.rows.clear_options()
        self.rows.add_options([Option(row) for _, row in rows])
        if rows:
            self.rows.scroll_to(y=top, animate=False)
            here = chosen in self.keys
            self.rows.highlighted = (
                self.keys.index(chosen or "") if here else min(at, len(rows) - 1)
            )
        self.refresh_bindings()

    def head(self, text: str) -> None:
        """What the list is, and how much is in it."""
        self.query_one("#head", Static).update(text)

    def note(self, text: str) -> None:
        """A line below the list."""
        self.query_one("#note", Static).update(text)

    def fail(self, error: Exception) -> None:
        """Say what went wrong, and what to do."""
        said = " ".join(filter(None, (str(error), getattr(error, "hint", ""))))
        self.notify(one_line(said, 500), severity="error", markup=False)

    # moving

    def action_find(self) -> None:
        """Type a search."""
        self.search_line.focus()

    def action_into_list(self) -> None:
        """From the search to what it found."""
        self.rows.focus()

    def action_cursor(self, step: int) -> None:
        """Go down or up."""
        self.rows.action_cursor_down() if step > 0 else self.rows.action_cursor_up()

    def action_edge(self, last: int) -> None:
        """Go to the first or the last."""
        self.rows.action_last() if last else self.rows.action_first()

    def action_back(self) -> None:
        """Out of the line being typed, then out of the search, then out of the screen."""
        if self.query_one("#ask").has_class("-shown"):
            self.close_ask()
        elif self.search_line.value or self.search_line.has_focus:
            self.search_line.value = ""
            self.rows.focus()
        else:
            self.leave()

    def leave(self) -> None:
        """Leave without a choice."""
        self.dismiss(None)

    def ask(self, value: str = "") -> None:
        """Let something be typed in the line below the list."""
        line = self.query_one("#ask", Input)
        line.value = value
        line.add_class("-shown")
        line.focus()

    def close_ask(self) -> None:
        """Take that line away."""
        self.query_one("#ask", Input).remove_class("-shown")
        self.rows.focus()
        self.note("")

"""The list above the field: ways to go on from what is typed. It never takes the focus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from agent.tui.widgets.safe_text import one_line

if TYPE_CHECKING:
    from agent.tui.commands import Completion

_WIDEST = 44
"""Cells of a completion's text, before what is said about it."""


class CompletionList(OptionList):
    """Completions, one a row. The field keeps the focus and moves the cursor in it."""

    can_focus = False
    DEFAULT_CSS = """
    CompletionList {
        display: none; height: auto; max-height: 8; margin: 0 1; padding: 0; border: none;
        background: $surface; text-wrap: nowrap; text-overflow: ellipsis;
        scrollbar-size-vertical: 1;
    }
    CompletionList.open { display: block; }
    CompletionList > .option-list--option-highlighted {
        background: $block-cursor-background; color: $block-cursor-foreground;
        text-style: $block-cursor-text-style;
    }
    """

    def __init__(self) -> None:
        """Begin closed."""
        super().__init__(markup=False)
        self._offered: list[Completion] = []

    @property
    def is_open(self) -> bool:
        """Whether something is offered."""
        return bool(self._offered)

    @property
    def chosen(self) -> Completion | None:
        """The one under the cursor."""
        at = self.highlighted
        return self._offered[at] if at is not None and at < len(self._offered) else None

    def offer(self, completions: Sequence[Completion]) -> None:
        """Show these, the first under the cursor; close where there are none."""
        self._offered = list(completions)
        self.clear_options()
        names = [one_line(each.text, 200) for each in self._offered]
        width = min(max((Content(name).cell_length for name in names), default=0), _WIDEST)
        self.add_options(
            Option(_row(name, one_line(each.about, 200), width))
            for name, each in zip(names, self._offered, strict=True)
        )
        self.highlighted = 0 if self._offered else None
        self.set_class(self.is_open, "open")

    def close(self) -> None:
        """Offer nothing."""
        if self.is_open:
            self.offer(())


def _row(name: str, about: str, width: int) -> Content:
    """Nothing is dimmed: it would be hard to read on the chosen row."""
    text = Content.styled(name, "bold")
    gap = " " * (max(0, width - text.cell_length) + 2)
    return text + Content(gap + about) if about else text

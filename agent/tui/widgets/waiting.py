"""The questions that wait while one is answered, above the field in which the next is typed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from agent.tui.widgets.safe_text import one_line

_SHOWN = 3
"""Questions that have a row of their own."""


class Waiting(Static):
    """What waits, the next one first."""

    DEFAULT_CSS = """
    Waiting { display: none; height: auto; padding: 0 1; color: $text-muted;
              text-wrap: nowrap; text-overflow: ellipsis; }
    Waiting.open { display: block; }
    """

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__("", markup=False)
        self._shown: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many questions wait."""
        return len(self._shown)

    def tell(self, questions: Sequence[str]) -> None:
        """Show these; costs nothing where they are shown already."""
        if tuple(questions) == self._shown:
            return
        self._shown = tuple(questions)
        rows = [f"next: {one_line(question, 300)}" for question in questions[:_SHOWN]]
        more = f"and {self.count - _SHOWN} more · " if self.count > _SHOWN else ""
        rows.append(f"{more}Up in the empty field takes the last one back")
        self.update(Content("\n".join(rows)))
        self.set_class(bool(questions), "open")

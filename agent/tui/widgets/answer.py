"""One question and its answer: the steps that led to it, its text as it comes, how it ended."""

from __future__ import annotations

from collections.abc import Container

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from agent.plain_text import clean, one_line
from agent.tui.markdown import lines

_REDRAW = 0.1
"""Seconds between two states of a text that is coming: more often costs time, and is not seen."""
_STEPS = 200
"""Steps that are kept for showing."""


class Answer(Vertical):
    """A turn of the transcript."""

    class MarkerClicked(Message):
        """A marker of the answer was clicked."""

        def __init__(self, answer: Answer, n: int) -> None:
            self.answer = answer
            self.n = n
            super().__init__()

    def __init__(self, question: str) -> None:
        """Begin with a question that nothing is known of yet."""
        super().__init__(classes="answer")
        self.text = ""
        """The answer so far, Markdown."""
        self._question = question
        self._numbers: Container[int] = ()
        self._steps: list[str] = []
        self._open = False
        self._drawing: Timer | None = None

    def compose(self) -> ComposeResult:
        """Question, steps, text, end."""
        yield Static(Text(clean(self._question)), classes="question")
        yield Static("", classes="steps")
        yield Static("", classes="text")
        yield Static("", classes="end")

    def step(self, text: str) -> None:
        """Note a step; the last is shown, all of them once opened."""
        self._steps = [*self._steps, one_line(text)][-_STEPS:]
        self._show_steps(self._steps[-1:])

    def toggle_steps(self) -> None:
        """Show all steps, or none."""
        self._open = not self._open
        self._show_steps([])

    def say(self, text: str) -> None:
        """Add to the answer; it is drawn a few times a second."""
        self.text += text
        if self._drawing is None:
            self._drawing = self.set_timer(_REDRAW, self._draw)

    def replace(self, text: str) -> None:
        """The answer was restyled as a whole."""
        self.text = text
        self._draw()

    def end(self, summary: str, note: str = "", *, numbers: Container[int] = ()) -> None:
        """The answer is whole, and its markers name these citations."""
        self._numbers = numbers
        shown = "\n".join(one_line(part) for part in (note, summary) if part)
        self._finish(Text(shown, style="dim"))

    def fail(self, message: str, hint: str) -> None:
        """The ask has failed; what was said stays."""
        shown = Text(one_line(message), style="bold red")
        if hint:
            shown.append(f"\n{one_line(hint)}", style="not bold default")
        self._finish(shown)

    def on_resize(self) -> None:
        """Lay the text out anew."""
        self._draw()

    def action_open_marker(self, n: int) -> None:
        """A marker was clicked."""
        self.post_message(self.MarkerClicked(self, n))

    def _finish(self, shown: Text) -> None:
        self._draw()
        self.query_one(".end", Static).update(shown)
        self._show_steps([])

    def _draw(self) -> None:
        if self._drawing is not None:
            self._drawing.stop()
            self._drawing = None
        width = max(20, self.size.width - 2)
        shown = Text()
        for i, row in enumerate(
            lines(self.text, width, self._numbers, dark=self.app.current_theme.dark)
        ):
            shown.append("\n" if i else "")
            for text, style, _ in row:
                shown.append(text, style)
        self.query_one(".text", Static).update(shown)

    def _show_steps(self, closed: list[str]) -> None:
        shown = self._steps if self._open else closed
        self.query_one(".steps", Static).update(Text("\n".join(shown), style="dim"))

"""One question and its answer: what is known of it, and the rows that it is drawn in.

No widget: `Transcript` draws the rows of those answers that are in sight, so that a thousand
finished ones cost no more than their words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import TYPE_CHECKING

from rich.style import Style
from textual.message import Message
from textual.strip import Strip

from agent.tui.blocks import Blocks
from agent.tui.markdown import code_blocks
from agent.tui.rows import click, row, wrapped
from agent.tui.widgets.steps import Steps

if TYPE_CHECKING:
    from agent.events import Citation
    from agent.tui.rows import Look

_QUESTION = 12
"""Rows of a question that are shown."""
_AS_IT_IS = Style.null()
_NOTES = 6
"""Rows of a note, or of an error, that are shown."""
_keys = count(1)


class Answer:
    """A turn of the transcript."""

    class MarkerClicked(Message):
        """A marker of the answer was clicked."""

        def __init__(self, answer: Answer, n: int) -> None:
            self.answer = answer
            self.n = n
            super().__init__()

    def __init__(
        self,
        question: str,
        *,
        n: int | None = None,
        fill: Callable[[Answer], None] | None = None,
        length: int = 0,
    ) -> None:
        """Begin with a question that nothing is known of yet.

        Args:
            question: As it was asked.
            n: Its turn's number in the store; None until it has one.
            fill: Fills in the rest of a stored answer; called once, when it is first needed.
            length: About how many characters its text will have, where `fill` is given.
        """
        self.question = question
        self.n = n
        self.key = next(_keys)
        """Names it in what a click runs."""
        self.changed: Callable[[Answer], None] = _nothing
        """Told of every change to what is shown."""
        self._showing_plain = False
        """Whether the answer before the persona is shown too."""
        self._fill = fill
        self._length = length
        self._steps = Steps(self.key)
        self._parts: list[str] = []
        self._plain = ""
        self._citations: list[Citation] = []
        self._done = False
        self._summary = ""
        self._notes: list[str] = []
        self._error: tuple[str, str] | None = None
        self._text_rows = Blocks(self.key)
        self._plain_rows: Blocks | None = None
        self._laid: tuple[Look, list[Strip]] | None = None

    # what is known

    @property
    def text(self) -> str:
        """The answer so far, Markdown; once it is done, the final one."""
        self._need()
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    @property
    def plain(self) -> str:
        """The answer before the persona restyled it; empty if none did."""
        self._need()
        return self._plain

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What its markers name, in order of their numbers."""
        self._need()
        return tuple(self._citations)

    @property
    def done(self) -> bool:
        """Whether nothing more will come."""
        return self._done or self._fill is not None

    @property
    def steps(self) -> Steps:
        """What it has gone through; call `touch` after a change."""
        self._need()
        return self._steps

    def code_blocks(self) -> list[str]:
        """The code of its fenced and indented blocks, in order."""
        return code_blocks(self.text)

    # what happens to it

    def say(self, text: str) -> None:
        """Add to the answer."""
        self._parts.append(text)
        self._text_rows.feed(text)
        self.touch()

    def revise(self, before: str, text: str) -> None:
        """The answer was restyled as a whole."""
        self._plain = before
        self._replace(text)
        self.touch()

    def cite(self, citation: Citation) -> None:
        """A marker's source is known."""
        self._citations.append(citation)
        self._citations.sort(key=lambda known: known.n)

    def note(self, text: str) -> None:
        """Something that should be known beside the answer."""
        self._notes.append(text)
        self.touch()

    def end(self, text: str, summary: str, *, notes: Iterable[str] = ()) -> None:
        """The answer is whole: its markers can be clicked.

        Args:
            text: All of it.
            summary: How it ended, in a line.
            notes: What else should be known; empty ones are left out.
        """
        if text != self.text:
            self._replace(text)
        self._summary = summary
        self._notes += [note for note in notes if note]
        self._finish()

    def fail(self, message: str, hint: str) -> None:
        """The ask has failed; what was said stays."""
        self._error = (message, hint)
        self._finish()

    def interrupt(self) -> None:
        """It was left before its end; what was said stays."""
        self._summary = "stopped before its end"
        self._finish()

    def toggle_steps(self) -> None:
        """One line for all steps, then a card for each, then with all that is in them."""
        self.steps.cycle()
        self.touch()

    def toggle_plain(self) -> None:
        """Show the answer before the persona below it, or not."""
        if self.plain:
            self._showing_plain = not self._showing_plain
            self.touch()

    def touch(self) -> None:
        """What is shown has changed."""
        self._laid = None
        self.changed(self)

    # how it is drawn

    def estimate(self, width: int) -> int:
        """About how many rows it will have: exact ones are known once it is laid out."""
        asked = 2 + min(_QUESTION, len(self.question) // width)
        return asked + 4 + round(1.2 * self._length / width)

    def rows(self, look: Look) -> list[Strip]:
        """All of it, laid out anew only where something has changed."""
        if self._laid is not None and self._laid[0] == look:
            return self._laid[1]
        self._need()
        first = "You asked: " if look.words else "❯ "
        found = wrapped(
            self.question.strip(), look.question, look.width, first=first, rest="  ",
            limit=_QUESTION,
        )  # fmt: skip
        found += self._steps.rows(look, running=not self._done)
        found.append(_BLANK)
        text = self._text_rows.rows(self._numbers, look, live=not self._done)
        if text and look.words:
            found.append(row(("Answer:", look.step), width=look.width))
        found += text
        if text:
            found.append(_BLANK)
        found += self._plain_part(look)
        found += self._end(look)
        if found[-1] is not _BLANK:
            found.append(_BLANK)
        self._laid = (look, found)
        return found

    def release(self) -> None:
        """Forget the rows: it is far out of sight."""
        self._laid = None
        self._text_rows.release()
        self._plain_rows = None

    def _plain_part(self, look: Look) -> list[Strip]:
        if not self._showing_plain or not self._plain:
            return []
        if self._plain_rows is None:
            self._plain_rows = Blocks(self.key)
            self._plain_rows.feed(self._plain)
        name = "Plain, before the persona:" if look.words else "── plain, before the persona ──"
        label = row((name, look.end), width=look.width)
        return [label, *self._plain_rows.rows(self._numbers, look, live=False), _BLANK]

    def _end(self, look: Look) -> list[Strip]:
        found: list[Strip] = []
        if self._error is not None:
            message, hint = self._error
            first, then = ("Failed: ", "Try: ") if look.words else ("✗ Failed: ", "  → ")
            found += wrapped(message, look.failed, look.width, first=first, rest="  ", limit=_NOTES)
            if hint:
                found += wrapped(hint, _AS_IT_IS, look.width, first=then, limit=_NOTES)
        for note in self._notes:
            found += wrapped(note, look.end, look.width, limit=_NOTES)
        if self._summary:
            summary = self._summary.replace(" · ", ", ") if look.words else self._summary
            found += wrapped(summary, look.end, look.width, limit=_NOTES)
        if self._plain:
            verb = "hide" if self._showing_plain else "show"
            style = look.end + click(f"toggle_plain({self.key})") + Style(underline=True)
            found.append(row((f"{verb} the plain answer", style), width=look.width))
        return found

    @property
    def _numbers(self) -> frozenset[int]:
        return frozenset(citation.n for citation in self._citations)

    def _replace(self, text: str) -> None:
        self._parts = [text]
        self._text_rows = Blocks(self.key)
        self._text_rows.feed(text)

    def _finish(self) -> None:
        self._done = True
        self._steps.end()
        self.touch()

    def _need(self) -> None:
        if self._fill is not None:
            fill, self._fill = self._fill, None
            told, self.changed = self.changed, _nothing
            try:
                fill(self)
            finally:
                self.changed = told


_BLANK = Strip([])


def _nothing(answer: Answer) -> None:
    """Nobody draws it yet."""

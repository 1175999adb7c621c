"""The conversation: questions, answers and the app's own words, with a cursor on one answer.

Says what is wanted of an answer and does none of it: that is the app's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from agent.events import Done, Token
from agent.tui.rows import Look, wrapped
from agent.tui.turn import replay
from agent.tui.widgets.answer import Answer
from agent.tui.widgets.window import Window

if TYPE_CHECKING:
    from textual.events import Click, Key

    from agent.transcripts import StoredTurn

What = Literal["copy", "code", "quote", "edit", "retry", "fork", "rewind", "open"]
"""What is wanted done with an answer."""
_FIGURES = tuple("123456789")
_NOTICE = 200
"""Rows of a notice that are shown."""


class Transcript(Window, can_focus=True):
    """Answers below each other; one of them, under the cursor, is the one that keys act on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "rows(1)", "Down", show=False),
        Binding("k,up", "rows(-1)", "Up", show=False),
        Binding("ctrl+d", "half(1)", "Half a page down", show=False),
        Binding("ctrl+u", "half(-1)", "Half a page up", show=False),
        Binding("space,pagedown", "half(2)", "A page down", show=False),
        Binding("b,pageup", "half(-2)", "A page up", show=False),
        Binding("g,home", "top", "To the beginning", show=False),
        Binding("G,end", "bottom", "To the end", show=False),
        Binding("left_square_bracket", "answer(-1)", "Previous", show=False),
        Binding("right_square_bracket", "answer(1)", "Answers", key_display="[ ]"),
        Binding("enter,o", "want('open')", "Sources"),
        Binding("y", "want('copy')", "Copy"),
        Binding("c", "want('code')", "Copy code", show=False),
        Binding("q", "want('quote')", "Quote it", show=False),
        Binding("e", "want('edit')", "Edit"),
        Binding("r", "want('retry')", "Retry"),
        Binding("f", "want('fork')", "Fork from here", show=False),
        Binding("w", "want('rewind')", "Rewind to here", show=False),
        Binding("t", "steps", "Steps"),
        Binding("p", "plain", "Plain answer"),
    ]

    class Selected(Message):
        """Another answer is under the cursor, or the one that is has come to its end."""

        def __init__(self, answer: Answer | None) -> None:
            self.answer = answer
            super().__init__()

    class Wanted(Message):
        """Something is to be done with an answer."""

        def __init__(self, answer: Answer, what: What) -> None:
            self.answer = answer
            self.what: What = what
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        """Begin empty."""
        super().__init__(id=id)
        self._answers: dict[int, Answer] = {}
        """By their keys."""
        self._places: dict[int, int] = {}
        """Where each stands among the items, by its key."""
        self._selected: Answer | None = None

    @property
    def answers(self) -> tuple[Answer, ...]:
        """All answers, oldest first."""
        return tuple(self._answers.values())

    @property
    def selected(self) -> Answer | None:
        """The answer under the cursor; the last one while the end is followed."""
        return self._selected

    def begin(self, question: str) -> Answer:
        """A new answer at the end, which comes into sight."""
        answer = Answer(question)
        self._place(answer)
        self.follow()
        return answer

    def load(self, turns: Sequence[StoredTurn]) -> None:
        """Show stored turns in place of all that is shown; each is laid out when it is near."""
        self.clear()
        for turn in turns:
            length = max(
                (len(e.text) for e in turn.events if isinstance(e, Token | Done)), default=0
            )
            self._place(Answer(turn.question, n=turn.n, fill=partial(replay, turn), length=length))
        self.follow()

    def notice(self, text: str) -> None:
        """Words of the app itself, below all else."""
        self._column.put(_Notice(text))
        self.follow()

    def clear(self) -> None:
        """Show nothing."""
        for answer in self._answers.values():
            answer.changed = _ignore
        self._answers, self._places = {}, {}
        self._empty()
        self.redraw()

    def select(self, answer: Answer) -> None:
        """Put the cursor on an answer, and bring it into sight."""
        if answer.key in self._places:
            self._choose(answer)
            self._bring(self._places[answer.key])
            self._following = answer is self.answers[-1] and self.at_end

    def _place(self, answer: Answer) -> None:
        self._answers[answer.key] = answer
        place = self._places[answer.key] = len(self._column.items)
        answer.changed = lambda answer: self._answer_changed(answer, place)
        self._column.put(answer)

    def _answer_changed(self, answer: Answer, place: int) -> None:
        self._changed(place)
        if answer.done and answer is self._selected:
            self.post_message(self.Selected(answer))
            self._tell_keys()

    # the cursor

    def _chosen(self) -> int | None:
        return self._places[self._selected.key] if self._selected is not None else None

    def _settled(self) -> None:
        """While the end is followed, the last answer; else the one chosen, if it is in sight."""
        if not self._answers:
            self._choose(None)
            return
        if self._following:
            self._choose(next(reversed(self._answers.values())))
            return
        sight = self._in_sight()
        if self._selected is not None and self._places.get(self._selected.key) in sight:
            return
        seen = [
            item
            for item in self._column.items[sight.start : sight.stop]
            if isinstance(item, Answer)
        ]
        if seen:
            self._choose(seen[0])

    def _choose(self, answer: Answer | None) -> None:
        if answer is not self._selected:
            self._selected = answer
            self.post_message(self.Selected(answer))
            self._tell_keys()
            self.refresh()

    def on_click(self, event: Click) -> None:
        """The answer that was clicked is the one that is meant."""
        at = self.scroll_offset.y + event.y
        if at < self._column.tops[-1]:
            item = self._column.items[self._column.at(at)]
            if isinstance(item, Answer):
                self._following &= item is self.answers[-1]
                self._choose(item)

    # keys

    def action_rows(self, count: int) -> None:
        """Scroll by rows; further down than the end, it is followed."""
        if count > 0 and self.at_end:
            self.follow()
        self.scroll_relative(y=count, animate=False)

    def action_half(self, count: int) -> None:
        """Scroll by half of what is in sight."""
        self.action_rows(count * max(1, self.size.height // 2))

    def action_top(self) -> None:
        """To the first answer."""
        if self._answers:
            self.select(next(iter(self._answers.values())))

    def action_bottom(self) -> None:
        """To the end, and stay there."""
        self.follow()

    def action_answer(self, step: int) -> None:
        """To the answer before, or after."""
        known = self.answers
        if self._selected in known:
            place = known.index(self._selected) + step
            if 0 <= place < len(known):
                self.select(known[place])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The plain answer is offered where there is one."""
        if action == "plain":
            return self._selected is not None and bool(self._selected.plain)
        return True

    def _tell_keys(self) -> None:
        if self.is_attached:
            self.refresh_bindings()

    def action_want(self, what: What) -> None:
        """Something is to be done with the answer under the cursor."""
        if self._selected is not None:
            self.post_message(self.Wanted(self._selected, what))

    def action_steps(self) -> None:
        """Its steps, each or all in one line."""
        if self._selected is not None:
            self._selected.toggle_steps()

    def action_plain(self) -> None:
        """The answer before the persona, or not."""
        if self._selected is not None:
            self._selected.toggle_plain()

    def on_key(self, event: Key) -> None:
        """A figure opens the citation of that number."""
        answer, figure = self._selected, event.character or ""
        if answer is not None and figure in _FIGURES:
            event.stop()
            if any(citation.n == int(figure) for citation in answer.citations):
                self.post_message(Answer.MarkerClicked(answer, int(figure)))

    # clicks

    def action_open_marker(self, key: int, n: int) -> None:
        """A marker was clicked."""
        if (answer := self._answers.get(key)) is not None:
            self._choose(answer)
            self.post_message(Answer.MarkerClicked(answer, n))

    def action_toggle_steps(self, key: int) -> None:
        """An answer's steps were clicked."""
        if (answer := self._answers.get(key)) is not None:
            answer.toggle_steps()

    def action_toggle_step(self, key: int, index: int) -> None:
        """A card was clicked."""
        if (answer := self._answers.get(key)) is not None:
            answer.steps.toggle(index)
            answer.touch()

    def action_toggle_plain(self, key: int) -> None:
        """The line that names the plain answer was clicked."""
        if (answer := self._answers.get(key)) is not None:
            answer.toggle_plain()


class _Notice:
    """Words of the app itself, between answers."""

    def __init__(self, text: str) -> None:
        self._text = text

    def estimate(self, width: int) -> int:
        return 1 + self._text.count("\n") + len(self._text) // width

    def rows(self, look: Look) -> list[Strip]:
        return [*wrapped(self._text, look.step, look.width, limit=_NOTICE), Strip([])]

    def release(self) -> None:
        """It keeps none."""


def _ignore(answer: Answer) -> None:
    """It is not shown any more."""

"""Where a question is written, with what is offered above it and what waits to be asked.

Enter sends, Ctrl+J or Shift+Enter begins a new line. `/` offers commands and `@` files and
sources; what is chosen from the list is put into the text, and nothing else is done by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, TextArea

from agent.errors import AgentError
from agent.tui.commands import Commands, is_command
from agent.tui.editor import edit
from agent.tui.question import Question, Sources, assemble, named, told, told_of_words, words_of
from agent.tui.references import references
from agent.tui.widgets.field import Field
from agent.tui.widgets.history import History, HistoryFile
from agent.tui.widgets.pastes import Pastes, chips
from agent.tui.widgets.safe_text import one_line
from agent.tui.widgets.suggestions import Suggestions
from agent.tui.widgets.waiting import Waiting
from knowledge.errors import KnowledgeError

_PLACEHOLDER = "Enter asks, Ctrl+J begins a line, / commands, @ files and sources."


class Composer(Vertical):
    """A field of several lines that completes, remembers, and folds what is large."""

    DEFAULT_CSS = """
    Composer { height: auto; }
    Composer > .note { display: none; height: 1; padding: 0 1; color: $text-muted;
                       text-wrap: nowrap; text-overflow: ellipsis; }
    Composer > .note.open { display: block; }
    """

    class Sent(Message):
        """A question, or a command's line, was sent."""

        def __init__(self, text: str, context: str = "", sources: tuple[str, ...] = ()) -> None:
            self.text = text
            """As it was typed; chips and names stand in it as they were shown."""
            self.context = context
            """The pasted texts and files that go with it, for `Session.ask(context=…)`."""
            self.sources = sources
            """The sources that it is limited to, for `Filters(sources=…)`; empty: all."""
            super().__init__()

    class TakeBack(Message):
        """The last question that waits is wanted back: give it to `put` and do not ask it."""

    def __init__(
        self,
        *,
        commands: Commands | None = None,
        sources: Sources | None = None,
        history: HistoryFile | None = None,
        folder: Path | None = None,
    ) -> None:
        """Begin empty.

        Args:
            commands: What `/` offers.
            sources: What `@` offers of the library.
            history: Where sent texts are kept; without it, as long as this field.
            folder: Where typed paths begin; the working folder if not given.
        """
        super().__init__()
        self._sources = sources
        self._history = History(history)
        self._folder = folder or Path()
        self._pastes = Pastes()
        self._carried = Question("")
        self._field = Field(takes=self._takes, pasted=self._pasted, placeholder=_PLACEHOLDER)
        self._list = Suggestions(self._field, self._history, commands, sources, self._folder)
        self._waiting = Waiting()
        self._note = Static("", classes="note", markup=False)
        self._told = False
        self._reading = 0
        self._gathering = asyncio.Lock()

    def compose(self) -> ComposeResult:
        """What waits, what is offered, and the field."""
        yield self._waiting
        yield self._note
        yield self._list
        yield self._field

    # what the app asks of it

    @property
    def text(self) -> str:
        """What stands in the field."""
        return self._field.text

    @text.setter
    def text(self, text: str) -> None:
        self._field.fill(text)

    def focus(self, scroll_visible: bool = True) -> Composer:
        """Type here."""
        self._field.focus(scroll_visible)
        return self

    def put(self, text: str, context: str = "", sources: Sequence[str] = ()) -> None:
        """Put a text into the field, to be changed and sent; the history keeps what was there.

        Args:
            text: What is to be changed.
            context: What went with it when it was sent before, and will again.
            sources: The sources that it was limited to, and will be again.
        """
        if self.text.strip():
            self._remember(self.text)
        self._list.came(text)
        self._carried = Question(text, context, tuple(sources))
        self._field.fill(text)
        self._tell()

    def show_waiting(self, questions: Sequence[str]) -> None:
        """Show the questions that wait to be asked, the next one first."""
        self._waiting.tell(questions)

    # keys

    def _takes(self, key: str) -> bool:
        """Carry out a key that is not the field's own; false where it is."""
        if self._list.takes(key):
            return True
        match key:
            case "enter":
                self._send()
            case "ctrl+j" | "shift+enter":
                self._field.insert("\n")
            case "up" if not self.text and self._waiting.count:
                self.post_message(self.TakeBack())
            case "up" if self._field.at_top:
                self._older()
            case "down" if self._field.at_bottom:
                self._newer()
            case "ctrl+r":
                self._list.search()
                self._tell()
            case "ctrl+g":
                self._edit()
            case "backspace":
                return self._drop_chip()
            case _:
                return False
        return True

    @on(TextArea.Changed)
    @on(TextArea.SelectionChanged)
    def _changed(self, event: Message) -> None:
        event.stop()
        if not self.text and not self._list.searching:
            self._begin_anew()
        self._list.suggest()
        self._tell()

    @on(Suggestions.Chosen)
    def _run_chosen(self, event: Suggestions.Chosen) -> None:
        event.stop()
        self._send()

    @on(Suggestions.AddWanted)
    def _add(self, event: Suggestions.AddWanted) -> None:
        event.stop()
        self.post_message(self.Sent(f"/add {event.path}"))

    # what was typed before

    def _older(self) -> None:
        self._list.typed()
        if (text := self._history.older(self.text)) is not None:
            self._list.recall(text)
            # In its first row, so that Up goes on to the one before.
            self._field.move_cursor((0, len(text.partition("\n")[0])))

    def _newer(self) -> None:
        self._list.typed()
        if (text := self._history.newer()) is not None:
            self._list.recall(text)

    def _remember(self, text: str) -> None:
        self._list.typed()
        try:
            self._history.add(text)
        except OSError as error:
            if not self._told:
                self._told = True
                self._warn(f"What you type is not kept: {error}.")

    def _pasted(self, text: str) -> str:
        """What stands for a pasted text: a path brings up a choice, a large one is folded."""
        if (path := self._list.pasted(text)) is not None:
            return path
        self._list.foreign |= named(text)
        return self._pastes.fold(text)

    def _drop_chip(self) -> bool:
        """Take a chip out whole, where the cursor stands behind it."""
        end = self._field.cursor
        chip = self._pastes.ending(self.text[:end])
        if self._field.selected_text or not chip:
            return False
        self._field.exchange(end - len(chip), end, "")
        return True

    @work(exclusive=True, group="editor")
    async def _edit(self) -> None:
        """Let the user's editor change the text."""
        try:
            self._field.fill(await edit(self.app, self.text))
        except AgentError as error:
            self._warn(f"{error} {error.hint}".rstrip())

    # sending

    def _send(self) -> None:
        """Send what is typed, once all that goes with it is read."""
        text, raw = self.text.strip(), self.text.rstrip()
        if not text:
            return
        carried, picked = self._carried, dict(self._list.picked)
        self._remember(raw)
        self._field.fill("")
        self._begin_anew()
        needs = carried.context or carried.sources or chips(text) or references(text)
        # What needs nothing waits too while another is read: they are asked in their order.
        if not is_command(text) and (needs or self._reading):
            self._reading += 1
            self._gather(text, carried, picked)
        else:
            self.post_message(self.Sent(text))

    def _begin_anew(self) -> None:
        """Nothing goes with the next question yet."""
        self._carried = Question("")
        self._list.picked.clear()

    @work(group="gather")
    async def _gather(self, text: str, carried: Question, picked: dict[str, str]) -> None:
        words = words_of(text, self._list.foreign)
        self._tell()
        try:
            async with self._gathering:  # one after another, as they were sent
                question = await assemble(
                    text, pastes=self._pastes, picked=picked, sources=self._sources,
                    folder=self._folder, carried=carried, words=words,
                )  # fmt: skip
        except (AgentError, KnowledgeError, OSError) as error:
            self._warn(f"{error} {getattr(error, 'hint', '')}".rstrip())
            if not self.text:
                self.put(text, carried.context, carried.sources)
                self._list.picked.update(picked)
            return
        finally:
            self._reading -= 1
            self._tell()
        if said := told_of_words(words, carried):
            self._warn(said)
        self.post_message(self.Sent(question.text, question.context, question.sources))

    def _tell(self) -> None:
        """One row above the field: what is going on, or what goes with the text."""
        if self._list.searching:
            note = "Earlier texts: type words of one; Enter takes it, Esc goes back."
        elif self._reading:
            note = "Reading what goes with the question …"
        else:
            note = told(self._carried)
        self._note.update(Content(note))
        self._note.set_class(bool(note), "open")

    def _warn(self, text: str) -> None:
        self.app.notify(one_line(text), severity="warning", markup=False)

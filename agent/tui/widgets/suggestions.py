"""What is offered while one types: commands, files and sources, earlier texts, uses of a path.

Decides what is offered and what a choice does to the field; draws nothing that the list does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from textual import on, work
from textual.message import Message
from textual.widgets import OptionList

from agent.tui.commands import Commands, Completion, is_command
from agent.tui.question import Sources, named, offered, source_of
from agent.tui.references import Reference, begun, pasted_path, spellings, written
from agent.tui.widgets.completion import CompletionList
from agent.tui.widgets.field import Field
from agent.tui.widgets.history import History

_Kind = Literal["", "command", "reference", "search", "path"]
_ADD = Completion("Add to the library")
_EARLIER = 50
"""Earlier texts that are offered."""
_REFER = Completion("Put in the question")


class Suggestions(CompletionList):
    """The list of completions, and the word of the field that it is about."""

    class Chosen(Message):
        """A command was chosen that takes nothing: send it."""

    class AddWanted(Message):
        """A pasted path is to be added to the library."""

        def __init__(self, path: str) -> None:
            self.path = path
            super().__init__()

    def __init__(
        self,
        field: Field,
        history: History,
        commands: Commands | None,
        sources: Sources | None,
        folder: Path,
    ) -> None:
        """Begin closed.

        Args:
            field: Where it is typed.
            history: The earlier texts.
            commands: What `/` offers.
            sources: What `@` offers of the library.
            folder: Where typed paths begin.
        """
        super().__init__()
        self.picked: dict[str, str] = {}
        """Sources that were chosen for the text, by the names that stand in it."""
        self.foreign: set[str] = set()
        """Names that came with a text that was not typed, and were not chosen from the list since;
        see `words_of`."""
        self._typed: set[str] = set()
        self._field = field
        self._history = history
        self._commands = commands
        self._sources = sources
        self._folder = folder
        self._kind: _Kind = ""
        self._from = 0
        self._dismissed: int | None = None
        self._known: dict[str, str] = {}
        self._reference: Reference | None = None
        self._path: Reference | None = None
        self._seen: tuple[str, int] | None = None
        self._recalled = ""
        self._draft = ""

    @property
    def searching(self) -> bool:
        """Whether earlier texts are being searched."""
        return self._kind == "search"

    def suggest(self) -> None:
        """Offer what may follow what stands before the cursor."""
        text, cursor = self._field.text, self._field.cursor
        if (text, cursor) == self._seen:
            return
        self._seen = (text, cursor)
        reference = begun(text[:cursor])
        self._recalled = self._recalled if text else ""
        if self.searching:
            found = self._history.search(text)[:_EARLIER]
            self.offer([Completion(entry) for entry in found])
        elif self._path and cursor == self._path.end and text[:cursor].endswith(self._path.name):
            self._offer("path", self._path.start, self._path_choices(self._path))
        elif text and text == self._recalled:
            self._close()  # until it is changed
        elif self._commands and is_command(text) and "\n" not in text and cursor == len(text):
            self._offer("command", text.find(" ") + 1, self._commands.completions(text))
        elif reference is not None:
            self._offer_references(reference)
        else:
            self._close()
            self._dismissed = None

    def typed(self) -> None:
        """Take what stands in the field for typed in this run, but for what is foreign."""
        self._typed |= named(self._field.text) - self.foreign

    def came(self, text: str) -> None:
        """Take for foreign what a text that was kept names and this run has not typed."""
        self.foreign |= named(text) - self._typed

    def takes(self, key: str) -> bool:
        """Carry out a key that is the list's while it is open; false where it is not."""
        self.suggest()  # keys may come faster than the field tells of its changes
        match key:
            case "enter" | "tab" if self._kind == "reference" and not self._is_current():
                return key == "tab"
            case "escape" if self._kind:
                self._leave()
            case "enter" if self.searching or (self.is_open and not self._is_typed()):
                self.accept(run=True)
            case _ if not self.is_open:
                return self.searching and key in ("up", "down", "tab", "ctrl+r")
            case "tab":
                self.accept()
            case "up":
                self.action_cursor_up()
            case "down" | "ctrl+r":
                self.action_cursor_down()
            case _:
                return False
        return True

    def search(self) -> None:
        """Offer earlier texts that hold the words that are typed; Esc gives the text back."""
        self._close()
        self.typed()
        self._draft, self._kind, self._seen = self._field.text, "search", None
        self.suggest()

    def recall(self, text: str) -> None:
        """Put an earlier text into the field; nothing is offered until it is changed."""
        self.came(text)
        self._recalled = text
        self._field.fill(text)

    def pasted(self, text: str) -> str | None:
        """The path that a pasted text names, if it does; what to do with it is then offered."""
        path = pasted_path(text)
        if path is None:
            return None
        start = self._field.index(min(self._field.selection))
        self._path = Reference(str(path), start, start + len(str(path)))
        return str(path)

    def accept(self, run: bool = False) -> None:
        """Put what is chosen into the field.

        Args:
            run: Whether a command that takes nothing is to be carried out at once.
        """
        chosen, kind, path = self.chosen, self._kind, self._path
        start, end = self._from, self._field.cursor
        self._close()
        if kind == "search":
            self.recall(chosen.text if chosen else self._draft)
        if chosen is None or kind == "search":
            return
        if kind == "path" and path is not None:
            self._field.exchange(
                path.start, path.end, written(path.name) + " " if chosen is _REFER else ""
            )
            if chosen is _ADD:
                self.post_message(self.AddWanted(path.name))
        elif kind == "reference":
            self.foreign = {each for each in self.foreign if chosen.text not in spellings(each)}
            if chosen.text in self._known:
                self.picked[chosen.text] = self._known[chosen.text]
            whole = written(chosen.text)
            # In a folder one types on.
            whole = whole.removesuffix('"') if chosen.text.endswith("/") else whole + " "
            self._field.exchange(start, end, whole)
        elif start or self._commands is None:
            self._field.exchange(start, end, chosen.text)
        else:
            takes_more = self._commands.find(chosen.text).usage
            self._field.exchange(start, end, chosen.text + (" " if takes_more else ""))
            if run and not takes_more:
                self.post_message(self.Chosen())

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.highlighted = event.option_index
        self.accept(run=True)

    @work(exclusive=True, group="offers")
    async def _offer_references(self, reference: Reference) -> None:
        known, others = await offered(reference.name, self._sources, self._folder)
        if begun(self._field.text[: self._field.cursor]) == reference and not self.searching:
            self._reference = reference
            self._known = {each.text: source_of(each) for each in known}
            self._offer("reference", reference.start, [*known, *others])

    def _offer(self, kind: _Kind, start: int, found: Sequence[Completion]) -> None:
        """Open the list, unless it was closed for this word or says only what is typed."""
        if self._dismissed != start:
            self._dismissed = None
        self._kind, self._from = kind, start
        self.offer(found if self._dismissed is None else ())
        if not self.is_open or (len(found) == 1 and self._is_typed()):
            self._close()

    def _path_choices(self, path: Reference) -> list[Completion]:
        """A path alone is rather to be added, one within a question rather to be read."""
        if self._commands is None or "add" not in self._commands:
            return [_REFER]
        alone = self._field.text.strip() == path.name
        return [_ADD, _REFER] if alone else [_REFER, _ADD]

    def _is_typed(self) -> bool:
        """Whether what is chosen stands there already."""
        before = self._field.text[self._from : self._field.cursor]
        return self.chosen is not None and before in (self.chosen.text, written(self.chosen.text))

    def _is_current(self) -> bool:
        """Whether the files and sources that are offered are those of the word as it is now."""
        return begun(self._field.text[: self._field.cursor]) == self._reference

    def _leave(self) -> None:
        """Close the list, and keep it closed for the word that is being typed."""
        if self.searching:
            self._close()
            self.recall(self._draft)
        else:
            self._dismissed = self._from
            self._close()

    def _close(self) -> None:
        self._kind, self._path = "", None
        self.close()

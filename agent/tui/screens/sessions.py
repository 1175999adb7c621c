"""The stored sessions: found by any word in them, resumed, forked, renamed, exported, deleted.

Shows and asks; what is done to a session is done by the callables that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.worker import get_current_worker

from agent.errors import AgentError
from agent.tui.screens.listing import BACK, ListScreen
from agent.tui.widgets.safe_text import one_line
from agent.tui.widgets.session_rows import session_row

if TYPE_CHECKING:
    from agent.transcripts import Hit, SessionInfo


@dataclass(frozen=True, slots=True)
class SessionActions:
    """What can be done to sessions; every one may raise `AgentError`. None leaves its key out."""

    search: Callable[[str], Sequence[Hit]]
    """Turns that hold all words of a query, best first. Called in a thread."""
    delete: Callable[[str], None] | None = None
    """Delete for good. Called when the screen is left, so that until then nothing is lost."""
    rename: Callable[[str, str], None] | None = None
    export: Callable[[str], str] | None = None
    """Write a session to a file; its path is returned."""
    fork: Callable[[str], str] | None = None
    """Copy a session; the copy's id is returned."""


class SessionsScreen(ListScreen[str | None]):
    """A list of sessions. Dismissed with the id of the one to resume, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "rename", "Rename"),
        Binding("f", "fork", "Fork"),
        Binding("e", "export", "Export"),
        Binding("d,delete", "delete", "Delete", key_display="d"),
        Binding("u", "undo", "Undo"),
        BACK,
    ]
    FIND = "/ to search in all questions and answers"

    def __init__(self, sessions: Sequence[SessionInfo], actions: SessionActions) -> None:
        """Show sessions, in the order given.

        Args:
            sessions: All there are, the last used first.
            actions: What can be done to them.
        """
        super().__init__()
        self._sessions = {info.id: info for info in sessions}
        self._actions = actions
        self._hits: list[Hit] | None = None
        self._deleted: list[str] = []

    def on_mount(self) -> None:
        """Fill the list."""
        self._refill()
        self.rows.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out of the footer what cannot be done here."""
        if action in ("rename", "fork", "export", "delete"):
            return getattr(self._actions, action) is not None and bool(self.keys)
        if action == "undo":
            return bool(self._deleted)
        return True

    # what is shown

    def _refill(self, chosen: str | None = None) -> None:
        rows = self._found_rows()
        self.fill(rows, chosen)
        count = f"Sessions · {len(self._sessions) - len(self._deleted):,}"
        if self._hits is not None:
            count += f" · {len(rows):,} found"
        self.head(count)
        self.note("" if rows else self._nothing())

    def _nothing(self) -> str:
        if self._hits is not None:
            return "No question or answer holds all these words. Esc shows all sessions."
        return "There are no sessions yet: ask something, and it is kept here."

    def _found_rows(self) -> list[tuple[str, Content]]:
        there = {id: info for id, info in self._sessions.items() if id not in self._deleted}
        if self._hits is None:
            return [(id, session_row(info)) for id, info in there.items()]
        words = self.search_line.value.casefold().split()
        found: dict[str, Content] = {}
        for hit in self._hits:
            if hit.session in there and hit.session not in found:
                found[hit.session] = session_row(there[hit.session], hit)
        # A title that was given by hand stands in no question.
        for id, info in there.items():
            if id not in found and all(word in info.title.casefold() for word in words):
                found[id] = session_row(info)
        return list(found.items())

    def note(self, text: str) -> None:
        """A line below the list; what is going to be deleted, where there is nothing else."""
        if not text and self._deleted:
            many = len(self._deleted)
            text = f"{many} will be deleted when you leave this screen. u takes the last one back."
        super().note(text or "Enter goes on with a session.")

    # searching

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search while the user types."""
        if event.input is not self.search_line:
            return
        if event.value.strip():
            self._search(event.value)
        else:
            self._hits = None
            self._refill(self.chosen)

    @work(thread=True, exclusive=True, group="search")
    def _search(self, query: str) -> None:
        worker = get_current_worker()
        try:
            hits = list(self._actions.search(query))
        except AgentError as error:
            self.app.call_from_thread(self.fail, error)
            return
        if not worker.is_cancelled:
            self.app.call_from_thread(self._found, query, hits)

    def _found(self, query: str, hits: list[Hit]) -> None:
        if self.is_current and self.search_line.value == query:
            self._hits = hits
            self._refill(hits[0].session if hits else None)

    # doing

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click in the list."""
        self._resume()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in one of the two lines."""
        if event.input is self.search_line:
            self._resume()
            return
        session, title = self.chosen, " ".join(event.value.split())
        self.close_ask()
        if session is None or not title or self._actions.rename is None:
            return
        try:
            self._actions.rename(session, title)
        except AgentError as error:
            self.fail(error)
            return
        self._sessions[session] = replace(self._sessions[session], title=title)
        self._refill(session)

    def leave(self) -> None:
        """Leave without a choice."""
        self._go(None)

    def _go(self, session: str | None) -> None:
        self._delete_all()
        self.dismiss(session)

    def on_unmount(self) -> None:
        """Do what was asked for also where the whole app is left."""
        self._delete_all()

    def _resume(self) -> None:
        """Go on with the chosen session."""
        if self.chosen is not None:
            self._go(self.chosen)

    def action_fork(self) -> None:
        """Go on with a copy of the chosen session."""
        if self.chosen is None or self._actions.fork is None:
            return
        try:
            copy = self._actions.fork(self.chosen)
        except AgentError as error:
            self.fail(error)
            return
        self._go(copy)

    def action_rename(self) -> None:
        """Type another title."""
        if self.chosen is not None:
            self.ask(self._sessions[self.chosen].title)
            self.note("A new title, then Enter. Esc keeps the old one.")

    def action_export(self) -> None:
        """Write the chosen session to a file."""
        if self.chosen is None or self._actions.export is None:
            return
        try:
            path = self._actions.export(self.chosen)
        except AgentError as error:
            self.fail(error)
            return
        self.note(f"Written to {one_line(path)}")

    def action_delete(self) -> None:
        """Take the chosen session out of the list; it is deleted when the screen is left."""
        if self.chosen is not None and self._actions.delete is not None:
            self._deleted.append(self.chosen)
            self._refill()

    def action_undo(self) -> None:
        """Put the last one back."""
        if self._deleted:
            self._refill(self._deleted.pop())

    def _delete_all(self) -> None:
        deleted, self._deleted = self._deleted, []
        for session in deleted:
            if self._actions.delete is None:
                return
            try:
                self._actions.delete(session)
            except AgentError as error:
                self.app.notify(one_line(str(error)), severity="error", markup=False)

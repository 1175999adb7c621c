"""The library: its sources and how they stand; add, remove, sync. Knows no index."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual import work
from textual.binding import Binding, BindingType
from textual.widgets import Input, OptionList

from agent.errors import AgentError
from agent.tui.screens.listing import BACK, ListScreen
from agent.tui.widgets.safe_text import one_line
from agent.tui.widgets.source_rows import counts, progress_line, report_line, source_row
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from textual.worker import Worker

    from knowledge.report import Progress, SyncReport
    from knowledge.types import SourceInfo

_REDRAW = 0.1
"""Seconds between two states of the progress line."""
_AT_ONCE = 200
"""Sources that are looked at between two states of the list."""


class Sources(Protocol):
    """What the screen asks of a library; `knowledge.library.Library` is one.

    Every method may raise `KnowledgeError`. Cancelling `add` or `sync` stops the work and keeps
    what was there. `progress` may be called from any thread.
    """

    async def sources(self) -> Sequence[SourceInfo]:
        """All sources, sorted by name."""

    async def stale(self, source: str) -> bool:
        """Whether a source has changed since it was indexed."""

    async def add(
        self, paths: Sequence[str], *, progress: Callable[[Progress], None] | None = None
    ) -> SyncReport:
        """Add files, folders or pages and index them."""

    async def sync(self, *, progress: Callable[[Progress], None] | None = None) -> SyncReport:
        """Make the index equal to the sources."""

    async def remove(self, names: Sequence[str]) -> Sequence[str]:
        """Take sources out; those that went are returned."""


class LibraryScreen(ListScreen[None]):
    """The sources of a library in a list, with what can be done to them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "Add"),
        Binding("s", "sync", "Sync"),
        Binding("d,delete", "remove", "Remove", key_display="d"),
        Binding("ctrl+x", "cancel", "Cancel"),
        BACK,
    ]
    FIND = "/ to filter by name, state or reason"
    ASK = "A file, a folder or a URL, then Enter"

    def __init__(self, library: Sources, *, add: str = "", sync: bool = False) -> None:
        """Show a library; it is asked once the screen stands.

        Args:
            library: Which.
            add: A path or a URL to begin with adding; empty for none.
            sync: Begin with a sync.
        """
        super().__init__()
        self._library = library
        self._add = add
        self._sync = sync
        self._sources: list[SourceInfo] = []
        self._stale: set[str] = set()
        self._armed = ""
        """The source that a second `d` removes."""
        self._progress: Progress | None = None
        self._job: Worker[None] | None = None

    def on_mount(self) -> None:
        """Load the list."""
        self.rows.focus()
        self.head("Library")
        self.note("Loading …")
        self.set_interval(_REDRAW, self._redraw_progress)
        self._load("")
        if self._add:
            self._start(self._report(self._library.add([self._add], progress=self._tell)))
        elif self._sync:
            self.action_sync()

    @property
    def busy(self) -> bool:
        """Whether something is being added, synced or removed."""
        return self._job is not None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """One thing at a time is done to a library."""
        if action in ("add", "sync"):
            return not self.busy
        if action == "remove":
            return not self.busy and bool(self.keys)
        return self.busy if action == "cancel" else True

    # what is shown

    @work(exclusive=True, group="load")
    async def _load(self, note: str | None = None) -> None:
        """Read the list, and then look at every source whether it has changed."""
        try:
            self._sources = list(await self._library.sources())
            self._stale &= {source.source for source in self._sources}
            self._refill()
            if not self._sources:
                note = "Nothing is here yet: a adds a file, a folder or a web page."
            if note is not None:
                self.note(note)
            shown = set(self._stale)
            for n, source in enumerate(self._sources, 1):
                if source.state == "indexed":
                    changed = await self._library.stale(source.source)
                    (self._stale.add if changed else self._stale.discard)(source.source)
                # To fill it anew takes long where there are thousands.
                if n % _AT_ONCE == 0 and self._stale != shown:
                    shown = set(self._stale)
                    self._refill()
            if self._stale != shown:
                self._refill()
        except (AgentError, KnowledgeError) as error:
            self.note("")
            self.fail(error)

    def _refill(self) -> None:
        words = self.search_line.value.casefold().split()
        found = [source for source in self._sources if self._fits(source, words)]
        rows = [(s.source, source_row(s, stale=s.source in self._stale)) for s in found]
        self.fill(rows, self.chosen)
        self.head("Library · " + counts(self._sources, len(self._stale)))

    def _fits(self, source: SourceInfo, words: Sequence[str]) -> bool:
        changed = "changed" if source.source in self._stale else ""
        text = " ".join((source.source, source.title, source.state, source.reason, changed))
        return all(word in text.casefold() for word in words)

    def _redraw_progress(self) -> None:
        progress, self._progress = self._progress, None
        if progress is not None and self.busy:
            self.note(f"{progress_line(progress)} · ctrl+x cancels")

    def _tell(self, progress: Progress) -> None:
        """Called from the library's thread: the screen picks the last state up when it draws."""
        self._progress = progress

    def leave(self) -> None:
        """Leave, unless something is being done."""
        if self.busy:
            self.notify("Work on the library goes on: ctrl+x cancels it.", markup=False)
        else:
            self.dismiss(None)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while the user types."""
        if event.input is self.search_line:
            self._refill()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Moving on takes back what the first `d` began."""
        if self._armed and self.chosen != self._armed:
            self._armed = ""
            self.note("")

    # doing

    def action_add(self) -> None:
        """Type what is to be added."""
        self.ask()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in one of the two lines."""
        if event.input is self.search_line:
            self.rows.focus()
            return
        path = event.value.strip()
        self.close_ask()
        if path and not self.busy:
            self._start(self._report(self._library.add([path], progress=self._tell)))

    def action_sync(self) -> None:
        """Bring the library up to date."""
        if not self.busy:
            self._start(self._report(self._library.sync(progress=self._tell)))

    def action_remove(self) -> None:
        """Take the chosen source out, at the second press."""
        chosen = self.chosen
        if chosen is None or self.busy:
            return
        if self._armed != chosen:
            self._armed = chosen
            name = one_line(os.path.basename(chosen) or chosen, 60)
            self.note(f"d once more takes {name} out of the library. The file itself stays.")
            return
        self._armed = ""
        self._start(self._remove(chosen))

    def action_cancel(self) -> None:
        """Stop what runs."""
        if self._job is not None:
            self.note("Stopping …")
            self._job.cancel()

    async def _report(self, doing: Awaitable[SyncReport]) -> str:
        return report_line(await doing)

    async def _remove(self, source: str) -> str:
        gone = await self._library.remove([source])
        return f"{len(gone):,} taken out of the library. The files themselves stay."

    def _start(self, doing: Awaitable[str]) -> None:
        self.note("Working … · ctrl+x cancels")
        self._job = self.run_worker(self._do(doing), group="do")
        self.refresh_bindings()

    async def _do(self, doing: Awaitable[str]) -> None:
        note = "Cancelled. What was there before is there still."
        try:
            note = await doing
        except (AgentError, KnowledgeError) as error:
            note = ""
            self.fail(error)
        finally:
            self._job = self._progress = None
            if self.is_attached:  # and the app is not being left
                self.refresh_bindings()
                self._load(note)

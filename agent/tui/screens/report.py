"""A report of research: its text, its citations, and the stored words that they stand on.

Shows; sources are opened and files written by what it is given.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from agent.errors import AgentError
from agent.plain_text import duration, money, plural, short_path
from agent.research.render import rendered
from agent.tui.screens.document import DocumentScreen
from agent.tui.widgets.report import ReportBody
from agent.tui.widgets.safe_text import one_line
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from agent.events import Citation
    from agent.research.types import Report
    from agent.tui.clipboard import Copies
    from agent.tui.widgets.answer import Answer
    from agent.tui.widgets.citations import Citations
    from agent.tui.widgets.transcript import Transcript
    from knowledge.types import Document


@dataclass(frozen=True, slots=True)
class ReportActions:
    """What can be done with a report; each may raise `AgentError`."""

    read: Callable[[Citation], Awaitable[Document]]
    """The stored text that a citation quotes."""
    export: Callable[[Path], None]
    """Write the report to a file."""
    open_file: Callable[[str], str]
    """Open a file of the library; gives what was opened in its place, if anything was. May raise
    `OSError`, too."""


class ReportScreen(Screen[None]):
    """The report as it is read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "export", "Export"),
        Binding("ctrl+b", "sources", "Citations"),
        Binding("escape", "back", "Back", key_display="esc"),
    ]
    DEFAULT_CSS = """
    ReportScreen { layout: vertical; }
    ReportScreen #file { display: none; border: none; height: 1; padding: 0 1; background: $boost; }
    ReportScreen.-typing #file { display: block; }
    ReportScreen #note { height: auto; min-height: 1; max-height: 3; padding: 0 1;
                         color: $text-muted; background: $panel; }
    ReportScreen #note.-failed { color: $text-error; }
    """

    def __init__(
        self, report: Report, citations: Sequence[Citation], actions: ReportActions
    ) -> None:
        """Show a report.

        Args:
            report: Whole.
            citations: In the order of their numbers, which are those of the report's markers.
            actions: What can be done with it.
        """
        super().__init__()
        self._report = report
        self._citations = tuple(citations)
        self._actions = actions

    def compose(self) -> ComposeResult:
        """The report, a line for a file's name, a note, keys."""
        yield ReportBody(id="report")
        yield Input(id="file", select_on_focus=False)
        yield Static(id="note", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show it, once its room is known."""
        self.query_one(ReportBody).linear(self.app.has_class("-plain"))
        partial = self._report.method.partial_reason
        self._note(f"Not complete: {partial}" if partial else "A number [n] opens its quote.")
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        report, made = self._report, self._report.method
        told = [
            plural(len(self._citations), "quote") + " cited",
            plural(made.pages_read, "page") + " read",
            plural(made.tokens, "token"),
            money(made.cost),
            duration(made.seconds),
        ]
        self.query_one(ReportBody).show_report(
            f"Research {report.id}", rendered(report, "markdown"), self._citations, " · ".join(told)
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key that is typed into the line does nothing else."""
        return action not in ("export", "sources") or not self.has_class("-typing")

    # what the report and its citations say

    def on_transcript_selected(self, event: Transcript.Selected) -> None:
        """The sources of the chat's own answers are not for this."""
        event.stop()

    def on_transcript_wanted(self, event: Transcript.Wanted) -> None:
        """Copy the report, or go to its citations."""
        event.stop()
        if event.what == "copy":
            self._copy(event.answer.text, "report")
        elif self._citations:
            self.query_one(ReportBody).show_sources()

    def on_answer_marker_clicked(self, event: Answer.MarkerClicked) -> None:
        """Open what a marker names."""
        event.stop()
        found = next((c for c in self._citations if c.n == event.n), None)
        if found is not None:
            self._read(found)

    def on_citations_opened(self, event: Citations.Opened) -> None:
        """Open a source at its words."""
        event.stop()
        self._read(event.citation)

    def on_citations_file_wanted(self, event: Citations.FileWanted) -> None:
        """Open the file itself; of a page on the web, copy the address."""
        event.stop()
        try:
            self._open(event.citation)
        except (AgentError, OSError) as error:
            self._fail(error)

    def _open(self, citation: Citation) -> None:
        if "://" in citation.source:
            self._copy(citation.source, "address of the page")
        elif said := self._actions.open_file(citation.source):
            self.notify(one_line(said, 400), markup=False)

    def _copy(self, text: str, what: str) -> None:
        cast("Copies", self.app).copy(text, what)

    def _read(self, citation: Citation) -> None:
        self.run_worker(self._document(citation), exclusive=True, group="document")

    async def _document(self, citation: Citation) -> None:
        try:
            document = await self._actions.read(citation)
        except (AgentError, KnowledgeError) as error:
            self._fail(error)
            return
        screen = DocumentScreen(
            document,
            citation,
            citations=self._citations,
            load=self._actions.read,
            open_file=self._open,
        )
        await self.app.push_screen(screen)

    # keys

    def action_sources(self) -> None:
        """The citations, or not."""
        self.query_one(ReportBody).toggle_sources()

    def action_export(self) -> None:
        """Ask for a file's name."""
        line = self.query_one("#file", Input)
        line.value = line.value or f"research-{self._report.id}.md"
        line.cursor_position = len(line.value)
        self.add_class("-typing")
        line.focus()
        self._note("The file to write: .md, .html or .json. Esc writes none.")
        self.refresh_bindings()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Write the file; where that cannot be, its name stays to be mended."""
        event.stop()
        file = Path(os.path.expanduser(event.value.strip()))
        try:
            self._actions.export(file)
        except (AgentError, OSError) as error:
            self._fail(error)
            return
        self._end_typing(f"The report is in {short_path(str(file.absolute()))}")

    def action_back(self) -> None:
        """Out of the line being typed, else out of the report."""
        if self.has_class("-typing"):
            self._end_typing("")
        else:
            self.dismiss(None)

    def _end_typing(self, note: str) -> None:
        self.remove_class("-typing")
        self.query_one(ReportBody).transcript.focus()
        self._note(note)
        self.refresh_bindings()

    def _note(self, text: str) -> None:
        note = self.query_one("#note", Static)
        note.update(one_line(text, 500))
        note.remove_class("-failed")

    def _fail(self, error: Exception) -> None:
        self._note(f"{error} {getattr(error, 'hint', '')}".rstrip())
        self.query_one("#note", Static).add_class("-failed")

"""A document opened at the words that an answer quotes. Loads by what it is given."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from agent.approvals import TOOL
from agent.errors import AgentError
from agent.tui.widgets.document import DocumentView
from agent.tui.widgets.safe_text import one_line
from knowledge.errors import KnowledgeError
from knowledge.types import Span

if TYPE_CHECKING:
    from agent.events import Citation
    from agent.tui.clipboard import Copies
    from knowledge.types import Document

Load = Callable[["Citation"], Awaitable["Document"]]
OpenFile = Callable[["Citation"], None]


class DocumentScreen(Screen[None]):
    """The text of a document, scrolled to a citation's quote; and the answer's other citations."""

    CSS_PATH = "document.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "move(1)", "Next quote"),
        Binding("p,N", "move(-1)", "Previous"),
        Binding("y", "copy", "Copy quote"),
        Binding("o", "open", "Open the file"),
        Binding("escape,q", "back", "Back", key_display="esc"),
    ]

    def __init__(
        self,
        document: Document,
        citation: Citation,
        *,
        citations: Sequence[Citation] = (),
        load: Load | None = None,
        open_file: OpenFile | None = None,
    ) -> None:
        """Show a document.

        Args:
            document: That the citation names.
            citation: Whose quote is brought into sight.
            citations: All of the same answer, in its order; empty is this one alone.
            load: Gives the document of another citation; without it only those of this document
                can be reached. May raise `AgentError` or `KnowledgeError`.
            open_file: Opens the source with the program that the user has for it. May raise
                `AgentError` or `OSError`.
        """
        super().__init__()
        self._document = document
        self._citation = citation
        self._citations = tuple(citations) or (citation,)
        self._load = load
        self._open_file = open_file

    def compose(self) -> ComposeResult:
        """Head, text, place, keys."""
        with Vertical(id="head"):
            yield Static(id="title", markup=False)
            yield Static(id="place", markup=False)
            yield Static(id="doubt", markup=False)
        yield DocumentView(id="text")
        yield Static(id="where", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show the first citation."""
        self._show()
        self.query_one(DocumentView).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out of the footer what cannot be done here."""
        if action == "move":
            return len(self._citations) > 1
        if action == "open":
            return self._open_file is not None
        return True

    # moving

    def action_move(self, step: int) -> None:
        """Go to the next or the previous citation of the answer, round and round."""
        here = self._citations.index(self._citation) if self._citation in self._citations else 0
        reachable = [c for c in self._citations if self._load or self._holds(c)]
        ring = [*self._citations[here + 1 :], *self._citations[: here + 1]]
        if step < 0:
            ring = [*reversed(self._citations[:here]), *reversed(self._citations[here:])]
        wanted = next((c for c in ring if c in reachable), None)
        if wanted is not None:
            self.run_worker(self._go(wanted), exclusive=True, group="go")

    async def _go(self, citation: Citation) -> None:
        if not self._holds(citation) and self._load is not None:
            try:
                self._document = await self._load(citation)
            except (AgentError, KnowledgeError) as error:
                self._complain(error)
                return
        self._citation = citation
        self._show()

    def _holds(self, citation: Citation) -> bool:
        return not citation.document_id or citation.document_id == self._document.id

    def action_back(self) -> None:
        """Leave."""
        self.dismiss(None)

    def action_copy(self) -> None:
        """Put the quote on the clipboard."""
        cast("Copies", self.app).copy(self._citation.quote, f"quote [{self._citation.n}]")

    def action_open(self) -> None:
        """Open the source itself."""
        if self._open_file is None:
            return
        try:
            self._open_file(self._citation)
        except (AgentError, OSError) as error:
            self._complain(error)

    def _complain(self, error: AgentError | KnowledgeError | OSError) -> None:
        """Say what went wrong, and what to do."""
        said = " ".join(filter(None, (str(error), getattr(error, "hint", ""))))
        self.notify(one_line(said), severity="error", markup=False)

    # showing

    def _show(self) -> None:
        document, citation = self._document, self._citation
        spans = {c: self._span(c) for c in self._citations if self._holds(c)}
        quote = self._span(citation)
        others = [span for c, span in spans.items() if c != citation]
        view = self.query_one(DocumentView)
        view.show(document.text, quote, others=others, answers=self._answers(quote))
        name = one_line(citation.title or document.title, 300) or os.path.basename(citation.source)
        self.query_one("#title", Static).update(Content(f"[{citation.n}] {one_line(name, 300)}"))
        parts = [one_line(citation.place, 300), one_line(citation.source, 1000)]
        mark = "✓ quote verified" if citation.verified else "✗ quote not verified"
        parts.insert(0, mark + ("  ~ source changed" if citation.stale else ""))
        self.query_one("#place", Static).update(Content(" · ".join(filter(None, parts))))
        doubt = self.query_one("#doubt", Static)
        doubt.update(Content(" ".join(self._doubts())))
        doubt.set_class(bool(self._doubts()), "-shown")
        self.refresh_bindings()

    def _doubts(self) -> list[str]:
        """What the reader should know before trusting the quote."""
        found = []
        if self._citation.source.startswith(TOOL):
            found.append("This came from a tool, and its text is not kept: here is the quote only.")
            if not self._citation.verified:
                found.append("The tool did not say it letter for letter.")
        elif not self._citation.verified:
            found.append("The quote does not stand here letter for letter.")
        if self._citation.stale:
            found.append("The file has changed since this text was read: sync to read it again.")
        return found

    def _span(self, citation: Citation) -> Span:
        """The quoted span, within the text whatever the citation says."""
        size = len(self._document.text)
        start = max(0, min(citation.start, size))
        return Span(start, max(start, min(citation.end, size)))

    def _answers(self, quote: Span) -> list[Span]:
        text, found = self._document.text, []
        for words in self._citation.marked:
            at = text.find(words, quote.start, quote.end) if words else -1
            if at >= 0:
                found.append(Span(at, at + len(words)))
        return found

    def on_document_view_moved(self, event: DocumentView.Moved) -> None:
        """Tell where in the document the reader is."""
        place = self._document.place(Span(event.offset, event.offset))
        which = ""
        if len(self._citations) > 1 and self._citation in self._citations:
            at = self._citations.index(self._citation) + 1
            which = f"quote {at} of {len(self._citations)}"
        parts = [which, one_line(place, 60), f"{event.share:.0%}"]
        self.query_one("#where", Static).update(Content(" · ".join(filter(None, parts))))

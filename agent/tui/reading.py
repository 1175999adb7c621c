"""Opens what an answer cites: the document at the quoted words, or the file itself."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import work
from textual.app import App

from agent.approvals import TOOL
from agent.errors import AgentError
from agent.tui.opening import open_file
from agent.tui.screens.document import DocumentScreen
from knowledge.errors import KnowledgeError
from knowledge.types import Document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.events import Citation
    from agent.tui.conversation import Conversation
    from agent.tui.widgets.answer import Answer
    from agent.tui.widgets.body import Body
    from agent.tui.widgets.citations import Citations


class Reading(App[None]):
    """The part of the chat that its sources are read by."""

    talk: Conversation
    body: Body

    @abstractmethod
    def tell(self, text: str) -> None:
        """Say something for a moment."""

    @abstractmethod
    def complain(self, error: AgentError | KnowledgeError) -> None:
        """Say what went wrong."""

    def on_answer_marker_clicked(self, event: Answer.MarkerClicked) -> None:
        """Open what a marker names."""
        found = next((c for c in event.answer.citations if c.n == event.n), None)
        if found is not None:
            self._read(found, event.answer.citations)

    def on_citations_opened(self, event: Citations.Opened) -> None:
        """Open a source at its words."""
        self._read(event.citation, self.body.sources.citations)

    def on_citations_file_wanted(self, event: Citations.FileWanted) -> None:
        """Open the file itself."""
        try:
            self._open(event.citation)
        except (AgentError, OSError) as error:
            self.tell(f"{error} {getattr(error, 'hint', '')}")

    def _open(self, citation: Citation) -> None:
        if said := open_file(citation.source):
            self.tell(said)

    @work(exclusive=True, group="document")
    async def _read(self, citation: Citation, citations: Sequence[Citation]) -> None:
        """Show a document over whatever is shown.

        Args:
            citation: Whose words are brought into sight.
            citations: All of the same answer.
        """
        try:
            screen = DocumentScreen(
                await self._document(citation),
                _within(citation),
                citations=[_within(each) for each in citations],
                load=self._document,
                open_file=self._open,
            )
        except (AgentError, KnowledgeError) as error:
            self.complain(error)
        else:
            await self.push_screen(screen)

    async def _document(self, citation: Citation) -> Document:
        """The document that a citation names; of what a tool said there is the quote alone."""
        if citation.source.startswith(TOOL):
            return _said(citation)
        return await self.talk.library.document(citation.document_id)


def _said(citation: Citation) -> Document:
    """The quote of a tool's words as a document."""
    return Document(citation.quote, "text", citation.title)


def _within(citation: Citation) -> Citation:
    """A citation as it stands in its `Reading._document`."""
    if not citation.source.startswith(TOOL):
        return citation
    said = _said(citation)
    return replace(citation, start=0, end=len(said.text), document_id=said.id)

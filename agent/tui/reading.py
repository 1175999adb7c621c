"""Opens what an answer cites: the document at the quoted words, or the file itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.tui.opening import open_file
from agent.tui.screens.document import DocumentScreen

if TYPE_CHECKING:
    from textual.app import App

    from agent.events import Citation
    from knowledge.library import Library


async def read(
    app: App[None], library: Library, citation: Citation, citations: Sequence[Citation]
) -> None:
    """Show a document over whatever is shown.

    Args:
        app: Where.
        library: Which has it.
        citation: Whose words are brought into sight.
        citations: All of the same answer.

    Raises:
        KnowledgeError: The library does not have it any more.
    """
    screen = DocumentScreen(
        await library.document(citation.document_id),
        citation,
        citations=citations,
        load=lambda other: library.document(other.document_id),
        open_file=lambda other: open_file(other.source),
    )
    await app.push_screen(screen)

"""The sources of one answer: what it cites, how that was checked, and where the words stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from agent.plain_text import short_path
from agent.tui.widgets.safe_text import one_line

if TYPE_CHECKING:
    from agent.events import Citation

_QUOTE = 120
"""Characters of a quote that are shown."""
# "verified" is: the quote stands in the document letter for letter. "changed" is: since indexing.
VERIFIED = ("✓", "verified")
UNVERIFIED = ("?", "unverified")
STALE = ("~", "changed")


class Citations(OptionList):
    """The citations of the answer under the cursor."""

    DEFAULT_CSS = """
    Citations {
        border: round $panel;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        background: $surface;
        scrollbar-size-vertical: 1;
        &:focus { border: round $primary; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
        Binding("g", "first", "First", show=False),
        Binding("G", "last", "Last", show=False),
        Binding("enter", "select", "Read it there"),
        Binding("o", "open_file", "Open the file"),
    ]

    class Opened(Message):
        """A citation is to be read in its document."""

        def __init__(self, citation: Citation) -> None:
            self.citation = citation
            super().__init__()

    class FileWanted(Message):
        """The file that a citation names is to be opened."""

        def __init__(self, citation: Citation) -> None:
            self.citation = citation
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        """Begin with none."""
        super().__init__(id=id, markup=False)
        self._citations: tuple[Citation, ...] = ()
        self._in_words = False

    @property
    def in_words(self) -> bool:
        """Whether words stand where signs are drawn."""
        return self._in_words

    @in_words.setter
    def in_words(self, in_words: bool) -> None:
        if in_words != self._in_words:
            self._in_words = in_words
            at = self.highlighted
            self._fill()
            self.highlighted = at

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What is shown."""
        return self._citations

    def show(self, citations: Sequence[Citation]) -> None:
        """Show these in place of all others."""
        if tuple(citations) == self._citations:
            return
        self._citations = tuple(citations)
        self._fill()
        self.border_title = f"Sources: {len(self._citations)}" if self._citations else "Sources"
        self.border_subtitle = _legend(self._citations)

    def _fill(self) -> None:
        self.clear_options()
        self.add_options(Option(_row(each, self._in_words)) for each in self._citations)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter, or a click."""
        event.stop()
        self.post_message(self.Opened(self._citations[event.option_index]))

    def action_open_file(self) -> None:
        """Open the file of the citation under the cursor."""
        if self.highlighted is not None:
            self.post_message(self.FileWanted(self._citations[self.highlighted]))


def _row(citation: Citation, in_words: bool) -> Content:
    """A citation on its rows: number, marks and title; place; the quote's beginning."""
    sign = (VERIFIED if citation.verified else UNVERIFIED)[in_words]
    colour = "$text-success" if citation.verified else "$text-warning"
    name = one_line(citation.title, 200) or one_line(short_path(citation.source), 200)
    parts = [
        Content.styled(f"[{citation.n}] ", "bold"),
        Content.styled(f"{sign} ", colour),
        Content.styled(f"{STALE[in_words]} ", "$text-warning") if citation.stale else Content(""),
        Content.styled(name, "bold"),
    ]
    if place := one_line(citation.place, 200):
        parts.append(Content.styled(f"\n{place}", "$foreground 80%"))
    if quote := one_line(citation.quote, _QUOTE):
        parts.append(Content.styled(f"\n“{quote}”", "italic $foreground 80%"))
    return Content("").join(parts)


def _legend(citations: Sequence[Citation]) -> str:
    """What the signs that are shown mean."""
    if not citations:
        return ""
    signs = [VERIFIED] if any(c.verified for c in citations) else []
    signs += [UNVERIFIED] if any(not c.verified for c in citations) else []
    signs += [STALE] if any(c.stale for c in citations) else []
    return " ".join(f"{sign} {words}" for sign, words in signs)

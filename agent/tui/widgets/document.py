"""A long text of which only the visible rows are drawn, with marked spans. Knows no document.

Wrapping gives one array of row starts, and rows are cut out of the text when they are drawn: 5 MB
take a fraction of a second and hardly any memory beyond the text itself.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from agent.tui.widgets.safe_text import sendable, shown, width_of

if TYPE_CHECKING:
    from rich.style import Style
    from textual.events import Resize
    from textual.selection import Selection

    from knowledge.types import Span

GUTTER = 2
"""Cells left of the text: the bar beside a quote, which needs no colour to be seen."""
MEASURE = 100
"""Cells of a row at most, however wide the terminal: longer rows are hard to read."""
_MARKS = 4
"""Characters of a row at most, as a multiple of its cells: some characters take no cell."""

# Characters other than these may be wider or narrower than one cell.
_UNEVEN = re.compile(
    r"[^\n\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2500-\u25fc]"
)


def wrap(text: str, width: int) -> array[int]:
    """Where each row of a text begins, in characters, and as the last item where the text ends.

    Rows break at newlines, else behind the last space that fits, else anywhere.

    Args:
        text: That is wrapped.
        width: Cells of a row, at least 1.
    """
    width = max(1, width)
    even = re.compile(rf".{{1,{width}}}(?: |\Z)|.{{1,{width}}}", re.DOTALL)
    starts, at, size = array("l"), 0, len(text)
    uneven = _next_uneven(text, 0)
    while at < size:
        end = text.find("\n", at)
        end = size if end < 0 else end
        if uneven < at:
            uneven = _next_uneven(text, at)
        if uneven < end:
            _wrap_uneven(text, at, end, width, starts)
        elif end - at <= width:
            starts.append(at)
        else:
            starts.extend(match.start() for match in even.finditer(text, at, end))
        at = end + 1
    if not size or text.endswith("\n"):
        starts.append(size)
    starts.append(size)
    return starts


def _next_uneven(text: str, at: int) -> int:
    match = _UNEVEN.search(text, at)
    return match.start() if match else len(text)


def _wrap_uneven(text: str, at: int, end: int, width: int, starts: array[int]) -> None:
    """The rows of one line whose characters have to be measured."""
    starts.append(at)
    used, row, space, cells = 0, at, at, _cells
    most = width * _MARKS
    for i in range(at, end):
        character = text[i]
        wide = cells(character)
        if (used + wide > width and i > row and character != " ") or i - row >= most:
            row = space if space > row else i
            used = sum(map(cells, text[row:i]))
            if used + wide > width:
                row, used = i, 0
            starts.append(row)
        used += wide
        if character == " ":
            space = i + 1


@cache
def _cells(character: str) -> int:
    return width_of(character)


class DocumentView(ScrollView, can_focus=True):
    """The rows of a text, with spans of it marked."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "document--quote",
        "document--other",
        "document--answer",
        "document--bar",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_down", "Down", show=False),
        Binding("k,up", "scroll_up", "Up", show=False),
        Binding("g,home", "scroll_home", "Top", show=False),
        Binding("G,end", "scroll_end", "End", show=False),
        Binding("ctrl+d", "half(1)", "Half a page down", show=False),
        Binding("ctrl+u", "half(-1)", "Half a page up", show=False),
        Binding("space,ctrl+f,pagedown", "page_down", "Page down", show=False),
        Binding("ctrl+b,pageup", "page_up", "Page up", show=False),
    ]

    class Moved(Message):
        """Another part of the text is in sight."""

        def __init__(self, offset: int, share: float) -> None:
            super().__init__()
            self.offset = offset
            """A character a third down what is in sight, where quotes are brought to."""
            self.share = share
            """How much of the text lies above the last row in sight, 0 to 1."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = ""
        self._starts = wrap("", 1)
        self._width = 0
        self._quote: Span | None = None
        self._others: tuple[Span, ...] = ()
        self._answers: tuple[Span, ...] = ()
        self._to_show: Span | None = None

    def show(
        self,
        text: str,
        quote: Span | None = None,
        *,
        others: Sequence[Span] = (),
        answers: Sequence[Span] = (),
    ) -> None:
        """Show a text, scrolled to the span that is quoted.

        Args:
            text: As it is stored.
            quote: Marked strongly, and brought into sight.
            others: Marked faintly.
            answers: Parts of the quote that are marked more strongly still.
        """
        if text is not self._text:
            self._text, self._width = text, 0
        self._quote, self._others, self._answers = quote, tuple(others), tuple(answers)
        self._to_show = quote
        self._wrap()
        self.refresh()

    @property
    def rows(self) -> int:
        """How many rows the text has at this width."""
        return len(self._starts) - 1

    def row_of(self, offset: int) -> int:
        """The row on which a character stands, from 0."""
        return max(0, min(bisect_right(self._starts, offset) - 1, self.rows - 1))

    def text_in_sight(self) -> str:
        """The visible rows, as they are shown."""
        top = self.scroll_offset.y
        rows = range(top, min(self.rows, top + self.size.height))
        return "\n".join(shown(self._row(y)) for y in rows)

    # layout

    def on_resize(self, event: Resize) -> None:
        """Wrap anew, keeping in sight what was."""
        self._wrap()

    def _wrap(self) -> None:
        width = min(MEASURE, self.scrollable_content_region.width - GUTTER)
        if width < 1:
            return
        if width != self._width:
            top = self._starts[self.row_of(0) if not self._width else self._top()]
            self._starts, self._width = wrap(self._text, width), width
            self.virtual_size = Size(width + GUTTER, self.rows)
            self.scroll_to(y=self.row_of(top), animate=False, force=True)
        if self._to_show is not None:
            span, self._to_show = self._to_show, None
            self._bring_into_sight(span)
        self._tell()
        self.refresh()

    def _top(self) -> int:
        return max(0, min(self.scroll_offset.y, self.rows - 1))

    def _bring_into_sight(self, span: Span) -> None:
        """Put a span a third down, or its beginning at the top where it is longer than that."""
        first, last = self.row_of(span.start), self.row_of(max(span.start, span.end - 1))
        height = max(1, self.size.height)
        above = max(1, min(height // 3, height - (last - first + 1)))
        self.scroll_to(y=max(0, first - above), animate=False, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell where the reader is."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._tell()

    def _tell(self) -> None:
        top, height = self._top(), self.size.height
        seen = min(self.rows, top + height)
        read = self._starts[min(top + height // 3, self.rows - 1)]
        self.post_message(self.Moved(read, seen / max(1, self.rows)))

    def action_half(self, direction: int) -> None:
        """Scroll by half of what is in sight."""
        self.scroll_relative(y=direction * max(1, self.size.height // 2), animate=False)

    # drawing

    def _row(self, y: int) -> str:
        return self._text[self._starts[y] : self._starts[y + 1]].removesuffix("\n")

    def render_line(self, y: int) -> Strip:
        """One visible row."""
        width, style = self.size.width, self.rich_style
        y += self.scroll_offset.y
        if y >= self.rows:
            return Strip.blank(width, style)
        strip = Strip(self._segments(y, style)).crop(0, self._width)
        selection = self.text_selection
        if selection is not None and (chosen := selection.get_span(y)) is not None:
            strip = self._selected(strip, *chosen)
        strip = strip.apply_offsets(0, y)
        return Strip.join([Strip([self._bar(y, style)], GUTTER), strip]).adjust_cell_length(
            width, style
        )

    def _segments(self, y: int, style: Style) -> list[Segment]:
        """A row, cut where its marks begin and end."""
        start = self._starts[y]
        row = self._row(y)
        end = start + len(row)
        marks = [("document--other", span) for span in self._others]
        marks += [("document--quote", self._quote)] if self._quote is not None else []
        marks += [("document--answer", span) for span in self._answers]
        marks = [(name, span) for name, span in marks if span.start < end and start < span.end]
        cuts = {start, end}
        for _, span in marks:
            cuts |= {max(start, span.start), min(end, span.end)}
        edges = sorted(cuts)
        found = []
        for a, b in pairwise(edges):
            names = [name for name, span in marks if span.start <= a and b <= span.end]
            look = self.get_component_rich_style(names[-1]) if names else style
            found.append(Segment(shown(self._text[a:b]), style + look))
        return found

    def _bar(self, y: int, style: Style) -> Segment:
        start, end = self._starts[y], self._starts[y + 1]
        quote = self._quote
        if quote is not None and quote.start < max(end, start + 1) and start < quote.end:
            return Segment("▌ ", style + self.get_component_rich_style("document--bar"))
        return Segment("  ", style)

    # selecting

    def _selected(self, strip: Strip, start: int, end: int) -> Strip:
        end = strip.cell_length if end < 0 else min(end, strip.cell_length)
        if start >= end:
            return strip
        look = self.screen.get_component_rich_style("screen--selection")
        before, chosen, after = strip.divide([start, end, strip.cell_length])
        return Strip.join([before, chosen.apply_style(look), after])

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """What the mouse has selected: soft breaks are no breaks."""
        first = selection.start.y if selection.start else 0
        last = min(selection.end.y if selection.end else self.rows - 1, self.rows - 1)
        parts = []
        for y in range(first, last + 1):
            span = selection.get_span(y)
            if span is None:
                continue
            row, (start, end) = shown(self._row(y)), span
            whole = end < 0 or end >= len(row)
            hard = self._text[self._starts[y] : self._starts[y + 1]].endswith("\n")
            parts.append(row[start : None if end < 0 else end])
            parts.append("\n" if hard and whole and y < last else "")
        return sendable("".join(parts)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection."""
        self.refresh()

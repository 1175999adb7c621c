"""A column of items of which only those near the viewport are laid out. Knows no answer.

Draws rows itself and has no children, so that a scroll, or a word that streams in, costs the same
below a thousand items as below one. An item far away is laid out once it comes near, and what is in
sight stays where it is.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from agent.tui.column import Column
from agent.tui.rows import Look, highlit
from agent.tui.widgets.safe_text import sendable

if TYPE_CHECKING:
    from textual.events import Resize
    from textual.selection import Selection
    from textual.timer import Timer

REDRAW = 0.1
"""Seconds between two states of what is coming: more often costs time, and is not seen."""
MEASURE = 120
"""Columns of text at most: longer lines are hard to read."""
_GUTTER = 2
"""Columns at the left, where the bar of the chosen item stands."""
_MARGIN = 1
"""Columns at the right that stay free."""
_SHARE = 4
"""A redraw waits so many times as long as the last one took: no text takes all of the time."""
_SLOWEST = 2.0
"""Seconds that it waits at most."""


class Window(ScrollView):
    """Items below each other, the end followed unless the user has scrolled up."""

    DEFAULT_CSS = """
    Window {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        & > .window--question { color: $text-primary; text-style: bold; }
        & > .window--step { color: $text-muted; }
        & > .window--failed { color: $text-error; text-style: bold; }
        & > .window--end { color: $text-muted; }
        & > .window--bar { color: $foreground 25%; }
        & > .window--more { color: $text; background: $primary-muted; text-style: bold; }
        &:focus > .window--bar { color: $text-primary; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "window--question",
        "window--step",
        "window--failed",
        "window--end",
        "window--bar",
        "window--more",
    }

    def __init__(self, *, id: str | None = None) -> None:
        """Begin empty."""
        super().__init__(id=id)
        self._column = Column()
        self._following = True
        self._in_words = False
        self._drawing: Timer | None = None
        self._took = 0.0
        """Seconds of the last redraw."""
        self._settling = False

    @property
    def in_words(self) -> bool:
        """Whether words stand where signs are drawn."""
        return self._in_words

    @in_words.setter
    def in_words(self, in_words: bool) -> None:
        self._in_words = in_words
        self.notify_style_update()

    @property
    def following(self) -> bool:
        """Whether the end stays in sight as it grows."""
        return self._following

    @property
    def at_end(self) -> bool:
        """Whether the last row is in sight."""
        return self.scroll_offset.y >= self.max_scroll_y

    @property
    def laid_out(self) -> int:
        """How many items' rows are kept."""
        return self._column.laid_out

    def follow(self) -> None:
        """Go to the end, and stay there."""
        self._following = True
        self.redraw()

    # items

    def _empty(self) -> None:
        self._column.clear()
        self._following = True

    def _changed(self, index: int) -> None:
        """An item is another now: drawn soon, but ten times a second at most."""
        self._column.change(index)
        if self._drawing is None and self.is_attached:
            wait = min(_SLOWEST, max(REDRAW, _SHARE * self._took))
            self._drawing = self.set_timer(wait, self.redraw)

    def _in_sight(self) -> range:
        """The places of the items that are at least partly in sight."""
        top = self.scroll_offset.y
        return self._column.between(top, top + max(1, self.size.height) - 1)

    def _chosen(self) -> int | None:
        """The place of the item that the bar stands beside."""
        return None

    def _settled(self) -> None:
        """What is in sight has changed."""

    # layout

    def on_resize(self, event: Resize) -> None:
        """Wrap anew, keeping in sight what was."""
        self.notify_style_update()

    def notify_style_update(self) -> None:
        """Colours or width may be others: what was laid out with the old ones is not kept."""
        super().notify_style_update()
        width = min(MEASURE, self.scrollable_content_region.width - _GUTTER - _MARGIN)
        if width < 1 or not self.is_attached:
            return
        names = ("question", "step", "failed", "end")
        styles = {name: self._ink(name) for name in names}
        look = Look(width, self.app.current_theme.dark, self._in_words, **styles)
        self.redraw(wrapped_anew=self._column.wear(look))

    def _ink(self, name: str) -> Style:
        """A component's style but for its ground, which is the widget's own."""
        style = self.get_component_rich_style(f"window--{name}")
        return style.without_color + Style(color=style.color)

    def redraw(self, *, wrapped_anew: bool = False) -> None:
        """Lay out what has changed and is near, and draw it.

        Args:
            wrapped_anew: Whether the width is another: the same words are on another row.
        """
        began = time.monotonic()
        if self._drawing is not None:
            self._drawing.stop()
            self._drawing = None
        self._column.refresh()
        self._settle(wrapped_anew)
        self.refresh()
        self._took = time.monotonic() - began

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The user has scrolled: at the end, it is followed again."""
        super().watch_scroll_y(old_value, new_value)
        if not self._settling and round(old_value) != round(new_value):
            self._following = self.at_end
            self._settle()

    def _settle(self, wrapped_anew: bool = False) -> None:
        """Lay out all that is near, and keep in place what is in sight."""
        height, column = self.size.height, self._column
        if self._settling or not height or not self.is_attached:
            return
        if self._following:
            near = column.lay_out(len(column.items) - 1, -1, 2 * height)
            column.measure()
            top = column.tops[-1] - height
        else:
            row = self.scroll_offset.y
            first = column.at(row)
            within = row - column.tops[first]
            if wrapped_anew and column.items:
                share = within / max(1, column.tops[first + 1] - column.tops[first])
                column.lay_out(first, 1, 1)
                within = round(share * column.heights[first])
            near = column.lay_out(first, 1, within + 2 * height)
            near += column.lay_out(first - 1, -1, height)
            column.measure()
            top = min(column.tops[first] + within, column.tops[-1])
        self._go(top)
        column.release(near)
        self._settled()

    def _bring(self, index: int) -> None:
        """Put an item's first row at the top, as far as there is enough below it."""
        self._following = False
        self._column.lay_out(index, 1, 2 * self.size.height)
        self._column.measure()
        self._go(self._column.tops[index])
        self._settle()

    def _go(self, top: int) -> None:
        """Put a row at the top, without taking it for the user's wish."""
        self._settling = True
        self.virtual_size = Size(self.scrollable_content_region.width, self._column.tops[-1])
        self.scroll_to(y=max(0, top), animate=False, force=True)
        self._settling = False

    # drawing

    def render_line(self, y: int) -> Strip:
        """One visible row."""
        width, style = self.scrollable_content_region.width, self.rich_style
        at = y + self.scroll_offset.y
        if at >= self._column.tops[-1]:
            return Strip.blank(width, style)
        index, below, strip = self._column.row(at)
        selection = self.text_selection
        if selection is not None and (chosen := selection.get_span(at)) is not None:
            look = self.screen.get_component_rich_style("screen--selection")
            strip = highlit(strip, *chosen, look)
        strip = strip.apply_style(style).apply_offsets(0, at)
        here = index == self._chosen() and below > 0
        bar = "▌ " if here and not self._in_words else "  "
        look = style + self._ink("bar")
        strip = Strip.join([Strip([Segment(bar, look)], _GUTTER), strip])
        strip = strip.adjust_cell_length(width, style)
        return self._more(strip, width) if y == self.size.height - 1 else strip

    def _more(self, strip: Strip, width: int) -> Strip:
        """The last row in sight says so where there is more below it."""
        if self._following or self.at_end:
            return strip
        look = self.get_component_rich_style("window--more")
        words = " more below, G " if self._in_words else " ↓ more below · G "
        label = Strip([Segment(words, look)])
        if width < label.cell_length:
            return strip
        return Strip.join([strip.crop(0, width - label.cell_length), label])

    # selecting with the mouse

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The words that the mouse has selected."""
        first = selection.start.y if selection.start else 0
        rows = self._column.tops[-1]
        last = min(selection.end.y if selection.end else rows, rows - 1)
        found = []
        for at in range(first, last + 1):
            span = selection.get_span(at)
            if span is not None:
                start, end = span
                text = self._column.row(at)[2].text
                found.append(text[start : None if end < 0 else end].rstrip())
        return sendable("\n".join(found)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection."""
        self.refresh()

"""The line that tells how things stand: what matters least goes first where it is narrow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells
from rich.text import Text
from textual.widgets import Static

from agent.plain_text import duration, money
from agent.tui.turn import Standing
from agent.tui.widgets.safe_text import one_line

if TYPE_CHECKING:
    from textual.timer import Timer

_GAP = " · "


class StatusLine(Static):
    """One line, always whole."""

    DEFAULT_CSS = """
    StatusLine { height: 1; padding: 0 1; background: $panel; color: $text; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        """Begin with nothing to tell."""
        super().__init__("", id=id, markup=False)
        self._standing = Standing()
        self._text = ""
        self._began = 0.0
        self._in_words = False
        self._ticking: Timer | None = None

    def show(self, standing: Standing) -> None:
        """Tell how things stand."""
        if standing == self._standing:
            return
        if standing.running and not self._standing.running:
            self._began = time.monotonic()
        self._standing = standing
        if standing.running and self._ticking is None and self.app.animation_level != "none":
            self._ticking = self.set_interval(1.0, self._draw)
        elif not standing.running and self._ticking is not None:
            self._ticking.stop()
            self._ticking = None
        self._draw()

    def linear(self, in_words: bool) -> None:
        """Show words in place of signs, or do not."""
        self._in_words = in_words
        self._draw()

    def on_resize(self) -> None:
        """Say more, or less."""
        self._draw()

    def _draw(self) -> None:
        seconds = self._standing.seconds
        if self._standing.running:
            seconds = time.monotonic() - self._began
        text = status_text(self._standing, self.size.width - 2, seconds, words=self._in_words)
        if text != self._text:
            self._text = text
            self.update(Text(text, no_wrap=True), layout=False)


def status_text(standing: Standing, width: int, seconds: float, *, words: bool = False) -> str:
    """How things stand, in so many columns at most.

    Args:
        standing: What there is to tell.
        width: Columns.
        seconds: That the ask has taken so far, or took.
        words: Whether words stand where signs would.
    """
    parts = _parts(standing, seconds, "auto chose" if words else "auto →")
    while parts:
        line = (", " if words else _GAP).join(text for _, text in parts)
        if cell_len(line) <= width:
            return line
        if len(parts) == 1:
            return chop_cells(line, max(2, width))[0]
        parts.remove(max(parts, key=lambda part: part[0]))
    return ""


def _parts(now: Standing, seconds: float, routed: str) -> list[tuple[int, str]]:
    """What there is to tell, in the order in which it is read, each with how soon it goes."""
    tokens = now.input_tokens + now.output_tokens
    mode = f"{routed} {now.mode}" if now.route else f"mode {now.mode}" if now.mode else ""
    share = now.cached_tokens / now.input_tokens if now.input_tokens else 0.0
    cost = money(now.cost) if tokens or now.cost else ""
    found = [
        (0, now.state),
        (5, f"{duration(seconds)}" if now.running or seconds else ""),
        (1, mode),
        (9, one_line(now.route, 80)),
        (2, one_line(now.model, 40)),
        (6, f"as {one_line(now.persona, 30)}" if now.persona else ""),
        (7, f"{tokens:,} tokens" if tokens else ""),
        (8, f"{share:.0%} cached" if now.cached_tokens else ""),
        (4, cost),
        (10, f"saved {money(now.saved)}" if now.saved else ""),
        (3, _context(now)),
        (1, f"{now.queued} waiting" if now.queued else ""),
    ]
    return [(rank, one_line(text)) for rank, text in found if text]


def _context(now: Standing) -> str:
    if not now.context_window:
        return ""
    return f"context {now.context_used / now.context_window:.0%}"

"""Parts of what is printed for a person: citations, paths, the line that sums an ask up."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

from agent.cli.progress import duration
from agent.cli.terminal import is_terminal, line, one_line, paint, terminal_width

if TYPE_CHECKING:
    from agent.events import Citation, Done, Usage

QUOTE_LIMIT = 500
"""Characters of a quote that are printed; `--json` has all of it."""


def citation_lines(citations: Iterable[Citation]) -> list[str]:
    """The numbered sources under an answer: where each is, and what it says there."""
    lines: list[str] = []
    last = ""
    for citation in citations:
        head = f"[{citation.n}] {heading(citation.title, citation.place, citation.source)}"
        marks = [
            mark
            for mark, holds in (("unverified", not citation.verified), ("stale", citation.stale))
            if holds
        ]
        if marks:
            head += " " + paint(f"({', '.join(marks)})", "yellow", sys.stdout)
        if head != last:
            lines.append(head)
        last = head
        lines += quote_lines(citation.quote, citation.marked)
    return lines


def heading(title: str, place: str, source: str) -> str:
    """`Title — place (path)`, with what is not known left out."""
    path = short_path(source)
    name = one_line(title) or os.path.basename(path)
    where = one_line(place)
    return f"{name} — {where} ({path})" if where else f"{name} ({path})"


def quote_lines(quote: str, marked: Iterable[str] = ()) -> list[str]:
    """A quote, set in, folded to the terminal's width, with the marked words in bold."""
    text = one_line(quote)
    if len(text) > QUOTE_LIMIT:
        text = text[:QUOTE_LIMIT].rsplit(" ", 1)[0] + " …"
    text = f"“{text}”"
    lines = [text]
    if is_terminal(sys.stdout):
        lines = textwrap.wrap(
            text, terminal_width() - 5, break_long_words=False, break_on_hyphens=False
        )
    return ["    " + _in_bold(shown, marked) for shown in lines]


def short_path(source: str) -> str:
    """A path as one would type it here: relative within this folder, `~` within one's home.

    On one line, whatever the name holds.
    """
    path = source
    if os.path.isabs(source):
        try:
            here, home = os.getcwd(), os.path.expanduser("~")
        except OSError:  # this folder has been removed
            return line(path)
        if source.startswith(here.rstrip(os.sep) + os.sep):
            path = os.path.relpath(source, here)
        elif source.startswith(home.rstrip(os.sep) + os.sep):
            path = os.path.join("~", os.path.relpath(source, home))
    return line(path)


def summary(done: Done, usage: Usage) -> str:
    """The one line that says how an answer came about."""
    asked = done.route.partition(":")[0]
    mode = f"{asked} → {done.mode}" if asked else done.mode
    return " · ".join([done.outcome, mode, done.model, *spent(done, usage)])


def spent(done: Done, usage: Usage) -> list[str]:
    """What an answer took: seconds, tokens where it took any, money."""
    parts = [duration(done.seconds)]
    if usage.input_tokens or usage.output_tokens:
        tokens = f"{usage.input_tokens:,} + {usage.output_tokens:,} tokens"
        if usage.cached_tokens:
            tokens += f" ({usage.cached_tokens:,} cached)"
        parts.append(tokens)
    parts.append(money(usage.cost))
    if usage.saved is not None and usage.saved > 0:
        parts.append(f"{money(usage.saved)} saved")
    return parts


def money(cost: float | None) -> str:
    """A price in US dollars."""
    if cost is None:
        return "price unknown"
    if cost == 0:
        return "free"
    return f"${cost:.2f}" if cost >= 1 else f"${cost:.4f}" if cost >= 0.0001 else "< $0.0001"


def size(count: int) -> str:
    """Bytes as a person reads them."""
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _in_bold(text: str, marked: Iterable[str]) -> str:
    for words in marked:
        clean_words = one_line(words)
        if clean_words:
            text = text.replace(clean_words, paint(clean_words, "bold", sys.stdout), 1)
    return text

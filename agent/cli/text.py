"""Parts of what is printed for a person: citations, paths, the line that sums an ask up."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

from agent.cli.terminal import is_terminal, one_line, paint, terminal_width
from agent.plain_text import duration, money, plural, short_path, size

if TYPE_CHECKING:
    from agent.events import Citation, Done, Usage

__all__ = [
    "QUOTE_LIMIT",
    "citation_lines",
    "heading",
    "money",
    "plural",
    "quote_lines",
    "short_path",
    "size",
    "spent",
    "summary",
]

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


def _in_bold(text: str, marked: Iterable[str]) -> str:
    for words in marked:
        clean_words = one_line(words)
        if clean_words:
            text = text.replace(clean_words, paint(clean_words, "bold", sys.stdout), 1)
    return text

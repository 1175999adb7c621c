"""An answer's Markdown -> styled lines, its markers `[n]` clickable. Fetches and opens nothing.

Links and images are text: their words and their address are shown. Deep nesting ends at 20 levels,
and of a text that is too long to lay out only the beginning is shown.
"""

from __future__ import annotations

import re
from collections.abc import Container
from functools import lru_cache
from typing import ClassVar

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Heading, Markdown, MarkdownElement
from rich.segment import Segment
from rich.style import Style
from rich.theme import Theme

from agent.markers import MarkerFilter
from agent.plain_text import clean

LAID_OUT = 200_000
"""Characters of a text that are shown; laying out more would stall the app."""

_HERE = "\u2060"
"""Put before each marker to find it again in the lines: it has no width, and is taken out."""
_MARKED = re.compile(_HERE + r"(\[(\d{1,9})\])")

_THEME = Theme(
    {
        "markdown.code": "bold",
        "markdown.code_block": "default",
        "markdown.h1": "bold underline",
        "markdown.h2": "bold underline",
        "markdown.h3": "bold",
        "markdown.h4": "bold",
        "markdown.h5": "italic",
        "markdown.h6": "italic",
        "markdown.block_quote": "italic",
        "markdown.item.bullet": "bold",
        "markdown.item.number": "bold",
        "markdown.link": "underline",
        "markdown.link_url": "dim",
        "markdown.table.border": "dim",
        "markdown.table.header": "bold",
        "markdown.hr": "dim",
    }
)
_MARKER = Style(bold=True, underline=True)


def parser() -> MarkdownIt:
    """What reads a model's Markdown: CommonMark and tables; HTML and images are text."""
    return (
        MarkdownIt("commonmark", {"html": False})
        .enable(["table", "strikethrough"])
        .disable("image")
    )


@lru_cache(maxsize=4)
def _console(width: int) -> Console:
    return Console(
        width=width, color_system="truecolor", force_terminal=True, legacy_windows=False,
        theme=_THEME, markup=False, emoji=False, highlight=False, _environ={},
    )  # fmt: skip


class _Heading(Heading):
    """At the left, as all other text."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class _Markdown(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _Heading,
    }


def lines(
    text: str, width: int, numbers: Container[int] = (), *, dark: bool = True
) -> list[list[Segment]]:
    """Lay an answer out.

    Args:
        text: Markdown, as the model wrote it.
        width: Columns.
        numbers: The markers that name a citation: clicking one runs `answer.open_marker(n)`, which
            means the widget's own action.
        dark: Whether code is shown on a dark ground.
    """
    console = _console(max(width, 8))
    if (more := len(text) - LAID_OUT) > 0:
        text = f"{text[:LAID_OUT]}\n\n(and {more:,} more characters)"
    marked = _with_marks(clean(text), numbers)
    content = _Markdown(marked, code_theme="ansi_dark" if dark else "ansi_light", hyperlinks=False)
    content.parsed = parser().parse(marked)
    rendered = console.render_lines(content, console.options, pad=False)
    found = [_clickable(line) for line in rendered]
    while found and not _text(found[-1]).strip():
        found.pop()
    while found and not _text(found[0]).strip():
        found.pop(0)
    return found


def _with_marks(text: str, numbers: Container[int]) -> str:
    """The text with `_HERE` before each marker that names a citation; not in code."""
    text = text.replace(_HERE, "")
    reader = MarkerFilter(numbers)
    same = reader.feed(text) + reader.flush()
    parts: list[str] = []
    at = 0
    for marker in reader.markers:
        parts += [same[at : marker.start], _HERE]
        at = marker.start
    return "".join([*parts, same[at:]])


def _clickable(line: list[Segment]) -> list[Segment]:
    found: list[Segment] = []
    for text, style, control in line:
        if control:
            continue
        at = 0
        for match in _MARKED.finditer(text):
            found.append(Segment(text[at : match.start()], style))
            click = Style.from_meta({"@click": f"open_marker({match[2]})"})
            found.append(Segment(match[1], (style or Style()) + _MARKER + click))
            at = match.end()
        found.append(Segment(text[at:].replace(_HERE, ""), style))
    return [segment for segment in found if segment.text]


def _text(line: list[Segment]) -> str:
    return "".join(segment.text for segment in line)

"""An answer's Markdown -> styled lines, its markers `[n]` clickable. Fetches and opens nothing.

Links and images are text: their words and their address are shown. What is nested too deeply to be
read, or is otherwise more than a page can hold, is shown as it is written; of a text that is too
long for that too, only the beginning is shown.
"""

from __future__ import annotations

import re
from collections.abc import Set
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Heading, Markdown, MarkdownElement
from rich.segment import Segment
from rich.style import Style
from rich.theme import Theme

from agent.markers import MarkerFilter
from agent.tui.rows import wrapped
from agent.tui.widgets.safe_text import shown

LAID_OUT = 100_000
"""Characters of a text that are shown; laying out more would stall the app."""
_NESTING = 40
"""Levels that are parsed: a list takes two of them."""
_BLOCKS = 1_000
"""Blocks of a text that are laid out as what they are; what follows is shown as it is written."""
_CODE = 20_000
"""Characters of a code block that is coloured."""
_COLUMNS = 30
"""Of a table that is laid out as one."""
_ROWS = 10_000
"""Rows of a text that is shown as it is written."""

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
_UNDRAWN = {**dict.fromkeys(range(0x2500, 0x25A0), " "), ord("•"): "-"}
"""Lines and bullets, for who reads by ear."""
_MARKER = Style(bold=True, underline=True)
_AS_IT_IS = Style.null()


@lru_cache(maxsize=1)
def parser() -> MarkdownIt:
    """What reads a model's Markdown: CommonMark and tables; HTML and images are text."""
    return (
        MarkdownIt("commonmark", {"html": False, "maxNesting": _NESTING})
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


_EMPTY = _Markdown("", hyperlinks=False)
"""Copied for each block: making one costs a parser."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a list, a table, a code block: what stands by itself."""

    text: str
    """Its Markdown."""
    start: int
    """Where it begins in the text that it was found in, in characters."""
    tokens: tuple[Token, ...]

    @property
    def code(self) -> str | None:
        """Its code, where it is a code block."""
        first = self.tokens[0] if self.tokens else None
        return first.content if first and first.type in ("fence", "code_block") else None


def top_level(text: str) -> list[Block]:
    """The blocks of a text, in order. Tabs and line feeds are the only controls it may hold."""
    tokens = parser().parse(text)
    for token in tokens:
        for child in token.children or ():
            # `&#x202e;` is written harmlessly, and is not what it comes to.
            if not child.content.isprintable():
                child.content = _HERE.join(map(shown, child.content.split(_HERE)))
    starts = list(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
    found: list[Block] = []
    first = 0
    for i, token in enumerate(tokens):
        if token.level or token.nesting == 1:
            continue
        group = tuple(tokens[first : i + 1])
        first = i + 1
        if (lines := group[0].map) is not None:
            start, end = starts[lines[0]], starts[min(lines[1], len(starts) - 1)]
            if len(found) == _BLOCKS:
                return [*found, Block(text[start:], start, ())]
            found.append(Block(text[start:end], start, group))
    return found or ([Block(text, 0, ())] if text.strip() else [])


def lay_out(
    block: Block,
    width: int,
    *,
    owner: int = 0,
    dark: bool = True,
    quick: bool = False,
    words: bool = False,
) -> list[list[Segment]]:
    """Lay a block out.

    Args:
        block: Of a text that `marked` has marked, if its markers are to be clicked.
        width: Columns.
        owner: Clicking a marker runs `open_marker(owner, n)`, the widget's own action.
        dark: Whether code is shown on a dark ground.
        quick: Leave code without colours: it is still growing, and is soon laid out again.
        words: Draw no lines and no bullets.
    """
    if _too_much(block) or (quick and block.code is not None):
        return _as_written(block, width, owner)
    console = _console(max(width, 8))
    content = copy(_EMPTY)
    content.code_theme = "ansi_dark" if dark else "ansi_light"
    content.parsed = list(block.tokens)
    rendered = console.render_lines(content, console.options, pad=False)
    if words and block.code is None:
        rendered = [
            [Segment(part.text.translate(_UNDRAWN), part.style, part.control) for part in line]
            for line in rendered
        ]
    found = [_clickable(line, owner) for line in rendered]
    while found and not _text(found[-1]).strip():
        found.pop()
    while found and not _text(found[0]).strip():
        found.pop(0)
    return found or _as_written(block, width, owner)


def _too_much(block: Block) -> bool:
    return (
        len(block.code or "") > _CODE
        or any(token.level >= _NESTING - 2 for token in block.tokens)
        or sum(token.type == "th_open" for token in block.tokens) > _COLUMNS
        or not block.tokens
    )


def _as_written(block: Block, width: int, owner: int) -> list[list[Segment]]:
    """A block without its looks, quickly; code without its fence."""
    if (code := block.code) is not None:
        rows = wrapped(code.rstrip("\n"), _AS_IT_IS, width, first=" ", limit=_ROWS)
    else:
        rows = wrapped(block.text.rstrip("\n"), _AS_IT_IS, width, limit=_ROWS)
    return [_clickable(list(row), owner) for row in rows]


def code_blocks(text: str) -> list[str]:
    """The code of a text's fenced and indented blocks, in order, without their fences."""
    tokens = parser().parse(text)
    return [token.content for token in tokens if token.type in ("fence", "code_block")]


def marked(text: str, numbers: Set[int]) -> str:
    """A text of `safe_text.shown` with a sign before each marker that names a citation.

    `lay_out` takes the signs out again. A marker that names nothing goes, but where no citation is
    known at all, as in an answer that was stopped, they stay as they are.
    """
    if not numbers:
        return text
    reader = MarkerFilter(numbers)
    same = reader.feed(text) + reader.flush()
    parts: list[str] = []
    at = 0
    for marker in reader.markers:
        parts += [same[at : marker.start], _HERE]
        at = marker.start
    return "".join([*parts, same[at:]])


def _clickable(line: list[Segment], owner: int) -> list[Segment]:
    found: list[Segment] = []
    for text, style, control in line:
        if control:
            continue
        at = 0
        for match in _MARKED.finditer(text):
            found.append(Segment(text[at : match.start()], style))
            click = Style.from_meta({"@click": f"open_marker({owner}, {match[2]})"})
            found.append(Segment(match[1], (style or Style()) + _MARKER + click))
            at = match.end()
        found.append(Segment(text[at:].replace(_HERE, ""), style))
    return [segment for segment in found if segment.text]


def _text(line: list[Segment]) -> str:
    return "".join(segment.text for segment in line)

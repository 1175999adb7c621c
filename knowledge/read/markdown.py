"""Markdown: the text exactly as it is, and sections by its headings. Renders nothing."""

from __future__ import annotations

import re
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from knowledge.read.outline import Heading, sections_of
from knowledge.read.text import clean, decode
from knowledge.types import Document

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FRONT_MATTER = re.compile(
    r"\A(?:---[ \t]*\n(?=[\w\"'-]+[ \t]*:)(?:.*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
    r"|\+\+\+[ \t]*\n(?:.*\n)*?\+\+\+[ \t]*(?:\n|\Z))"
)
"""YAML between lines of dashes, or TOML between lines of plus signs, at the very beginning."""
_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_HEADING_LIKE = re.compile(r"^ {0,3}(?:#|=+[ \t]*$|-+[ \t]*$)", re.MULTILINE)


def read_markdown(data: bytes, name: str) -> Document:
    """Read a Markdown file (CommonMark with tables).

    Headings inside of block quotes, lists and code are no headings of the document. The title is
    the first heading of level 1, else the front matter's `title`, else the first heading.
    """
    raw, notes = decode(data)
    text = clean(raw)
    front = _FRONT_MATTER.match(text)
    body = front.end() if front else 0
    headings = headings_in(text, body)
    named = _TITLE.search(front[0]) if front else None
    title = next((h.title for h in headings if h.level == 1), "")
    if not title and named:
        title = named[1].strip("\"'")
    if not title and headings:
        title = headings[0].title
    return Document(
        text, "markdown", title=title, sections=sections_of(text, headings), notes=notes
    )


def headings_in(text: str, body: int = 0) -> list[Heading]:
    """The headings of a Markdown text, from an offset on."""
    if not _HEADING_LIKE.search(text, body):
        return []
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark").enable("table").disable("inline")
    lines = list(accumulate((len(line) + 1 for line in text[body:].split("\n")), initial=body))
    tokens = markdown.parse(text[body:])
    found = []
    for token, inside in pairwise(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map:
            title = _plain(markdown, inside.content)
            if title:
                found.append(Heading(lines[token.map[0]], int(token.tag[1:]), title))
    return found


def _plain(markdown: MarkdownIt, inline: str) -> str:
    """A heading's words without their markup."""
    markdown.enable("inline")
    try:
        (token,) = markdown.parseInline(inline)
    finally:
        markdown.disable("inline")
    words = "".join(
        " " if part.type in ("softbreak", "hardbreak") else part.content
        for part in token.children or ()
        if part.type != "html_inline"
    )
    return " ".join(words.split())

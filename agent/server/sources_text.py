"""The end of an answer's text for clients that show nothing but text: its sources, and its note.

An answer comes back as history with the next question; there the end is taken off again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from agent.plain_text import one_line

if TYPE_CHECKING:
    from agent.events import Citation, Done

_SOURCES = "Sources:"
_NOTE = "Note:"
_LISTED = re.compile(r"\[\d+\] ")
_MARKUP = re.compile(r"([\\\[\]<])")


def sources_text(done: Done, citations: Sequence[Citation]) -> str:
    """What follows an answer: a list of what its markers name, and what there is to be said of it.

    A title is a document's own and may hold anything: on one line, and no link, image or HTML.

    Args:
        done: How the ask ended; the note is told where it is not plainly grounded.
        citations: Of the answer.

    Returns:
        `Sources:`, then `[1] title, place` a line, and `Note: …`; empty where there is neither.
    """
    pieces = []
    if lines := [_line(n, citations) for n in sorted({c.n for c in citations})]:
        pieces.append("\n".join([_SOURCES, *lines]))
    if done.note and done.outcome != "grounded":
        pieces.append(f"{_NOTE} {one_line(done.note)}")
    return "\n\n".join(pieces)


def without_sources(text: str) -> str:
    """An answer's text without what `sources_text` added to it."""
    kept = f"\n\n{text.rstrip()}"
    head, found, note = kept.rpartition(f"\n\n{_NOTE} ")
    if found and "\n" not in note:
        kept = head
    head, found, listed = kept.rpartition(f"\n\n{_SOURCES}\n")
    if found and all(map(_LISTED.match, listed.split("\n"))):
        kept = head
    return kept.removeprefix("\n\n")


def _line(n: int, citations: Sequence[Citation]) -> str:
    of_it = [citation for citation in citations if citation.n == n]
    first = of_it[0]
    web = "://" in first.source
    title = first.title or (first.source if web else PurePath(first.source).name)
    # A place in a document with headings often begins with its title.
    places = dict.fromkeys(c.place.removeprefix(title).removeprefix(" > ") for c in of_it)
    shown = ", ".join(_plain(name) for name in (title, *places) if name)
    if web and first.title:
        shown += f" ({_plain(first.source)})"
    return f"[{n}] {shown}" + (" (changed since it was indexed)" if first.stale else "")


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", one_line(text))

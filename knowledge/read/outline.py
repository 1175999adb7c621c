"""From headings in the order of a text to sections that tile it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from knowledge.types import Section


class Heading(NamedTuple):
    """A heading and where its section begins."""

    start: int
    level: int
    """1 is the outermost. Levels may be skipped."""
    title: str


def sections_of(text: str, headings: Iterable[Heading]) -> tuple[Section, ...]:
    """Tile a text with the sections under its headings.

    Returns:
        Sections in order: the first starts at 0, each ends where the next begins, the last ends
        at `len(text)`. What stands before the first heading has an empty path; a lead of white
        space only goes with the first section. Without headings: none. A heading whose title is
        empty opens no section, and of two at one place the path names both.
    """
    starts: list[int] = []
    paths: list[tuple[str, ...]] = []
    open_: list[tuple[int, str]] = []
    for heading in headings:
        title = " ".join(heading.title.split())
        if not title:
            continue
        while open_ and open_[-1][0] >= heading.level:
            open_.pop()
        open_.append((heading.level, title))
        path = tuple(name for _, name in open_)
        if starts and starts[-1] == heading.start:
            paths[-1] = path
        else:
            starts.append(heading.start)
            paths.append(path)
    return tile(text, starts, paths)


def tile(text: str, starts: list[int], paths: list[tuple[str, ...]]) -> tuple[Section, ...]:
    """Sections from where each begins, in strictly rising order, and its path."""
    if not starts:
        return ()
    if not text[: starts[0]].strip():
        starts = [0, *starts[1:]]
    elif starts[0] > 0:
        starts, paths = [0, *starts], [(), *paths]
    ends = [*starts[1:], len(text)]
    return tuple(Section(*each) for each in zip(paths, starts, ends, strict=True))

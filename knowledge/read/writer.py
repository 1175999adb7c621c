"""Blocks in order to one text with its headings: what readers of structured files write to."""

from __future__ import annotations

from collections.abc import Iterable

from knowledge.errors import ReadError
from knowledge.read.outline import Heading
from knowledge.read.text import TEXT_LIMIT, tidy

_FINE = 10_000
"""Sections of items before several share one: each further so many hold four times the items, so
that a million items have about 40,000 sections."""


class Writer:
    """Gathers blocks of text, parted by line breaks, and notes where sections begin."""

    def __init__(self) -> None:
        self.headings: list[Heading] = []
        self.length = 0
        """Characters written."""
        self._parts: list[str] = []
        self._marks: list[tuple[int, str]] = []
        self._items = 0
        """Sections of items."""
        self._last = 0
        """Number of the last item that the open one of them is meant for."""

    def block(self, text: str, *, lines: int = 2, headings: Iterable[Heading] = ()) -> None:
        """Add a block of text, tidied; nothing for white space.

        Args:
            text: The block. White space around it goes, but not the indent of its first line.
            lines: Line breaks between it and what stands before it.
            headings: Those in the block, which then must be tidy and without such white space.

        Raises:
            ReadError: The whole grows above the limit for text.
        """
        text = tidy(text).strip("\n").rstrip()
        if not text.strip():
            return
        if self.length:
            self._put("\n" * lines)
        self.headings += [Heading(self.length, *mark) for mark in self._marks]
        self.headings += [h._replace(start=h.start + self.length) for h in headings]
        self._marks.clear()
        self._put(text)

    def mark(self, level: int, title: str) -> None:
        """Let a section begin with the next block, under a title that is not in the text."""
        self._marks = [mark for mark in self._marks if mark[0] < level]
        self._marks.append((level, title))

    def mark_item(self, level: int, number: int, *, first: bool, one: str, many: str) -> None:
        """Let a section begin at one of many like items, or none if the last one is still open.

        Args:
            level: Of the section.
            number: What the item is called; numbers rise.
            first: Whether it is the first of its list.
            one: The section's title, with `{}` for the number.
            many: The title of one that holds several, with `{}` for its first and last number.
        """
        if not first and number <= self._last:
            return
        share = 4 ** min(self._items // _FINE, 12)
        self._items += 1
        self._last = number + share - 1
        self.mark(level, one.format(number) if share == 1 else many.format(number, self._last))

    def heading(self, level: int, title: str) -> None:
        """Add a heading as Markdown writes it, and begin its section."""
        title = " ".join(tidy(title).split())
        if title:
            self.mark(level, title)
            self.block(f"{'#' * min(level, 6)} {title}")

    def fenced(self, text: str, language: str = "") -> None:
        """Add text as it stands, fenced as code."""
        text = tidy(text).strip("\n").rstrip()
        if text:
            fence = "```"
            while fence in text:
                fence += "`"
            self.block(f"{fence}{language}\n{text}\n{fence}")

    def text(self) -> str:
        """What has been written.

        Raises:
            ReadError: Nothing.
        """
        if not self._parts:
            raise ReadError("it holds no text")
        return "".join(self._parts)

    def _put(self, text: str) -> None:
        self.length += len(text)
        if self.length > TEXT_LIMIT:
            raise ReadError(
                f"it is too large: its text is above the limit of {TEXT_LIMIT // 2**20} MiB;"
                " split it into smaller files"
            )
        self._parts.append(text)

"""The words of the room: documents, chunks, passages and the places in them. Stdlib only.

Offsets everywhere are positions in `Document.text`, counted in Python characters (code points),
half open: `text[start:end]`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

Kind = Literal[
    "markdown", "text", "rst", "html", "pdf", "docx", "pptx", "xlsx", "csv", "epub", "notebook",
    "email", "json", "image", "code",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of characters in a document's text."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not a span: {self.start}..{self.end}")

    def __len__(self) -> int:
        return self.end - self.start

    def overlaps(self, other: Span) -> bool:
        """Whether the two share at least one character."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document under one heading."""

    headings: tuple[str, ...]
    """The path of headings that leads here, outermost first; empty before the first heading."""
    start: int
    end: int
    """Where the next section, of whatever level, begins. Sections tile the text, in order."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a paged document."""

    number: int
    """Counted from 1, as a reader of the file counts."""
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one file or page, and the structure by which a place in it can be named.

    A document is identified by what it says, not by where it lies: two files with the same text
    and structure are one document with two sources, and a moved file is the same document.
    """

    text: str
    kind: Kind
    title: str = ""
    """What the document calls itself (first heading, `<title>`, metadata); empty if it does not."""
    language: str = ""
    """For `code`: the language's lower-case name (`python`); otherwise empty."""
    sections: tuple[Section, ...] = ()
    pages: tuple[Page, ...] = ()
    notes: tuple[str, ...] = ()
    """What was lost in reading ("2 pages hold no text"), in words for the user."""
    id: str = field(init=False, default="")
    """SHA-256 over kind, title, text and structure; the first 32 hex digits."""
    _breaks: list[int] = field(init=False, default_factory=list, compare=False, repr=False)
    """Where the newlines stand, found when a line number is first asked for."""

    def __post_init__(self) -> None:
        digest = sha256()
        structure = (self.kind, self.title, self.language, self.sections, self.pages)
        digest.update(repr(structure).encode("utf-8", "surrogatepass"))
        digest.update(self.text.encode("utf-8", "surrogatepass"))
        object.__setattr__(self, "id", digest.hexdigest()[:32])

    def headings_at(self, offset: int) -> tuple[str, ...]:
        """The heading path in force at a character."""
        i = bisect_right(self.sections, offset, key=lambda s: s.start) - 1
        return self.sections[i].headings if i >= 0 else ()

    def page_at(self, offset: int) -> int | None:
        """The page that a character lies on, or None where the document has no pages."""
        i = bisect_right(self.pages, offset, key=lambda p: p.start) - 1
        return self.pages[i].number if i >= 0 else None

    def line_at(self, offset: int) -> int:
        """The line that a character lies on, counted from 1."""
        if not self._breaks:
            self._breaks.extend(match.start() for match in re.finditer("\n", self.text))
            self._breaks.append(len(self.text))
        return bisect_left(self._breaks, offset) + 1

    def place(self, span: Span) -> str:
        """Where a span is, as a person would say it: `p. 3`, `Install > Linux`, `lines 4-9`."""
        first, last = self.page_at(span.start), self.page_at(max(span.start, span.end - 1))
        parts = []
        if headings := self.headings_at(span.start):
            parts.append(" > ".join(headings))
        if first is not None:
            parts.append(f"p. {first}" if first == last else f"pp. {first}-{last}")
        elif self.kind in ("code", "text") or not parts:
            low, high = self.line_at(span.start), self.line_at(max(span.start, span.end - 1))
            parts.append(f"line {low}" if low == high else f"lines {low}-{high}")
        return ", ".join(parts)


def chunk_id(document_id: str, ordinal: int) -> str:
    """A chunk's name, the same wherever and whenever its document is split the same way."""
    return f"{document_id}:{ordinal}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a document that is embedded and found as one: `document.text[start:end]`."""

    document_id: str
    ordinal: int
    """Its position among the document's chunks, from 0."""
    start: int
    end: int
    text: str

    @property
    def id(self) -> str:
        """Stable for the same document split the same way."""
        return chunk_id(self.document_id, self.ordinal)

    @property
    def span(self) -> Span:
        """Where it lies in its document."""
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that was found for a query, with all that is needed to show and cite it."""

    chunk_id: str
    document_id: str
    source: str
    """The path or URL it was read from."""
    title: str
    place: str
    start: int
    end: int
    text: str
    score: float
    """Fused relevance in [0, 1], comparable within one result list only."""
    dense: float | None = None
    """Cosine similarity to the query; None where no vectors were searched."""
    lexical: float | None = None
    """BM25 score; None where the chunk was not among the lexical candidates."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """One file or page of the library and how it stands."""

    source: str
    document_id: str | None
    title: str
    kind: str
    state: Literal["indexed", "failed"]
    reason: str
    """For `failed`: why, in words for the user. For `indexed`: what was lost, or empty."""
    chunks: int
    size: int
    """Bytes of the file when it was read."""
    indexed_at: float
    """Unix time."""
    root: str
    """The path that the user added and that led here."""

"""The whole library, or what filters leave of it, as numbered blocks in an order that keeps.

For whoever reads everything at once and wants to keep what it has read: documents stand in the
order in which they were first stored, so that what is added or changed comes last, and alters
nothing before the place where it stood. Nothing is ranked and nothing left out; whether it fits is
not known here.
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.documents import Documents
from knowledge.errors import SourceNotFound
from knowledge.filters import matcher
from knowledge.types import Document, Passage, Span, chunk_id

if TYPE_CHECKING:
    from knowledge.database import Database
    from knowledge.filters import Filters

BLOCK = 3000
"""Characters of a block at most, but for a longer chunk: a marker that names it names a screenful,
and its heading line is some 3 % of what it costs to read."""
_LEAST = BLOCK // 3
"""Characters from which a block ends where a section does."""
_LARGEST = 5
"""Sources that an `Extent` names."""
_TRIES = 3
"""How often the library is read anew where a sync has ended meanwhile."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is to read."""

    documents: int = 0
    characters: int = 0
    largest: tuple[tuple[str, int], ...] = ()
    """The longest documents, longest first, at most five: a source and its characters."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """All of it, in order."""

    blocks: tuple[Passage, ...] = ()
    """`blocks[0]` is `[1]`. Each is a run of one document's text, `document.text[start:end]`;
    between two of the same document lies white space only."""
    digests: tuple[str, ...] = ()
    """What names all blocks up to and with each: two corpora that share `digests[i]` are the same
    up to there."""
    documents: int = 0

    @classmethod
    def of(cls, blocks: Sequence[Passage]) -> Corpus:
        """Blocks with their digests."""
        documents = len({block.document_id for block in blocks})
        return cls(tuple(blocks), tuple(_digests(blocks)), documents)

    @property
    def digest(self) -> str:
        """What names the whole; empty for an empty one."""
        return self.digests[-1] if self.digests else ""

    @property
    def characters(self) -> int:
        """Of all blocks."""
        return sum(len(block.text) for block in self.blocks)


def measure(db: Database, filters: Filters | None = None) -> Extent:
    """How much `gather` would give. Quick: one row is read for each document, and no text."""
    documents = characters = 0
    largest: list[tuple[int, str]] = []
    for document_id, source in _in_order(db, filters):
        ((length,),) = db.rows(
            "SELECT max(end) FROM chunks WHERE document_id = ? AND ordinal ="
            " (SELECT max(ordinal) FROM chunks WHERE document_id = ?)",
            (document_id, document_id),
        )
        documents, characters = documents + 1, characters + (length or 0)
        insort(largest, (-(length or 0), source))
        del largest[_LARGEST:]
    return Extent(documents, characters, tuple((source, -length) for length, source in largest))


def gather(db: Database, filters: Filters | None = None) -> Corpus:
    """Every document that counts, as blocks; one with several sources once."""
    for _ in range(_TRIES):
        state = db.rows("SELECT value FROM meta WHERE key = 'state'")
        found = _gather(db, filters)
        if state == db.rows("SELECT value FROM meta WHERE key = 'state'"):
            break
    return found


def _gather(db: Database, filters: Filters | None) -> Corpus:
    stored = Documents(db)
    found: list[Passage] = []
    for document_id, source in _in_order(db, filters):
        spans = db.rows(
            "SELECT start, end FROM chunks WHERE document_id = ? ORDER BY ordinal", (document_id,)
        )
        try:
            document = stored.get(document_id)
        except SourceNotFound:  # a sync has just taken it out
            continue
        if spans:
            found += blocks(document, source, [Span(*span) for span in spans])
    return Corpus.of(found)


def _in_order(db: Database, filters: Filters | None) -> Iterator[tuple[str, str]]:
    """Every document that holds something and is asked for, and the first source of it that is.

    By the row of its first chunk, which stays: when a source was last looked at does not.
    """
    rows = db.rows(
        "SELECT document_id, source, mtime_ns / 1e9 FROM sources JOIN chunks USING (document_id)"
        " WHERE ordinal = 0 ORDER BY row, source"
    )
    tests = [matcher(name) for name in filters.sources] if filters else []
    since = filters.since if filters else None
    exactly = filters.exactly if filters else None
    of_kind: set[str] | None = None
    if filters and filters.kinds:
        marks = ",".join("?" * len(filters.kinds))
        kinds = db.rows(f"SELECT id FROM documents WHERE kind IN ({marks})", filters.kinds)
        of_kind = {document_id for (document_id,) in kinds}
    given: set[str] = set()
    for document_id, source, changed in rows:
        if (
            document_id not in given
            and (of_kind is None or document_id in of_kind)
            and (since is None or changed >= since)
            and (exactly is None or source in exactly)
            and (not tests or any(test(source) for test in tests))
        ):
            given.add(document_id)
            yield document_id, source


def blocks(document: Document, source: str, chunks: Sequence[Span]) -> Iterator[Passage]:
    """A document as blocks: its chunks, joined as far as they go together.

    A block holds at most `BLOCK` characters, and ends where a section does once it holds a third
    of that.

    Args:
        document: What is read.
        source: By which of its sources it is named.
        chunks: Where its chunks lie, in order, not empty.
    """
    first, start = 0, chunks[0].start
    for n, chunk in enumerate([*chunks[1:], None], start=1):
        end = chunks[n - 1].end
        if chunk is not None and chunk.end - start <= BLOCK:
            same = document.headings_at(chunk.start) == document.headings_at(chunks[n - 1].start)
            if same or end - start < _LEAST:
                continue
        yield Passage(
            chunk_id(document.id, first), document.id, source, document.title,
            document.place(Span(start, end)), start, end, document.text[start:end], 0.0,
        )  # fmt: skip
        if chunk is not None:
            first, start = n, chunk.start


def _digests(blocks: Sequence[Passage]) -> Iterator[str]:
    so_far = hashlib.sha256()
    for block in blocks:
        # The document's id stands for its text and structure.
        shown = (block.document_id, block.start, block.end, block.source)
        so_far.update(repr(shown).encode("utf-8", "surrogatepass"))
        yield so_far.hexdigest()[:32]

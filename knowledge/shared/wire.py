"""What is written to the log, as text: changes and documents, and how a long text is cut.

Every text is written once and never changed. A reader of today's format refuses a later one's
(`FORMAT`), since to guess at a log would be to lose what it says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from knowledge.errors import LibraryCorrupt
from knowledge.shared.node import Node
from knowledge.sources import Entry
from knowledge.types import Chunk, Document, Page, Section

FORMAT = "1"
"""Of all that is written here; a library has one for good."""

PIECE_BYTES = 12_000
"""Bytes of one piece: Chroma Cloud bounds a document at 16,384."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What one commit changes, by one node."""

    node: Node
    claims: tuple[Entry, ...] = ()
    """The node's sources that are new, or not as they were."""
    gone: tuple[tuple[str, str], ...] = ()
    """Node and name of sources that are no longer there."""
    documents: Mapping[str, bool] = field(default_factory=dict)
    """Documents named for the first time, or that have vectors now: whether they have."""
    swept: tuple[tuple[str, int, int], ...] = ()
    """Documents that no source names, each with its epoch and how many chunks it has: who names
    one later must store it anew."""
    paths: tuple[tuple[str, str, str, bool], ...] = ()
    """Node, list (`roots` or `excluded`), path, and whether it is in the list from now on."""
    token: str = ""
    """Which commit it was read from; unlike any other's, also where the number is the same."""

    def __bool__(self) -> bool:
        return bool(self.claims or self.gone or self.documents or self.swept or self.paths)


@dataclass(frozen=True, slots=True)
class Head:
    """The record that names a written text: the text itself where it is short, or its pieces."""

    digest: str
    """SHA-256 of the whole text, hex."""
    pieces: int
    """How many records it was cut into; 0 where it stands here."""
    text: str = ""
    token: str = ""
    """Whose it is, where several may write under one name."""

    @classmethod
    def of(cls, text: str, token: str = "") -> tuple[Head, list[str]]:
        """The head of a text, and its pieces."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        pieces = list(_cut(text))
        if len(pieces) <= 1:
            return cls(digest, 0, text, token), []
        return cls(digest, len(pieces), "", token), pieces

    def written(self) -> str:
        """The record's text. A text within stands as it is."""
        return json.dumps(
            {"digest": self.digest, "pieces": self.pieces, "token": self.token}, sort_keys=True
        ) + ("\n" + self.text if not self.pieces else "")

    @classmethod
    def read(cls, record: str) -> Head:
        """The head that a record holds.

        Raises:
            LibraryCorrupt: It holds something else.
        """
        first, _, text = record.partition("\n")
        try:
            fields = json.loads(first)
            return cls(fields["digest"], fields["pieces"], text, fields["token"])
        except (ValueError, KeyError, TypeError) as error:
            raise damaged("a record is not what this program writes") from error

    def whole(self, pieces: Sequence[str]) -> str:
        """The text, checked.

        Raises:
            LibraryCorrupt: A piece was changed.
        """
        text = "".join(pieces) if self.pieces else self.text
        if hashlib.sha256(text.encode()).hexdigest() != self.digest:
            raise damaged("a text does not match its digest")
        return text


def write_changes(changes: Changes) -> str:
    """Changes as text."""
    return _json(
        {
            "node": astuple(changes.node),
            "claims": [astuple(entry) for entry in changes.claims],
            "gone": changes.gone,
            "documents": dict(changes.documents),
            "swept": changes.swept,
            "paths": changes.paths,
        }
    )


def read_changes(text: str, token: str) -> Changes:
    """Changes from their text.

    Raises:
        LibraryCorrupt: It says something else.
    """
    try:
        found: dict[str, Any] = json.loads(text)
        return Changes(
            Node(*found["node"]),
            tuple(Entry(*entry) for entry in found["claims"]),
            tuple((node, source) for node, source in found["gone"]),
            found["documents"],
            tuple((document_id, epoch, chunks) for document_id, epoch, chunks in found["swept"]),
            tuple((node, name, path, there) for node, name, path, there in found["paths"]),
            token,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise damaged("a commit is not what this program writes") from error


def write_document(document: Document, chunks: Sequence[Chunk]) -> str:
    """A document as text, with where its chunks lie: no two splitters may disagree on that."""
    return _json(
        {
            "kind": document.kind,
            "title": document.title,
            "language": document.language,
            "sections": [astuple(section) for section in document.sections],
            "pages": [astuple(page) for page in document.pages],
            "notes": document.notes,
            "spans": [(chunk.start, chunk.end) for chunk in chunks],
            "text": document.text,
        }
    )


def read_document(document_id: str, text: str) -> tuple[Document, list[Chunk]]:
    """A document and its chunks from their text.

    Raises:
        LibraryCorrupt: It is another document's.
    """
    try:
        found: dict[str, Any] = json.loads(text)
        sections = [(tuple(headings), start, end) for headings, start, end in found["sections"]]
        document = Document(
            found["text"], found["kind"], found["title"], found["language"],
            tuple(Section(*section) for section in sections),
            tuple(Page(*page) for page in found["pages"]),
            tuple(found["notes"]),
        )  # fmt: skip
        chunks = [
            Chunk(document.id, n, start, end, document.text[start:end])
            for n, (start, end) in enumerate(found["spans"])
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(f"document {document_id} is not what this program writes") from error
    if document.id != document_id:
        raise damaged(f"the text of document {document_id} is another's")
    return document, chunks


def damaged(what: str) -> LibraryCorrupt:
    """The error for a log that cannot be what was written to it."""
    return LibraryCorrupt(
        f"The shared library on the server is damaged: {what}.",
        hint="Restore the server's own backup; every node's cache still answers questions, and"
        " agent library move --to embedded makes a library of this machine's.",
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _cut(text: str) -> Iterator[str]:
    """A text in pieces of at most `PIECE_BYTES` bytes of UTF-8 and at least one character."""
    data = text.encode()
    start = 0
    while start < len(data):
        end = min(start + PIECE_BYTES, len(data))
        # A character is not cut: its later bytes begin with the bits 10.
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        yield data[start:end].decode()
        start = end

"""The stored documents and chunks, and the journal of vector writes begun and not ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from knowledge.errors import SourceNotFound
from knowledge.sources import stage_into
from knowledge.types import Chunk, Document, Page, Section

if TYPE_CHECKING:
    from knowledge.database import Database
    from knowledge.sources import Entry


_PAGE = 500


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk with what a search result shows of it."""

    row: int
    chunk: Chunk
    place: str
    heading: str
    """Document title and heading path, one line: indexed with the text, not part of it."""
    source: str
    title: str


class Documents:
    """The tables of documents in an open database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def has(self, document_id: str) -> bool:
        """Whether the document is stored."""
        return bool(self._db.rows("SELECT 1 FROM documents WHERE id = ?", (document_id,)))

    def put(
        self,
        document: Document,
        chunks: Sequence[Chunk],
        *,
        embedded: bool,
        entries: Iterable[Entry],
    ) -> None:
        """Store a document with its chunks, stage its sources, end its journal entry, at once."""
        structure = json.dumps(
            [
                [astuple(section) for section in document.sections],
                [astuple(page) for page in document.pages],
                document.notes,
            ],
            ensure_ascii=False,
        )
        with self._db.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)",
                (document.id, document.text, document.kind, document.title, document.language,
                 structure, embedded),
            )  # fmt: skip
            db.executemany(
                "INSERT INTO chunks (document_id, ordinal, start, end, place, heading, text)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (c.document_id, c.ordinal, c.start, c.end, document.place(c.span),
                     heading(document, c), c.text)
                    for c in chunks
                ],
            )  # fmt: skip
            stage_into(db, entries)
            db.execute("DELETE FROM journal WHERE document_id = ?", (document.id,))

    def get(self, document_id: str) -> Document:
        """The stored document.

        Raises:
            SourceNotFound: There is none of that id.
        """
        rows = self._db.rows(
            "SELECT text, kind, title, language, structure FROM documents WHERE id = ?",
            (document_id,),
        )
        if not rows:
            raise SourceNotFound(
                f"The library holds no document {document_id}.", hint="agent sources lists them."
            )
        text, kind, title, language, structure = rows[0]
        sections, pages, notes = json.loads(structure)
        return Document(
            text, kind, title, language,
            tuple(Section(tuple(headings), start, end) for headings, start, end in sections),
            tuple(Page(*page) for page in pages),
            tuple(notes),
        )  # fmt: skip

    def chunk_rows(self, rows: Sequence[int]) -> dict[int, ChunkRow]:
        """Chunks by row number; those gone meanwhile, or without a source, are left out."""
        found = self._db.rows_among(
            "SELECT c.row, c.document_id, c.ordinal, c.start, c.end, c.text, c.place, c.heading,"
            " (SELECT min(source) FROM sources s WHERE s.document_id = c.document_id), d.title"
            " FROM chunks c JOIN documents d ON d.id = c.document_id WHERE c.row IN ({})",
            rows,
        )
        return {
            row: ChunkRow(row, Chunk(doc, ordinal, start, end, text), place, head, source, title)
            for row, doc, ordinal, start, end, text, place, head, source, title in found
            if source is not None
        }

    def chunk_keys(self, document_ids: Iterable[str]) -> list[tuple[int, str, int]]:
        """Row, document id and ordinal of every chunk of some documents, in row order."""
        return sorted(
            self._db.rows_among(
                "SELECT row, document_id, ordinal FROM chunks WHERE document_id IN ({})",
                list(document_ids),
            )
        )

    def first_rows(self) -> dict[str, int]:
        """Of every document that has chunks the row number of the first."""
        return dict(self._db.rows("SELECT document_id, row FROM chunks WHERE ordinal = 0"))

    def indexed_texts(self, rows: Sequence[int]) -> Iterator[str]:
        """What is indexed of chunks, their heading line and text, in the order of their rows.

        Read in pages, so that a large library is never in memory at once.
        """
        for i in range(0, len(rows), _PAGE):
            page = rows[i : i + _PAGE]
            marks = ",".join("?" * len(page))
            read = self._db.rows(
                f"SELECT row, heading, text FROM chunks WHERE row IN ({marks})", page
            )
            found = {row: indexed_text(head, text) for row, head, text in read}
            yield from (found[row] for row in page)

    def unembedded(self) -> list[str]:
        """Documents that were stored without vectors."""
        return [row[0] for row in self._db.rows("SELECT id FROM documents WHERE NOT embedded")]

    def chunks_of(self, document_id: str) -> list[tuple[Chunk, str]]:
        """A document's chunks in order, each with its heading line."""
        rows = self._db.rows(
            "SELECT ordinal, start, end, text, heading FROM chunks WHERE document_id = ?"
            " ORDER BY ordinal",
            (document_id,),
        )
        return [
            (Chunk(document_id, n, start, end, text), head) for n, start, end, text, head in rows
        ]

    def mark_embedded(self, document_ids: Iterable[str], embedded: bool = True) -> None:
        """Note that vectors of documents are stored, or gone; end their journal entries."""
        with self._db.write() as db:
            ids = [(document_id,) for document_id in document_ids]
            db.executemany(f"UPDATE documents SET embedded = {int(embedded)} WHERE id = ?", ids)
            db.executemany("DELETE FROM journal WHERE document_id = ?", ids)

    def begin_vectors(self, sizes: Iterable[tuple[str, int]]) -> None:
        """Note that vectors of documents are about to be written: (document id, chunk count)."""
        with self._db.write() as db:
            db.executemany("INSERT OR REPLACE INTO journal VALUES (?, ?)", sizes)

    def unfinished_vectors(self) -> list[tuple[str, int]]:
        """Vector writes, or deletions, that were begun and not ended."""
        return self._db.rows("SELECT document_id, chunks FROM journal")

    def drop_orphans(self) -> None:
        """Delete documents that no source names, staged or tagged; journal their vectors."""
        with self._db.write() as db:
            orphan = (
                "id NOT IN (SELECT document_id FROM sources WHERE document_id IS NOT NULL"
                " UNION SELECT document_id FROM staged WHERE document_id IS NOT NULL"
                " UNION SELECT document_id FROM tagged WHERE document_id IS NOT NULL)"
            )
            db.execute(
                "INSERT OR REPLACE INTO journal SELECT id, (SELECT count(*) FROM chunks"
                f" WHERE document_id = id) FROM documents WHERE embedded AND {orphan}"
            )
            db.execute(f"DELETE FROM documents WHERE {orphan}")

    def counts(self, *, named: bool = False) -> tuple[int, int, int]:
        """Stored documents, chunks, and documents with vectors; `named`, those of sources alone."""
        among = " WHERE {} IN (SELECT document_id FROM sources)" if named else ""
        ((documents, embedded),) = self._db.rows(
            f"SELECT count(*), total(embedded) FROM documents{among.format('id')}"
        )
        ((chunks,),) = self._db.rows(f"SELECT count(*) FROM chunks{among.format('document_id')}")
        return documents, chunks, int(embedded)


def heading(document: Document, chunk: Chunk) -> str:
    """The line that says what a chunk is about: the document's title and the heading path."""
    path = document.headings_at(chunk.start)
    parts = [document.title, *path] if document.title not in path else list(path)
    return " > ".join(part for part in parts if part)


def indexed_text(head: str, text: str) -> str:
    """What is embedded and indexed for a chunk: what it is about, then what it says."""
    return f"{head}\n{text}" if head else text

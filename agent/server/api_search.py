"""`/api/search`, `/api/documents/{id}` and `/api/libraries`: what the documents say, unanswered."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from agent.server.admission import Admission
from agent.server.hosting import Hosting
from agent.server.library_names import libraries_of, opened
from agent.server.operations import Asked, LibraryName, Name, Nothing, Operation, Shape
from knowledge.library import Filters
from knowledge.types import Kind, Passage, Span

LONGEST = 100_000
"""Characters of a document that are given at once."""


class SearchParams(Shape):
    """A question to the index."""

    q: Annotated[
        str,
        Field(min_length=1, max_length=4000, pattern=r"\S", description="What is searched for."),
    ]
    library: LibraryName = ""
    limit: int = Field(8, ge=1, le=1000, description="At most so many passages.")
    source: list[Name] = Field(
        [],
        max_length=20,
        description="Only these: a name as GET /api/sources tells it, a pattern of names "
        "(`*.pdf`), or a document_id. The owner may name paths and folders, too.",
    )
    type: list[Kind] = Field([], description="Only documents of these types.")
    since: datetime | None = Field(
        None, description="Only files changed since; UTC where no offset is given."
    )


class PassageShape(Shape):
    """A passage that was found."""

    n: int = Field(description="Its rank, from 1.")
    source: str
    title: str
    place: str
    text: str
    score: float = Field(description="In [0, 1], comparable within one result only.")
    dense: float | None = Field(description="Cosine similarity; null where not compared.")
    lexical: float | None = Field(description="BM25 score; null where words did not find it.")
    document_id: str
    start: int
    end: int


class SearchAnswer(Shape):
    """What was found, best first."""

    query: str
    library: str
    how: Literal["hybrid", "lexical", "empty"]
    note: str = Field(description="Why it was not by meaning and words both; or empty.")
    passages: list[PassageShape]


class DocumentParams(Shape):
    """A stretch of a document."""

    id: str = Field(description="As a passage or a source names it.")
    library: LibraryName = ""
    start: int = Field(0, ge=0, le=2**40, description="The first character.")
    length: int = Field(20_000, ge=1, le=LONGEST, description="At most so many characters.")


class DocumentAnswer(Shape):
    """A document, and a stretch of its text: `text` is what stands in it from `start` to `end`."""

    id: str
    title: str
    type: str
    language: str = Field(description="Of code; otherwise empty.")
    notes: list[str] = Field(description="What was lost when it was read.")
    characters: int = Field(description="Of the whole text.")
    start: int
    end: int
    place: str
    text: str


class LibraryShape(Shape):
    """A library."""

    name: str
    default: bool = Field(description="Whether it is meant where none is named.")
    may_write: bool


class LibrariesAnswer(Shape):
    """The libraries that may be read."""

    libraries: list[LibraryShape]


class Searching:
    """The operations, over what is hosted."""

    def __init__(self, hosting: Hosting, admission: Admission) -> None:
        """Over these; opens nothing."""
        self._hosting = hosting
        self._admission = admission

    def operations(self) -> list[Operation[Any, Any]]:
        """What is offered."""
        return [
            Operation(
                "GET", "/api/search", "search", "Find the passages that fit best.",
                self.search, SearchParams, Nothing, SearchAnswer, (404, 503),
            ),
            Operation(
                "GET", "/api/documents/{id}", "read_document", "Read in a document.",
                self.document, DocumentParams, Nothing, DocumentAnswer, (404,),
            ),
            Operation(
                "GET", "/api/libraries", "list_libraries", "The libraries that you may read.",
                self.libraries, Nothing, Nothing, LibrariesAnswer,
            ),
        ]  # fmt: skip

    async def search(self, asked: Asked[SearchParams, Nothing]) -> SearchAnswer:
        """Find passages."""
        wanted = asked.params
        library = await opened(self._hosting, asked.user, wanted.library)
        filters = None
        if wanted.source or wanted.type or wanted.since:
            since = wanted.since
            if since is not None and since.tzinfo is None:
                since = since.replace(tzinfo=UTC)
            filters = Filters(
                sources=tuple(wanted.source),
                kinds=tuple(wanted.type),
                since=None if since is None else since.timestamp(),
            )
        async with self._admission.search(asked.user):
            found = await library.seen.search(wanted.q, limit=wanted.limit, filters=filters)
        return SearchAnswer(
            query=wanted.q,
            library=library.called,
            how=found.how,
            note=found.note,
            passages=[_passage(n, p) for n, p in enumerate(found.passages, 1)],
        )

    async def document(self, asked: Asked[DocumentParams, Nothing]) -> DocumentAnswer:
        """Read in a document."""
        wanted = asked.params
        library = await opened(self._hosting, asked.user, wanted.library)
        document = await library.seen.document(wanted.id)
        start = min(wanted.start, len(document.text))
        end = min(start + wanted.length, len(document.text))
        return DocumentAnswer(
            id=document.id,
            title=document.title,
            type=document.kind,
            language=document.language,
            notes=list(document.notes),
            characters=len(document.text),
            start=start,
            end=end,
            place=document.place(Span(start, end)) if end > start else "",
            text=document.text[start:end],
        )

    async def libraries(self, asked: Asked[Nothing, Nothing]) -> LibrariesAnswer:
        """List the libraries of a user."""
        found = await asyncio.to_thread(libraries_of, self._hosting, asked.user)
        return LibrariesAnswer(
            libraries=[
                LibraryShape(name=called, default=n == 0, may_write=asked.user.may_write(name))
                for n, (name, called) in enumerate(found.items())
            ]
        )


def _passage(n: int, passage: Passage) -> PassageShape:
    return PassageShape(
        n=n,
        source=passage.source,
        title=passage.title,
        place=passage.place,
        text=passage.text,
        score=passage.score,
        dense=passage.dense,
        lexical=passage.lexical,
        document_id=passage.document_id,
        start=passage.start,
        end=passage.end,
    )

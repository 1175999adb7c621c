"""Small true implementations of the house's protocols, for tests: no mocks, nothing patched."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING

from agent.events import Event
from agent.messages import FREE, Message, ModelUsage, TextDelta, ToolSpec
from agent.modes.base import Turn
from knowledge.corpus import Corpus, Extent
from knowledge.errors import SourceNotFound
from knowledge.filters import Filters
from knowledge.search import Found
from knowledge.types import Document, Passage, SourceInfo, Span

if TYPE_CHECKING:
    from knowledge.embed import Cancelled, Progress, Vectors

_WORD = re.compile(r"\w+")
_PARAGRAPH = re.compile(r"\S(?:.|\n(?!\n))*")


class HashingEmbedder:
    """A bag of words, each hashed to a dimension: alike texts are near, and nothing is loaded."""

    name = "hashing"
    dimensions = 64
    max_tokens = 256

    def load(self, *, cancelled: Cancelled | None = None) -> None:
        """There is nothing to load."""

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(_WORD.findall(text)) for text in texts]

    def embed(
        self,
        texts: Sequence[str],
        *,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Vectors:
        import numpy as np

        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for i, text in enumerate(texts):
            if cancelled is not None and cancelled():
                raise InterruptedError
            for word in _WORD.findall(text.lower()):
                vectors[i, zlib.crc32(word.encode()) % self.dimensions] += 1
            # A text without a word still needs a direction.
            vectors[i, 0] += 1e-3
            if progress is not None:
                progress(i + 1)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class MemoryLibrary:
    """What a mode needs of a `Library`: one passage per paragraph, ranked by shared words."""

    def __init__(
        self, texts: Mapping[str, str] | None = None, *, stale: Sequence[str] = (), note: str = ""
    ) -> None:
        """Take texts by source; `stale` ones have changed, `note` makes searches lexical only."""
        self.queries: list[str] = []
        """What was searched for."""
        self._documents = {source: Document(text, "text") for source, text in (texts or {}).items()}
        self._stale = frozenset(stale)
        self._note = note

    async def search(self, query: str, *, limit: int = 8, filters: Filters | None = None) -> Found:
        self.queries.append(query)
        wanted = set(_WORD.findall(query.lower()))
        found: list[Passage] = []
        for source, document in self._documents.items():
            if filters is not None and not filters.allow(source, document.kind, 0.0):
                continue
            for match in _PARAGRAPH.finditer(document.text):
                words = set(_WORD.findall(match[0].lower()))
                if wanted & words:
                    found.append(_passage(source, document, match, len(wanted & words)))
        found.sort(key=lambda passage: -passage.score)
        if not self._documents:
            return Found((), "empty")
        return Found(tuple(found[:limit]), "lexical" if self._note else "hybrid", self._note)

    async def corpus(self, filters: Filters | None = None) -> Corpus:
        return Corpus.of(
            [
                _passage(source, document, match, 0)
                for source, document in self._documents.items()
                if filters is None or filters.allow(source, document.kind, 0.0)
                for match in _PARAGRAPH.finditer(document.text)
            ]
        )

    async def extent(self, filters: Filters | None = None) -> Extent:
        sizes: dict[str, int] = {}
        for block in (await self.corpus(filters)).blocks:
            sizes[block.source] = sizes.get(block.source, 0) + len(block.text)
        largest = sorted(sizes.items(), key=lambda item: -item[1])
        return Extent(len(sizes), sum(sizes.values()), tuple(largest[:5]))

    async def document(self, document_id: str) -> Document:
        for document in self._documents.values():
            if document.id == document_id:
                return document
        raise SourceNotFound(f"no document {document_id}")

    async def sources(self) -> tuple[SourceInfo, ...]:
        return tuple(
            SourceInfo(source, d.id, d.title, d.kind, "indexed", "", 1, len(d.text), 0.0, source)
            for source, d in sorted(self._documents.items())
        )

    async def stale(self, source: str) -> bool:
        return source in self._stale


def _passage(source: str, document: Document, match: re.Match[str], shared: int) -> Passage:
    span = Span(match.start(), match.end())
    return Passage(
        chunk_id=f"{document.id}:{span.start}",
        document_id=document.id,
        source=source,
        title=document.title,
        place=document.place(span),
        start=span.start,
        end=span.end,
        text=match[0],
        score=shared / (1 + shared),
    )


class EchoModel:
    """Quotes the first sentence of the first passage; says so if there is none."""

    name = "echo"
    context_window: int | None = None
    can_call_tools = False
    price = FREE

    def __init__(self) -> None:
        self.asked: list[tuple[Message, ...]] = []
        """The messages of each call."""
        self.warmed = 0

    async def warm(self) -> None:
        self.warmed += 1

    def count(self, text: str) -> int:
        return len(text.split())

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int | None = None,
    ) -> AsyncGenerator[TextDelta | ModelUsage, None]:
        self.asked.append(tuple(messages))
        evidence = messages[-1].evidence
        text = "The sources do not say."
        if evidence is not None and evidence.passages:
            text = evidence.passages[0].text.split(". ")[0].rstrip(".") + ". [1]"
        for piece in re.findall(r"\S+\s*", text):
            yield TextDelta(piece)
        yield ModelUsage(input_tokens=sum(self.count(m.content) for m in messages), output_tokens=9)

    async def aclose(self) -> None:
        """There is nothing to close."""


class ScriptedMode:
    """Plays events; an exception among them is raised where it stands."""

    def __init__(self, *events: Event | Exception, name: str = "scripted") -> None:
        self.name = name
        self.turns: list[Turn] = []
        """The turns that it was given."""
        self.closed = 0
        """How often it has ended, in whatever way."""
        self._events = events

    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        self.turns.append(turn)
        try:
            for event in self._events:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.closed += 1

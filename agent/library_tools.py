"""The library as tools: search it, read on in a document, see what there is.

What they find goes into the ask's ledger, numbered. The ask's own filters hold for every tool; a
call may narrow a search further, never widen it. What a document says is data and comes fenced.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

from agent.document_places import PlaceUnknown, line_before, pieces, start_of
from agent.events import Status
from agent.known_sources import KnownSources
from agent.messages import ToolSpec
from agent.support import content
from agent.toolbox import BadCall, ToolOutput
from knowledge.errors import SourceNotFound
from knowledge.pack import fenced
from knowledge.types import Kind, Passage

if TYPE_CHECKING:
    from agent.evidence import Ledger
    from agent.toolbox import Tool
    from knowledge.filters import Filters
    from knowledge.library import Library
    from knowledge.types import Document

LIBRARY_TOOLS = frozenset({"search_library", "read_document", "list_sources"})
"""What they are called."""

_LISTED = 60
"""Sources named at once."""
_READ = 3
"""Pieces of a document read at once."""
_BEFORE = 1000
"""Characters read before a passage, where one reads around it."""


def library_tools(
    library: Library, ledger: Ledger, *, filters: Filters | None = None, passages: int = 8
) -> tuple[Tool, ...]:
    """`search_library`, `read_document` and `list_sources`.

    Args:
        library: What they work on.
        ledger: Where they put what they find.
        filters: Which sources may be seen at all.
        passages: How many a search gives.
    """
    sources = KnownSources(library, ledger, filters)
    return (
        _Search(library, ledger, sources, passages),
        _Read(library, ledger, sources),
        _List(sources),
    )


class _Search:
    repeats = False
    spec = ToolSpec(
        "search_library",
        "Search the user's documents. Gives numbered passages. Search for one thing at a time, "
        "in the words that a document would use.",
        {
            "type": "object",
            "properties": {
                "query": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1000,
                    "description": "What to look for: names and words of content.",
                },
                "source": {
                    "type": "string",
                    "description": "Only this document or folder, as list_sources names it.",
                },
                "type": {
                    "type": "string",
                    "enum": list(get_args(Kind)),
                    "description": "Only documents of this type.",
                },
                "since": {
                    "type": "string",
                    "description": "Only files changed since this date: 2026-01-31.",
                },
            },
            "required": ["query"],
            "additionalProperties": False,
        },
    )

    def __init__(
        self, library: Library, ledger: Ledger, sources: KnownSources, passages: int
    ) -> None:
        self._library = library
        self._ledger = ledger
        self._sources = sources
        self._most = passages
        self._told = False
        """Whether the user has been told that searches go by words only."""

    def doing(self, arguments: dict[str, Any]) -> Status:
        return Status(f"Searching for “{_short(arguments['query'])}”", stage="search")

    async def call(self, arguments: dict[str, Any]) -> ToolOutput:
        query = arguments["query"]
        filters, allowed = await self._sources.narrowed(
            arguments.get("source", ""), arguments.get("type", ""), _moment(arguments.get("since"))
        )
        found = await self._library.search(query, limit=self._most, filters=filters)
        passages = [p for p in found.passages if allowed is None or p.source in allowed]
        if found.how == "empty":
            return ToolOutput("The library is empty.", note="The library is empty.")
        if not passages:
            note = f"Nothing found for “{_short(query)}”."
            return ToolOutput(f"{note} Try other words, or fewer.", note=note)
        output = _shown(self._ledger, passages)
        missing = _missing(query, passages)
        new = len(output.full)
        note = f"Found {_many(len(output.found), 'passage')}, {new} of them new."
        if missing:
            note += f" None mentions: {', '.join(missing)}."
        text = note
        if found.how == "lexical" and not self._told:
            self._told = True
            note += f" {found.note or 'Searched by words only.'}"
        if not new:
            text += " Nothing new: search for something else, or answer."
        elif missing:
            text += " If that matters, search for it by itself or in other words."
        return ToolOutput(text, found=output.found, full=output.full, note=note)


class _Read:
    repeats = False
    spec = ToolSpec(
        "read_document",
        "Read on in a document: around a passage, or from a place. Gives numbered passages.",
        {
            "type": "object",
            "properties": {
                "id": {
                    "type": "string",
                    "minLength": 1,
                    "description": "The number of a passage, or a document as list_sources "
                    "names it.",
                },
                "place": {
                    "type": "string",
                    "description": "Where to begin: a heading, 'p. 3', 'line 40', 'from 5000', or "
                    "words of the text. Without it: around the passage, or at the beginning.",
                },
            },
            "required": ["id"],
            "additionalProperties": False,
        },
    )

    def __init__(self, library: Library, ledger: Ledger, sources: KnownSources) -> None:
        self._library = library
        self._ledger = ledger
        self._sources = sources

    def doing(self, arguments: dict[str, Any]) -> Status:
        place = f", {_short(arguments['place'])}" if arguments.get("place") else ""
        what = arguments["id"]
        if passage := self._numbered(what):
            what = passage.title or passage.source.rpartition("/")[2]
        return Status(f"Reading {_short(what)}{place}", stage="read")

    async def call(self, arguments: dict[str, Any]) -> ToolOutput:
        place = arguments.get("place", "")
        if passage := self._numbered(arguments["id"]):
            source, id = passage.source, passage.document_id
        else:
            info = await self._sources.one(arguments["id"])
            source, id = info.source, info.document_id or ""
        try:
            document = await self._library.document(id)
            if passage and not place:
                start = line_before(document, passage.start, _BEFORE)
            else:
                start = start_of(document, place)
        except SourceNotFound:
            raise BadCall("that document is no longer in the library.") from None
        except PlaceUnknown as error:
            raise BadCall(f"no such place in it. {error}") from None
        spans = pieces(document, start, _READ)
        if not spans:
            return ToolOutput("Nothing more stands there: this is the document's end.")
        passages = [_passage(document, source, s.start, s.end) for s in spans]
        output = _shown(self._ledger, passages)
        end, length = spans[-1].end, len(document.text)
        more = "its end" if not document.text[end:].strip() else f"to read on: place 'from {end}'"
        text = f"Characters {spans[0].start} to {end} of {length}; {more}."
        return ToolOutput(text, found=output.found, full=output.full)

    def _numbered(self, id: str) -> Passage | None:
        number = id.strip().strip("[]")
        passages = self._ledger.passages
        if number.isdecimal() and 1 <= int(number) <= len(passages):
            return passages[int(number) - 1]
        return None


class _List:
    repeats = False
    spec = ToolSpec(
        "list_sources",
        "Name the documents of the user's library, with their titles and types.",
        {
            "type": "object",
            "properties": {
                "contains": {
                    "type": "string",
                    "description": "Only those with this in their name or title.",
                }
            },
            "additionalProperties": False,
        },
    )

    def __init__(self, sources: KnownSources) -> None:
        self._sources = sources

    def doing(self, arguments: dict[str, Any]) -> Status:
        return Status("Looking at what there is", stage="list")

    async def call(self, arguments: dict[str, Any]) -> ToolOutput:
        wanted = arguments.get("contains", "").casefold()
        infos, name = await self._sources.allowed(), await self._sources.names()
        lines = [
            f"{name[info.source]}: {info.title or '(no title)'} ({info.kind})" for info in infos
        ]
        lines = [_one_line(line) for line in lines if wanted in line.casefold()]
        if not lines:
            return ToolOutput("There is no such document." if wanted else "There is no document.")
        more = len(lines) - _LISTED
        text = f"{_many(len(lines), 'document')}:\n" + fenced("\n".join(lines[:_LISTED]))
        if more > 0:
            text += f"({more} more: narrow with `contains`, or search)"
        return ToolOutput(text, note=f"{_many(len(lines), 'document')}.")


def _shown(ledger: Ledger, passages: Sequence[Passage]) -> ToolOutput:
    """Numbered, and in full where the model cannot read it already."""
    found = tuple(n for n, _, _ in ledger.add(passages))
    return ToolOutput("", found=found, full=frozenset(found) - ledger.visible)


def _passage(document: Document, source: str, start: int, end: int) -> Passage:
    from knowledge.types import Span

    return Passage(
        chunk_id=f"{document.id}@{start}",
        document_id=document.id,
        source=source,
        title=document.title,
        place=document.place(Span(start, end)),
        start=start,
        end=end,
        text=document.text[start:end],
        score=0.0,
    )


def _missing(query: str, passages: Sequence[Passage]) -> list[str]:
    """The query's words of content that no passage holds."""
    held = content(" ".join(f"{p.title} {p.place} {p.text}" for p in passages)).keys()
    words = (word.strip(".,;:!?\"'“”()[]") for word in query.split())
    return [_short(w) for w in dict.fromkeys(words) if (c := content(w)) and not c.keys() & held]


def _moment(date: str | None) -> float | None:
    if not date:
        return None
    try:
        return datetime.fromisoformat(date.strip()).timestamp()
    except (ValueError, OverflowError):
        raise BadCall(f"not a date: {date!r}. Write it as 2026-01-31.") from None


def _short(text: str) -> str:
    line = _one_line(text)
    return line if len(line) <= 80 else line[:79] + "…"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _many(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"

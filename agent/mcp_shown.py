"""What a tool gave, as the model reads it: numbered text that an answer can cite, page by page.

Every result is kept as a document of the ask, so that a citation of it is checked like any other.
Pictures and other files are kept for the user, who is told where.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agent.approvals import TOOL
from agent.events import Status
from agent.mcp_client.shapes import McpFailed
from agent.messages import ToolSpec
from agent.toolbox import BadCall, ToolOutput
from knowledge.pack import fenced, visible
from knowledge.types import Document, Passage, Span

if TYPE_CHECKING:
    from pathlib import Path

    from agent.evidence import Ledger
    from agent.mcp_client import Definition, Outcome
    from agent.mcp_client.results import Results

_TOLD = 5
"""Results of earlier asks that are named to a model."""
_PAGE = 10_000
"""Characters of a result that are given at once: what a toolbox passes on, less the fence."""


class Kept:
    """The large results of one conversation, and whose they are: a later ask can read on."""

    def __init__(self, results: Results) -> None:
        """Begin with none.

        Args:
            results: Where they are written.
        """
        self._results = results
        self._of: dict[str, Definition] = {}
        self._sizes: dict[str, int] = {}

    def keep(self, text: str, definition: Definition | None) -> str:
        """Keep a text.

        Args:
            text: What a tool gave.
            definition: Whose it is; None for one that no answer may rest on.

        Returns:
            Its handle.
        """
        handle = self._results.keep(text)
        self._sizes[handle] = len(text)
        if definition is not None:
            self._of[handle] = definition
        return handle

    def keep_file(self, data: bytes, media_type: str) -> Path:
        """Keep something that is no text."""
        return self._results.keep_file(data, media_type)

    def text(self, handle: str) -> str:
        """All of one.

        Raises:
            McpFailed: There is no such result.
        """
        return self._results.text(handle)

    def of(self, handle: str) -> Definition | None:
        """Whose one is; None where no answer may rest on it."""
        return self._of.get(handle)

    @property
    def latest(self) -> list[str]:
        """The last few, a line each: handle, tool, length."""
        lines = []
        for handle in list(self._sizes)[-_TOLD:]:
            of = self._of.get(handle)
            named = f"{of.server} {of.name}" if of is not None else "an error"
            # The names are strangers' words.
            named = "".join(c if c.isalnum() or c in "_-" else " " for c in named)[:80]
            lines.append(f"{handle} ({' '.join(named.split())}, {self._sizes[handle]} characters)")
        return lines


class Shown:
    """The results of one ask."""

    def __init__(self, kept: Kept, ledger: Ledger | None, held: dict[str, Document] | None) -> None:
        """Begin with none.

        Args:
            kept: Where large ones are.
            ledger: Numbers the passages; None gives results as text without a number.
            held: Gets the documents of those passages, by id.
        """
        self._kept = kept
        self._ledger = ledger
        self._held = {} if held is None else held

    @property
    def earlier(self) -> list[str]:
        """Large results that can be read now, a line each."""
        return self._kept.latest

    def text(self, handle: str) -> str:
        """All of a large result.

        Raises:
            McpFailed: There is no such result.
        """
        return self._kept.text(handle)

    def read(self, handle: str, offset: int = 0) -> ToolOutput:
        """A page of a large result.

        Raises:
            McpFailed: There is no such result.
        """
        return self._page(handle, self._kept.text(handle), offset)

    def output(self, outcome: Outcome, definition: Definition) -> ToolOutput:
        """What a call has given, large results by their first page."""
        notes = []
        for thing in outcome.attachments:
            file: Path = self._kept.keep_file(thing.data, thing.media_type)
            size = f"{_name(thing.media_type)}, {len(thing.data):,} bytes"
            notes.append(f"[{thing.kind}: {size}; not shown, kept for a day: {file}]")
        text = visible(outcome.text)
        if len(text) > _PAGE:
            handle = self._kept.keep(text, definition if outcome.ok else None)
            shown = self._page(handle, text, 0)
        elif text:
            shown = self._cited(definition, text, 0, len(text)) if outcome.ok else _plain(text)
        else:
            shown = ToolOutput("" if notes else "It gave nothing back.")
        words = "\n".join([shown.text, *notes]).strip("\n")
        return replace(shown, text=words, ok=outcome.ok)

    def _page(self, handle: str, text: str, offset: int) -> ToolOutput:
        end = min(len(text), offset + _PAGE)
        more = "that is its end"
        if end < len(text):
            more = f'to read on: read_result {{"handle": "{handle}", "offset": {end}}}'
        head = f"Result {handle}, characters {offset} to {end} of {len(text)}; {more}."
        about = self._kept.of(handle)
        shown = _plain(text[offset:end])
        if about is not None:
            shown = self._cited(about, text, offset, end)
        return replace(shown, text=f"{head}\n{shown.text}".rstrip("\n"))

    def _cited(self, definition: Definition, text: str, start: int, end: int) -> ToolOutput:
        """A part of a result as a passage with a number; as plain text where nobody numbers."""
        if self._ledger is None:
            return _plain(text[start:end])
        title = _name(definition.title or definition.name)
        document = Document(text, "text", title=f"{definition.server}: {title}")
        self._held[document.id] = document
        passage = Passage(
            chunk_id=f"{document.id}:{start}",
            document_id=document.id,
            source=f"{TOOL}{definition.server}/{definition.name}",
            title=document.title,
            place=document.place(Span(start, end)),
            start=start,
            end=end,
            text=text[start:end],
            score=0.0,
        )
        numbers = tuple(n for n, _, _ in self._ledger.add([passage]))
        return ToolOutput("", found=numbers, full=frozenset(numbers))


class ReadResult:
    """The tool that reads on in a large result."""

    repeats = False
    spec = ToolSpec(
        "read_result",
        "Read on in a large result of a tool: from an offset, or from where a text stands.",
        {
            "type": "object",
            "properties": {
                "handle": {"type": "string", "description": "As the tool's result names it."},
                "offset": {"type": "integer", "minimum": 0, "description": "In characters."},
                "find": {
                    "type": "string",
                    "minLength": 1,
                    "description": "Begin a little before the first place, at or after the "
                    "offset, where these exact characters stand.",
                },
            },
            "required": ["handle"],
            "additionalProperties": False,
        },
    )

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        if earlier := shown.earlier:
            told = f"{self.spec.description} There are from before: {'; '.join(earlier)}."
            self.spec = replace(self.spec, description=told)

    def doing(self, arguments: dict[str, Any]) -> Status:
        return Status("Reading on in a result", stage="tool")

    async def call(self, arguments: dict[str, Any]) -> ToolOutput:
        handle, offset = arguments["handle"].strip(), arguments.get("offset", 0)
        try:
            text = self._shown.text(handle)
        except McpFailed as error:
            raise BadCall(str(error)) from error
        if find := arguments.get("find"):
            place = text.find(find, offset)
            if place < 0:
                return ToolOutput(f"{find!r} does not stand in {handle} at or after {offset}.")
            offset = max(offset, place - _PAGE // 10)
        if offset >= len(text):
            return ToolOutput(f"{handle} has {len(text)} characters: nothing stands at {offset}.")
        return await asyncio.to_thread(self._shown.read, handle, offset)


def _name(text: str) -> str:
    """A stranger's word for something, on one line and of bounded length."""
    return " ".join(visible(text).split())[:200]


def _plain(text: str) -> ToolOutput:
    return ToolOutput(fenced(text))

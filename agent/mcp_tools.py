"""The tools of MCP servers as the agent's: named, approved, limited, and listed only if they fit.

A server's words are data: descriptions are cut and shown without what is invisible, results come
fenced. A result that is large stays in a file, and the model reads it page by page. Where the
tools together would take more than a tenth of the model's context, it is given three tools to find,
read about and use them instead.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from agent.approvals import Use
from agent.events import Status
from agent.mcp_client.shapes import McpFailed
from agent.mcp_offered import DescribeTool, FindTools, Named, UseTool, step, title
from agent.mcp_shown import ReadResult, Shown
from agent.toolbox import BadCall, ToolFailed, ToolOutput
from knowledge.lexical import terms
from knowledge.pack import fenced, visible
from knowledge.types import Document

if TYPE_CHECKING:
    from agent.approvals import Approvals, Exposure
    from agent.evidence import Ledger
    from agent.mcp_client import Definition, McpClient
    from agent.mcp_entry import Entry
    from agent.mcp_offered import Told
    from agent.mcp_shown import Kept
    from agent.toolbox import Tool

_LONGEST_NAME = 64
"""Characters that all providers take."""
_SHARE = 10
"""The tools may take one part in so many of the model's context."""
_WINDOW = 32_000
"""Tokens of a context that is not known."""
_REASON = 600
"""Characters of why a call failed."""
_EVERY = 0.5
"""Seconds from one step of a call that is told to the next: a server may tell of thousands."""


class McpTools:
    """What the servers offer, for one ask."""

    def __init__(
        self,
        client: McpClient,
        approvals: Approvals,
        exposure: Exposure,
        kept: Kept,
        *,
        ledger: Ledger | None = None,
        held: dict[str, Document] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the servers; `McpClient.open` has been awaited.

        Args:
            client: The servers.
            approvals: Who may call what.
            exposure: What the model has read, in this conversation.
            kept: The large results of this conversation.
            ledger: The passages that the model reads in this ask; results are added as such, so
                that an answer can cite them. None gives them as text.
            held: Gets the documents of those passages, by id.
            clock: Seconds, for tests.
        """
        self.client = client
        self._approvals = approvals
        self._exposure = exposure
        self._ledger = ledger
        self._shown = Shown(kept, ledger, held)
        self._clock = clock
        self._told: Told | None = None
        self._names: dict[str, Definition] = {}
        for definition in client.tools:
            self._names[_name(definition, self._names)] = definition

    def tools(self, window: int | None, count: Callable[[str], int]) -> tuple[Tool, ...]:
        """The tools to offer; none where there is no server.

        Args:
            window: The model's context in tokens, where that is known.
            count: A text's tokens; 0 for a model that does not count.
        """
        if not self._names:
            return ()
        every = [Named(self, name, known) for name, known in self._names.items()]
        reading = ReadResult(self._shown)
        size = 0
        for tool in every:
            text = json.dumps([tool.spec.name, tool.spec.description, tool.spec.parameters])
            size += count(text) or len(text) // 4
        if size * _SHARE > (window or _WINDOW):
            return (FindTools(self), DescribeTool(self), UseTool(self), reading)
        return (*every, reading)

    def known(self, name: str) -> Definition:
        """A tool by the name that it is told by.

        Raises:
            BadCall: There is none.
        """
        if name not in self._names:
            raise BadCall(f"there is no tool {name!r}; look for one with find_tools.")
        return self._names[name]

    def search(self, query: str) -> list[tuple[str, Definition]]:
        """The tools whose names and descriptions hold most of a query's words; all if none do."""
        wanted = set(terms(_spaced(query)))

        def score(item: tuple[str, Definition]) -> int:
            name, tool = item
            named = set(terms(_spaced(f"{name} {tool.title}")))
            described = set(terms(tool.description))
            return sum(3 * (word in named) + (word in described) for word in wanted)

        ranked = sorted(self._names.items(), key=score, reverse=True)
        return [item for item in ranked if score(item)] or ranked

    def say(self, status: Status) -> None:
        """Tell of a step of the call that runs; nobody hears it while there is none."""
        if self._told is not None:
            self._told(status)

    async def call(
        self, definition: Definition, arguments: dict[str, Any], told: Told | None = None
    ) -> ToolOutput:
        """Call a tool, once that is approved.

        Args:
            definition: As the model was told of it.
            arguments: For it.
            told: Gets its steps while it runs.

        Raises:
            ToolFailed: It may not be called, or is gone.
        """
        if self._ledger is not None:
            self._exposure.passages(self._ledger.passages)
        entry = self.client.entry(definition.server)
        self._told = told
        try:
            now = await self._approved(definition, entry, arguments)
            # From here on the model may read what the server says, if only why it failed.
            far = entry.remote
            self._exposure.untrusted |= now.open_world or far
            self._exposure.private |= not now.open_world or entry.has_keys
            outcome = await self.client.call(
                definition.server,
                definition.name,
                arguments,
                progress=self._moved(definition),
                digest=now.digest,
            )
        except McpFailed as error:
            return _failed(definition, error)
        finally:
            self._told = None
        # Megabytes take a moment, in which the rest of the program goes on.
        return await asyncio.to_thread(self._shown.output, outcome, definition)

    async def _approved(
        self, definition: Definition, entry: Entry, arguments: dict[str, Any]
    ) -> Definition:
        """The tool as it is now, which may be called.

        Raises:
            ToolFailed: It may not, or there is none any more.
        """
        allowed: Definition | None = None
        while True:
            now = self.client.tool(definition.server, definition.name)
            if now is None:
                raise ToolFailed(f"{definition.server} has no tool {title(definition)} any more.")
            if allowed is not None and now.digest == allowed.digest:
                return now
            use = Use(
                server=definition.server,
                entry=entry.identity(),
                tool=definition.name,
                definition=now.digest,
                arguments=arguments,
                # What a server says of itself does not make a line out of this machine none.
                sends_out=now.sends_out or entry.remote,
                approved=entry.approves(definition.name),
            )
            if refusal := await self._approvals.refusal(use, self._exposure):
                raise ToolFailed(f"{refusal} Do not ask for it again.")
            # A person takes a while, in which the server may have described it otherwise.
            allowed = now

    def _moved(self, definition: Definition) -> Callable[[str], None]:
        """Tells of the progress of a call, not too often and nothing twice."""
        said, latest = "", -_EVERY

        def moved(text: str) -> None:
            nonlocal said, latest
            text = " ".join(visible(text).split())[:200]
            now = self._clock()
            if text != said and now - latest >= _EVERY:
                said, latest = text, now
                self.say(Status(f"{step(definition).text}: {text}", stage="tool"))

        return moved


def _name(definition: Definition, taken: dict[str, Definition]) -> str:
    """`server__tool`, of characters and a length that all providers take, each once."""
    whole = f"{definition.server}__{definition.name}"
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in whole)
    if name != whole or len(name) > _LONGEST_NAME or name in taken:
        mark = sha256(f"{definition.server}\0{definition.name}".encode()).hexdigest()[:8]
        name = f"{name[: _LONGEST_NAME - 9]}_{mark}"
    return name


def _spaced(text: str) -> str:
    """A name's words apart."""
    return text.replace("_", " ").replace("-", " ")


def _failed(definition: Definition, error: McpFailed) -> ToolOutput:
    """A call that came to nothing. Why may be the server's words: data for the model."""
    why = " ".join(visible(str(error)).split())[:_REASON]
    told = f"{title(definition)} failed. Go on without it."
    note = f"{why} {error.hint}".rstrip()
    return ToolOutput(f"{told} What is known of it:\n{fenced(why)}", ok=False, note=note)

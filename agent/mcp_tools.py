"""The tools of MCP servers as the agent's: named, approved, limited, and listed only if they fit.

A server's words are data: descriptions are cut and shown without what is invisible, results come
fenced. A result that is large stays in a file, and the model reads it page by page. Where the
tools together would take more than a tenth of the model's context, it is given three tools to find,
read about and use them instead.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from agent.approvals import Use
from agent.events import Status
from agent.mcp_client.shapes import McpFailed
from agent.mcp_shown import ReadResult, Shown
from agent.messages import ToolSpec
from agent.toolbox import BadCall, ToolFailed, ToolOutput
from knowledge.lexical import terms
from knowledge.pack import fenced, visible
from knowledge.types import Document

if TYPE_CHECKING:
    from agent.approvals import Approvals, Exposure
    from agent.evidence import Ledger
    from agent.mcp_client import Definition, McpClient
    from agent.mcp_client.results import Results
    from agent.toolbox import Tool

_LONGEST_NAME = 64
"""Characters that all providers take."""
_DESCRIPTION = 1_500
"""Characters of a description that are told."""
_SHARE = 10
"""The tools may take one part in so many of the model's context."""
_WINDOW = 32_000
"""Tokens of a context that is not known."""
_FOUND = 8
"""Tools named by one search."""


class McpTools:
    """What the servers offer, for one ask."""

    def __init__(
        self,
        client: McpClient,
        approvals: Approvals,
        exposure: Exposure,
        results: Results,
        *,
        ledger: Ledger | None = None,
        held: dict[str, Document] | None = None,
        told: Callable[[Status], None] | None = None,
    ) -> None:
        """Take the servers; `McpClient.open` has been awaited.

        Args:
            client: The servers.
            approvals: Who may call what.
            exposure: What the model has read, in this conversation.
            results: Where large results are kept.
            ledger: The passages that the model reads in this ask; results are added as such, so
                that an answer can cite them. None gives them as text.
            held: Gets the documents of those passages, by id.
            told: Told of the progress of a call while it runs.
        """
        self.client = client
        self._approvals = approvals
        self._exposure = exposure
        self._ledger = ledger
        self._shown = Shown(results, ledger, held)
        self._told = told
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
        every = [_Named(self, name, known) for name, known in self._names.items()]
        reading = ReadResult(self._shown)
        size = 0
        for tool in every:
            text = json.dumps([tool.spec.name, tool.spec.description, tool.spec.parameters])
            size += count(text) or len(text) // 4
        if size * _SHARE > (window or _WINDOW):
            return (_Find(self), _Describe(self), _Use(self), reading)
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

    async def call(self, definition: Definition, arguments: dict[str, Any]) -> ToolOutput:
        """Call a tool, once that is approved.

        Raises:
            ToolFailed: It may not, or could not be done.
        """
        if self._ledger is not None:
            self._exposure.passages(self._ledger.passages)
        entry = self.client.entry(definition.server)
        now = self.client.tool(definition.server, definition.name) or definition
        use = Use(
            server=definition.server,
            entry=entry.fingerprint,
            tool=definition.name,
            definition=now.digest,
            arguments=arguments,
            sends_out=now.sends_out,
            approved=entry.approves(definition.name),
        )
        if refusal := await self._approvals.refusal(use, self._exposure):
            raise ToolFailed(f"{refusal} Do not ask for it again.")

        def moved(text: str) -> None:
            if self._told is not None:
                self._told(Status(f"{definition.name}: {text}", stage="tool"))

        try:
            outcome = await self.client.call(
                definition.server, definition.name, arguments, progress=moved
            )
        except McpFailed as error:
            raise ToolFailed(f"{error} {error.hint}".rstrip()) from error
        if now.open_world:
            self._exposure.untrusted = True
        else:
            self._exposure.private = True
        # Megabytes take a moment, in which the rest of the program goes on.
        return await asyncio.to_thread(self._shown.output, outcome, definition)


class _Named:
    """One tool of one server."""

    repeats = True

    def __init__(self, tools: McpTools, name: str, definition: Definition) -> None:
        self._tools = tools
        self._definition = definition
        self.spec = ToolSpec(name, _description(definition), _schema(definition))

    def doing(self, arguments: dict[str, Any]) -> Status:
        return _doing(self._definition)

    async def call(self, arguments: dict[str, Any]) -> ToolOutput:
        return await self._tools.call(self._definition, arguments)


class _Find:
    repeats = False
    spec = ToolSpec(
        "find_tools",
        "Find tools, by what is to be done, among the many that the user has connected. Gives "
        "their names; read about one with describe_tool, then call it with use_tool.",
        {
            "type": "object",
            "properties": {"query": {"type": "string", "description": "What is to be done."}},
            "required": ["query"],
            "additionalProperties": False,
        },
    )

    def __init__(self, tools: McpTools) -> None:
        self._tools = tools

    def doing(self, arguments: dict[str, Any]) -> Status:
        return Status("Looking for a tool", stage="tool")

    async def call(self, arguments: dict[str, Any]) -> ToolOutput:
        found = self._tools.search(arguments["query"])
        lines = [f"{name}: {_first(tool)}" for name, tool in found[:_FOUND]]
        if (more := len(found) - _FOUND) > 0:
            lines.append(f"({more} more: search in other words)")
        return ToolOutput(fenced("\n".join(lines)))


class _Describe:
    repeats = False
    spec = ToolSpec(
        "describe_tool",
        "What a tool does, and the JSON Schema of its arguments.",
        {
            "type": "object",
            "properties": {"name": {"type": "string", "description": "As find_tools gives it."}},
            "required": ["name"],
            "additionalProperties": False,
        },
    )

    def __init__(self, tools: McpTools) -> None:
        self._tools = tools

    def doing(self, arguments: dict[str, Any]) -> Status:
        return Status("Reading about a tool", stage="tool")

    async def call(self, arguments: dict[str, Any]) -> ToolOutput:
        known = self._tools.known(arguments["name"])
        return ToolOutput(fenced(f"{_description(known)}\n{json.dumps(_schema(known))}"))


class _Use:
    repeats = True
    spec = ToolSpec(
        "use_tool",
        "Call a tool that find_tools has found.",
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "As find_tools gives it."},
                "arguments": {
                    "type": "object",
                    "description": "By the schema that describe_tool gives.",
                },
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        },
    )

    def __init__(self, tools: McpTools) -> None:
        self._tools = tools

    def doing(self, arguments: dict[str, Any]) -> Status:
        try:
            return _doing(self._tools.known(arguments["name"]))
        except BadCall:
            return Status("Calling a tool", stage="tool")

    async def call(self, arguments: dict[str, Any]) -> ToolOutput:
        return await self._tools.call(self._tools.known(arguments["name"]), arguments["arguments"])


def _name(definition: Definition, taken: dict[str, Definition]) -> str:
    """`server__tool`, of characters and a length that all providers take, each once."""
    whole = f"{definition.server}__{definition.name}"
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in whole)
    if name != whole or len(name) > _LONGEST_NAME or name in taken:
        mark = sha256(f"{definition.server}\0{definition.name}".encode()).hexdigest()[:8]
        name = f"{name[: _LONGEST_NAME - 9]}_{mark}"
    return name


def _description(definition: Definition) -> str:
    text = " ".join(visible(definition.description or definition.title).split())
    if len(text) > _DESCRIPTION:
        text = text[:_DESCRIPTION].rsplit(" ", 1)[0] + " …"
    return text or definition.name


def _spaced(text: str) -> str:
    """A name's words apart."""
    return text.replace("_", " ").replace("-", " ")


def _first(definition: Definition) -> str:
    """The beginning of a description."""
    text = _description(definition)
    return text if len(text) < 160 else text[:160].rsplit(" ", 1)[0] + " …"


def _schema(definition: Definition) -> dict[str, Any]:
    """The schema of an object, whatever the server gave; the same without what is invisible."""
    schema: dict[str, Any] = json.loads(visible(json.dumps(definition.schema, ensure_ascii=False)))
    if schema.get("type") != "object":
        schema = {"type": "object", **schema, "properties": schema.get("properties", {})}
    return schema


def _doing(definition: Definition) -> Status:
    title = " ".join(visible(definition.title or definition.name).split())[:80]
    return Status(f"{definition.server}: {title}", stage="tool")

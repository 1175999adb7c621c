"""The tools of MCP servers as a model is offered them: each by itself, or three to find the many.

What they are called and what is told of them are strangers' words: cut, and without what is
invisible. Calling is done by `McpTools`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agent.events import Status
from agent.messages import ToolSpec
from agent.toolbox import BadCall, ToolOutput
from knowledge.pack import fenced, visible

if TYPE_CHECKING:
    from agent.mcp_client import Definition
    from agent.mcp_tools import McpTools

Told = Callable[[Status], None]

_DESCRIPTION = 1_500
"""Characters of a description that are told."""
_FOUND = 8
"""Tools named by one search."""


class Named:
    """One tool of one server."""

    repeats = True

    def __init__(self, tools: McpTools, name: str, definition: Definition) -> None:
        self._tools = tools
        self._definition = definition
        self.spec = ToolSpec(name, _description(definition), _schema(definition))

    def doing(self, arguments: dict[str, Any]) -> Status:
        return step(self._definition)

    async def call(self, arguments: dict[str, Any]) -> ToolOutput:
        return await self._tools.call(self._definition, arguments)

    async def call_telling(self, arguments: dict[str, Any], told: Told) -> ToolOutput:
        return await self._tools.call(self._definition, arguments, told)


class FindTools:
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


class DescribeTool:
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


class UseTool:
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
            return step(self._tools.known(arguments["name"]))
        except BadCall:
            return Status("Calling a tool", stage="tool")

    async def call(self, arguments: dict[str, Any]) -> ToolOutput:
        return await self._tools.call(self._tools.known(arguments["name"]), arguments["arguments"])

    async def call_telling(self, arguments: dict[str, Any], told: Told) -> ToolOutput:
        known = self._tools.known(arguments["name"])
        return await self._tools.call(known, arguments["arguments"], told)


def _description(definition: Definition) -> str:
    text = " ".join(visible(definition.description or definition.title).split())
    if len(text) > _DESCRIPTION:
        text = text[:_DESCRIPTION].rsplit(" ", 1)[0] + " …"
    return text or definition.name


def _first(definition: Definition) -> str:
    """The beginning of a description."""
    text = _description(definition)
    return text if len(text) < 160 else text[:160].rsplit(" ", 1)[0] + " …"


def _schema(definition: Definition) -> dict[str, Any]:
    """The schema of an object, whatever the server gave; the same without what is invisible."""
    schema: dict[str, Any] = _visible(definition.schema)
    if schema.get("type") != "object":
        schema = {"type": "object", **schema, "properties": schema.get("properties", {})}
    return schema


def _visible(value: Any) -> Any:
    """JSON with every text of it as a reader sees it."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return [_visible(item) for item in value]
    if isinstance(value, dict):
        return {visible(key): _visible(item) for key, item in value.items()}
    return value


def title(definition: Definition) -> str:
    return " ".join(visible(definition.title or definition.name).split())[:80]


def step(definition: Definition) -> Status:
    return Status(f"{definition.server}: {title(definition)}", stage="tool")

"""What all our MCP servers share: tools with small schemas, results that fit, readable errors.

Which tools there are is each server's own affair; how a server is reached is `serving`'s.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, TypeVar

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import MCPServerError, ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, TextContent, ToolAnnotations

from agent.errors import AgentError
from knowledge.errors import KnowledgeError

R = TypeVar("R")

LIMIT = 19_000
"""Bytes of a whole result, both of its renderings together. Hosts cut what is much larger to a
preview of 2 KB."""
_SECONDS = 1.0
"""Between two signs of life that no person would miss."""
_BEAT = 10.0
"""Seconds between two signs of life of work that says nothing itself; clients wait for longer."""

logger = logging.getLogger(__name__)


def tool(
    function: Callable[..., Awaitable[dict[str, Any]]],
    description: str,
    *,
    title: str,
    writes: bool = False,
    open_world: bool = False,
) -> Tool:
    """A tool as a server is given it: its result told twice, its errors readable.

    Args:
        function: Called with the arguments; its parameters are the schema.
        description: What a model reads.
        title: What a person reads.
        writes: Whether it changes anything; nothing of ours destroys, or does more the second time.
        open_world: Whether it reaches beyond this machine.

    Returns:
        A tool whose result has the data as structured content, and the same as text for hosts that
        pass on only that.
    """

    @wraps(function)
    async def call(**arguments: Any) -> CallToolResult:
        try:
            return reply(await function(**arguments))
        except (MCPError, MCPServerError):
            raise
        except (AgentError, KnowledgeError) as error:
            raise ToolError(in_words(str(error), error.hint)) from error
        except Exception as error:
            logger.exception("the tool %s failed", function.__name__)
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise ToolError(f"{what}. This is a bug; other calls may work.") from error

    made = Tool.from_function(
        call,
        name=function.__name__,
        title=title,
        description=description,
        annotations=ToolAnnotations(
            read_only_hint=not writes,
            destructive_hint=False,
            idempotent_hint=True,
            open_world_hint=open_world,
        ),
        structured_output=False,
    )
    _make_small(made.parameters)
    # That it is an object, and no more: a model reads the result itself.
    made.fn_metadata.output_schema = {"type": "object"}
    return made


def in_words(what: str, hint: str) -> str:
    """What happened, as a sentence, and what to do next."""
    what = what.strip()
    if what and what[-1] not in ".!?…":
        what += "."
    return f"{what} {hint}".strip()


def reply(data: dict[str, Any]) -> CallToolResult:
    """A result: the data, and the data as text."""
    return CallToolResult(content=[TextContent(text=_text(data))], structured_content=data)


def weight(value: Any) -> int:
    """Bytes that a value adds to a result, which tells it twice."""
    text = _text(value)
    return len(text.encode()) + len(_text(text).encode())


def fitting(data: dict[str, Any], items: Sequence[Any]) -> int:
    """How many items, from the first, fit into a result beside what else is in it: one at least."""
    room = LIMIT - weight(data)
    for n, item in enumerate(items):
        room -= weight(item) + 2
        if room < 0:
            return max(1, n)
    return len(items)


async def until_ended(work: Coroutine[Any, Any, R]) -> R:
    """Await work in a task of its own; cancelled, end it, and wait until it has cleaned up.

    The SDK cancels a handler again at each thing that it awaits: a connection that is to be closed
    in between would stay open.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # nobody is left to be told of it
        raise


class Ticker:
    """Tells the client how a call goes on; its timeouts begin anew each time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._n = 0
        self._due = 0.0

    async def tell(self, text: str) -> None:
        """Tell of a step."""
        self._n += 1
        self._due = time.monotonic() + _SECONDS
        await self._context.report_progress(self._n, None, text)

    @property
    def is_due(self) -> bool:
        """Whether nothing has been told for so long that anything is worth telling."""
        return time.monotonic() >= self._due


@asynccontextmanager
async def beating(context: Context, text: str) -> AsyncGenerator[None, None]:
    """While open, the client is told every few seconds that a call goes on."""

    async def tell() -> None:
        ticker = Ticker(context)
        while True:
            await asyncio.sleep(_BEAT)
            await ticker.tell(text)

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        task.cancel()


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _make_small(schema: Any) -> None:
    """Take out of a schema what says nothing: generated titles, and defaults that are empty."""
    if isinstance(schema, dict):
        # A property may be called so, too; it is no text.
        if isinstance(schema.get("title"), str):
            del schema["title"]
        if schema.get("default") == "":
            del schema["default"]
        for part in schema.values():
            _make_small(part)
    elif isinstance(schema, list):
        for part in schema:
            _make_small(part)

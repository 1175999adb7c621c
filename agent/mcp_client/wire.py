"""From the protocol's shapes to the room's own, and what is read more kindly than the SDK does.

No connection is held here: see `session`.
"""

from __future__ import annotations

import json
from base64 import b64decode
from contextlib import suppress
from typing import TYPE_CHECKING, Self, TypeAlias

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from agent.arguments import plain
from agent.mcp_client.shapes import Attachment, Definition, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context
    from types import TracebackType

    from mcp.client._transport import ReadStream

    Messages: TypeAlias = ReadStream[SessionMessage | Exception]


def definition(server: str, tool: types.Tool) -> Definition:
    """A tool as the room knows it. What it does not say is taken for the worse."""
    hints = tool.annotations or types.ToolAnnotations()
    return Definition(
        server=server,
        name=tool.name,
        title=tool.title or hints.title or "",
        description=tool.description or "",
        schema=tool.input_schema,
        output_schema=tool.output_schema,
        read_only=hints.read_only_hint is True,
        destructive=hints.destructive_hint is not False,
        idempotent=hints.idempotent_hint is True,
        open_world=hints.open_world_hint is not False,
    )


def outcome(result: types.CallToolResult) -> Outcome:
    """What a call came to: its texts in one, and beside them what is no text."""
    texts: list[str] = []
    attachments: list[Attachment] = []
    for block in result.content:
        match block:
            case types.TextContent():
                texts.append(block.text)
            case types.ImageContent() | types.AudioContent():
                attachments.append(_attachment(block.type, block.mime_type, block.data))
            case types.ResourceLink():
                texts.append(f"[{block.title or block.name}: {block.uri}]")
            case types.EmbeddedResource(resource=types.TextResourceContents() as resource):
                texts.append(f"[{resource.uri}]\n{resource.text}")
            case types.EmbeddedResource(resource=types.BlobResourceContents() as resource):
                kind = resource.mime_type or "application/octet-stream"
                attachments.append(_attachment("file", kind, resource.blob))
    if result.structured_content is not None and not result.is_error:
        texts = [json.dumps(result.structured_content, ensure_ascii=False)]
    return Outcome("\n".join(texts), ok=not result.is_error, attachments=tuple(attachments))


def refused(error: MCPError) -> Outcome:
    """What a call came to that the server answered by an error.

    Where a person must visit pages first, they are named; the revision of 2025-11-25 has them
    beside the message.
    """
    said = [str(error)]
    if error.code == types.URL_ELICITATION_REQUIRED:
        with suppress(ValidationError):
            wanted = types.ElicitationRequiredErrorData.model_validate(error.error.data)
            said += [f"{page.message} {page.url}" for page in wanted.elicitations]
    return Outcome("\n".join(said), ok=False)


def how_far(done: float, total: float | None, message: str | None) -> str:
    """How far a call is, in a line."""
    said = " ".join((message or "").split())[:200]
    far = f"{done:g}" if not total else f"{done:g} of {total:g}"
    return f"{said} ({far})" if said else far


class Completing:
    """A stream of messages whose results all say whether they are complete.

    From 2026-07-28 on a result says so in `resultType`, and one that does not is complete
    (specification 2026-07-28, basic/patterns/mrtr); the SDK refuses it. It also runs the regular
    expressions of the schemas that tools give for their results: those are left out here.
    """

    def __init__(self, stream: Messages, modern: Callable[[], bool]) -> None:
        """Take a stream.

        Args:
            stream: As the transport gives it.
            modern: Whether such a revision is spoken.
        """
        self._stream = stream
        self._modern = modern

    @property
    def last_context(self) -> Context | None:
        """In which the last message was sent; the SDK looks for it."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        return self._whole(await self._stream.receive())

    async def aclose(self) -> None:
        """Close it."""
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        """Its messages."""
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        """The next message."""
        return self._whole(await self._stream.__anext__())

    async def __aenter__(self) -> Self:
        """For `async with`."""
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        """Close it."""
        return await self._stream.__aexit__(kind, error, trace)

    def _whole(self, message: SessionMessage | Exception) -> SessionMessage | Exception:
        if not isinstance(message, SessionMessage):
            return message
        if isinstance(message.message, types.JSONRPCResponse):
            result = message.message.result
            if self._modern():
                result.setdefault("resultType", "complete")
            tools = result.get("tools")
            for tool in tools if isinstance(tools, list) else ():
                if isinstance(tool, dict) and "outputSchema" in tool:
                    tool["outputSchema"] = plain(tool["outputSchema"])
        return message


def _attachment(kind: str, media_type: str, data: str) -> Attachment:
    try:
        return Attachment(kind, media_type, b64decode(data, validate=True))
    except ValueError:
        return Attachment(kind, media_type, data.encode("utf-8", "replace"))

"""The client's own tools, offered to a model beside the library's; calling them is the client's.

They are offered where a mode offers tools at all. Once a reply of the model asks for one, the ask
ends with `HandedOver`, and the client asks again with what the tools came to.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from agent.errors import AgentError
from agent.events import Usage
from agent.library_tools import LIBRARY_TOOLS
from agent.messages import ModelUsage, ToolRequest, ToolSpec
from agent.models.wrapped import Wrapped
from agent.modes.answering import used
from agent.server.bodies import NamedTool
from agent.server.errors import Refused

if TYPE_CHECKING:
    from agent.messages import Delta, Message
    from agent.models.base import ChatModel
    from agent.server.bodies import ChatRequest


class HandedOver(AgentError):
    """The model has asked for tools of the client's: the answer ends there, for now."""


class HandsOver(Wrapped):
    """Another chat model, which may also ask for tools of the client's; see `ChatModel`."""

    def __init__(self, model: ChatModel, specs: Sequence[ToolSpec]) -> None:
        """Offer tools to a model.

        Args:
            model: One that can call tools.
            specs: The client's tools; their names are none of the library's.
        """
        super().__init__(model)
        self.calls: tuple[ToolRequest, ...] = ()
        """What the client is to call, once the ask has ended with `HandedOver`."""
        self.usage = Usage()
        """Of the reply that asked for it."""
        self._specs = tuple(specs)

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """Answer; see `ChatModel.stream`.

        Raises:
            HandedOver: The reply, which is whole by then, asks for tools of the client's. What it
                asks for of the library's besides, the model asks for again.
        """
        offered = (*tools, *self._specs) if tools else ()
        theirs = {spec.name for spec in self._specs}
        calls: list[ToolRequest] = []
        reply = self.inner.stream(messages, tools=offered, max_tokens=max_tokens)
        async with aclosing(reply) as deltas:
            async for delta in deltas:
                if isinstance(delta, ToolRequest) and delta.name in theirs and tools:
                    calls.append(delta)
                elif isinstance(delta, ModelUsage) and calls:
                    self.usage = used(delta)
                else:
                    yield delta
        if calls:
            self.calls = tuple(calls)
            raise HandedOver(f"The client is to call {', '.join(call.name for call in calls)}.")


def offered(body: ChatRequest) -> list[ToolSpec]:
    """The tools of a request that may be called.

    Raises:
        Refused: A name is given twice or is one of the library's; or a tool must be called that
            is not there.
    """
    specs = [
        ToolSpec(
            tool.function.name,
            tool.function.description or "",
            tool.function.parameters or {"type": "object", "properties": {}},
        )
        for tool in body.tools or ()
    ]
    names = [spec.name for spec in specs]
    before: set[str] = set()
    for i, name in enumerate(names):
        if name in LIBRARY_TOOLS or name in before:
            why = "is a tool of the library's" if name in LIBRARY_TOOLS else "is given twice"
            raise _wrong(f"The tool name '{name}' {why}.", f"tools.{i}.function.name")
        before.add(name)
    choice = body.tool_choice
    if choice == "none":
        return []
    if choice == "required" and not specs:
        raise _wrong("A tool must be called, and none is given.", "tool_choice")
    if isinstance(choice, NamedTool):
        if choice.function.name not in names:
            raise _wrong(f"There is no tool '{choice.function.name}'.", "tool_choice")
        return [spec for spec in specs if spec.name == choice.function.name]
    return specs


def cannot_call(who: str) -> Refused:
    """The refusal of a tool that must be called, where none can be.

    Args:
        who: The model or the mode that calls no tools of a client's.
    """
    return Refused(
        400,
        f"A tool must be called, and {who} calls none.",
        code="tools_not_supported",
        param="tool_choice",
        hint="Leave tool_choice out, or ask understudy/agentic; where that is refused, too, the "
        "server's model calls no tools, and its owner may take another.",
    )


def _wrong(message: str, param: str) -> Refused:
    return Refused(400, message, code="invalid_request", param=param)

"""langchain's agent on the house's models and tools. The only module that imports langchain.

The bridge asks the house for each reply and each tool call, and converts messages; nothing of
langchain's leaves this file, and no error of its own. It keeps no checkpoints. Imported late.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

# Before the imports: langchain would send what is said to its makers, where a user's environment
# asks for that in other programs.
os.environ["LANGSMITH_TRACING"] = "false"
os.environ["LANGSMITH_TRACING_V2"] = "false"

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, hook_config
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
)
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import BaseTool
from langgraph.errors import GraphRecursionError

from agent.errors import BudgetSpent
from agent.messages import Message, ModelUsage, ToolRequest, ToolSpec

_STEPS = 3
"""Steps of langchain's in a round: the model, the look at its reply, the tools."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered."""

    text: str
    requests: tuple[ToolRequest, ...]
    usage: ModelUsage


Ask = Callable[[Sequence[Message]], Awaitable[Reply]]
Call = Callable[[ToolRequest], Awaitable[str]]
Judge = Callable[[str], Awaitable[str]]


async def drive(
    messages: Sequence[Message],
    tools: Sequence[ToolSpec],
    *,
    ask: Ask,
    call: Call,
    judge: Judge,
    rounds: int,
) -> None:
    """Ask, call what is asked for, and again, until a draft is accepted.

    Args:
        messages: The conversation so far.
        tools: What the model may call.
        ask: The whole conversation -> the model's reply.
        call: A tool request -> what the model reads as its result.
        judge: A draft -> what the model is told against it; empty accepts it.
        rounds: The most replies.

    Raises:
        BudgetSpent: There were too many. Whatever `ask`, `call` and `judge` raise, besides.
    """
    agent: Any = create_agent(
        _Bridge(ask=ask),
        [_Named(name=t.name, description=t.description, args_schema=t.parameters) for t in tools],
        middleware=[_Hooks(call, judge)],
    )
    config = {"recursion_limit": rounds * _STEPS}
    try:
        await agent.ainvoke({"messages": [_theirs(message) for message in messages]}, config)
    except GraphRecursionError:
        raise BudgetSpent(f"The model went on for {rounds} rounds.") from None


class _Bridge(BaseChatModel):
    """The house's model as langchain's. The house reads the stream; langchain gets the whole."""

    ask: Ask

    @property
    def _llm_type(self) -> str:
        return "understudy"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> _Bridge:
        """The house offers the tools itself."""
        return self

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError("the house's models are asynchronous")

    async def _agenerate(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> ChatResult:
        reply = await self.ask([_ours(message) for message in messages])
        usage = reply.usage
        said = AIMessage(
            reply.text,
            tool_calls=_calls(reply.requests),
            usage_metadata={
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
                "total_tokens": usage.input_tokens + usage.output_tokens,
            },
        )
        return ChatResult(generations=[ChatGeneration(message=said)])


class _Named(BaseTool):
    """A tool by its name; `_Hooks` is who calls it."""

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("the middleware calls the tools")


class _Hooks(AgentMiddleware[Any, Any]):
    """Where langchain would call a tool or end with a reply, the house is asked."""

    def __init__(self, call: Call, judge: Judge) -> None:
        super().__init__()
        self._call = call
        self._judge = judge

    async def awrap_tool_call(self, request: Any, handler: Any) -> ToolMessage:
        asked = request.tool_call
        text = await self._call(ToolRequest(asked["id"], asked["name"], asked["args"]))
        return ToolMessage(text, tool_call_id=asked["id"], name=asked["name"])

    @hook_config(can_jump_to=["model"])
    async def aafter_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        last = state["messages"][-1]
        if last.tool_calls:
            return None
        against = await self._judge(last.text)
        if not against:
            return None
        return {"messages": [HumanMessage(against)], "jump_to": "model"}


def _calls(requests: Sequence[ToolRequest]) -> list[ToolCall]:
    return [ToolCall(name=r.name, args=r.arguments, id=r.id) for r in requests]


def _theirs(message: Message) -> BaseMessage:
    match message.role:
        case "system":
            return SystemMessage(message.whole)
        case "user":
            return HumanMessage(message.whole)
        case "assistant":
            return AIMessage(message.whole, tool_calls=_calls(message.tool_requests))
        case "tool":
            return ToolMessage(message.whole, tool_call_id=message.tool_id)


def _ours(message: BaseMessage) -> Message:
    text = message.text
    match message:
        case SystemMessage():
            return Message("system", text)
        case AIMessage():
            calls = message.tool_calls
            requests = (ToolRequest(c["id"] or "", c["name"], c["args"]) for c in calls)
            return Message("assistant", text, tool_requests=tuple(requests))
        case ToolMessage():
            return Message("tool", text, tool_id=message.tool_call_id)
        case _:
            return Message("user", text)

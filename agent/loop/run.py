"""The loop as the house sees it: messages in, events out, a draft at the end.

It runs in a task of its own; leaving the events, or cancelling who reads them, cancels the task,
which closes the provider's connection at once. The draft is not said here: who asked for it says
it, once it is checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, assert_never

from agent.errors import BudgetSpent, ContextTooLong
from agent.events import Event, Status, Thought, Usage
from agent.loop.conversation import Conversation
from agent.messages import (
    Message,
    ModelUsage,
    TextDelta,
    ThoughtDelta,
    ToolRequest,
)
from agent.models.wire import MALFORMED
from agent.prompts import prompt

if TYPE_CHECKING:
    from agent.loop.graph import Reply
    from agent.models.base import ChatModel
    from agent.toolbox import Toolbox

Review = Callable[[str, Callable[[Event], None]], Awaitable[str]]
"""A draft, and where to put events -> what the model is told against it; empty accepts it."""

_ROUNDS = 200
"""Replies at most, whatever the budget allows."""
_SHORTER = 2
"""How often a reply is asked for again, with less to read, where the model found it too long."""


class ToolLoop:
    """One run of a model over tools."""

    def __init__(
        self,
        model: ChatModel,
        tools: Toolbox,
        review: Review,
        *,
        max_tokens: int | None = None,
        rounds: int = _ROUNDS,
    ) -> None:
        """Prepare a run.

        Args:
            model: One that can call tools, and keeps to its budget of itself.
            tools: What it may call.
            review: Asked of every draft.
            max_tokens: The longest reply.
            rounds: The most replies.
        """
        self.unfinished = ""
        """What had been written of a reply when the run ended under it; perhaps of a draft."""
        self.cut = False
        """Whether the last draft was cut at the token limit."""
        self.spent = ""
        """Why the model had to answer before it wanted to; empty if it had not."""
        self._model = model
        self._tools = tools
        self._review = review
        self._max_tokens = max_tokens
        self._rounds = rounds
        self._conversation = Conversation(model, tools, max_tokens)
        self._ids: set[str] = set()
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()

    async def warm(self) -> None:
        """Import what the first run would wait for, one after the other."""
        await asyncio.to_thread(_door)
        await self._tools.warm()

    async def events(self, messages: Sequence[Message]) -> AsyncGenerator[Event, None]:
        """Run.

        Args:
            messages: The conversation so far.

        Raises:
            BudgetSpent: The budget ended, or the model went on for too long.
            ModelError: The model failed.
            AgentError, KnowledgeError: A tool needs the user to act.
        """
        await self.warm()
        self._ids.update(request.id for m in messages for request in m.tool_requests)
        task = asyncio.create_task(self._run(messages))
        task.add_done_callback(lambda _: self._queue.put_nowait(None))
        try:
            while (event := await self._queue.get()) is not None:
                yield event
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self, messages: Sequence[Message]) -> None:
        await _door()(
            messages,
            self._tools.specs,
            ask=self._ask,
            call=self._call,
            judge=lambda draft: self._review(draft, self._queue.put_nowait),
            rounds=self._rounds,
        )

    async def _ask(self, messages: Sequence[Message]) -> Reply:
        """One reply of the model; its last one, where no more calls are taken."""
        self.spent = self.spent or self._tools.ended
        for left in reversed(range(_SHORTER + 1)):
            sent = self._conversation.fitted(messages)
            if self.spent:
                sent.append(Message("user", prompt("agentic_last"), evidence=sent[-1].evidence))
            try:
                return await self._reply(sent)
            except ContextTooLong:
                if not left or not self._tools.ledger.visible:
                    raise
                self._conversation.halve()
                self._emit(Status("Too long for the model: reading less", stage="compact"))
        raise AssertionError("the last try returns or raises")

    async def _reply(self, messages: Sequence[Message]) -> Reply:
        from agent.loop.graph import Reply

        self.unfinished, self.cut = "", False
        requests: list[ToolRequest] = []
        usage = ModelUsage()
        stream = self._model.stream(messages, tools=self._tools.specs, max_tokens=self._max_tokens)
        async with aclosing(stream) as deltas:
            async for delta in deltas:
                match delta:
                    case TextDelta():
                        self.unfinished += delta.text
                    case ThoughtDelta():
                        self._emit(Thought(delta.text))
                    case ToolRequest():
                        requests.append(self._unique(delta))
                    case ModelUsage():
                        usage = delta
                        self._emit(
                            Usage(
                                delta.input_tokens,
                                delta.output_tokens,
                                delta.cached_tokens,
                                delta.cost,
                                delta.saved,
                            )
                        )
                    case _:
                        assert_never(delta)
        text, self.unfinished = self.unfinished, ""
        if requests and text.strip():
            self._emit(Thought(text))
        if requests and self.spent:
            raise BudgetSpent(self.spent)
        self.cut = usage.finish == "length"
        return Reply(text, tuple(requests), usage)

    def _unique(self, request: ToolRequest) -> ToolRequest:
        """Some providers call every call the same."""
        id, n = request.id or "call", 1
        while id in self._ids:
            n += 1
            id = f"{request.id or 'call'}-{n}"
        self._ids.add(id)
        return ToolRequest(id, request.name, request.arguments)

    async def _call(self, request: ToolRequest) -> str:
        written = request.arguments.get(MALFORMED)
        async with aclosing(self._tools.call(request, unreadable=written)) as events:
            async for event in events:
                self._emit(event)
        return self._tools.text(self._tools.outputs[request.id])

    def _emit(self, event: Event) -> None:
        self._queue.put_nowait(event)


def _door() -> Callable[..., Awaitable[None]]:
    """What drives the loop. Its import takes a second, and only this mode needs it."""
    from agent.loop.graph import drive

    return drive

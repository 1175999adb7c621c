"""A chat model under a budget: every call is admitted, limited, timed and counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, assert_never

from agent.errors import BudgetSpent
from agent.messages import ModelUsage, TextDelta, ThoughtDelta, ToolRequest
from agent.models.wrapped import Wrapped

if TYPE_CHECKING:
    from agent.budget import Budget
    from agent.messages import Delta, Message, ToolSpec
    from agent.models.base import ChatModel

_PATIENCE = 2
"""How many times over a model may go past the longest answer it was asked for: counts of pieces
come to more than the count of the whole, and tokenizers differ."""


class Metered(Wrapped):
    """Another chat model, of which nothing is asked past a budget; see `ChatModel`."""

    def __init__(self, model: ChatModel, budget: Budget) -> None:
        super().__init__(model)
        self.stand_in = ""
        """Who has answered last in its place; empty where it has answered itself."""
        self._budget = budget

    async def warm(self) -> None:
        """Warm the model, for as long as the budget lasts."""
        await self._budget.within(self.inner.warm)

    async def prepare(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Let the model prepare, for as long as the budget lasts; see `Prepares`.

        Raises:
            BudgetSpent: The budget ended under it.
        """
        async with aclosing(super().prepare(messages)) as lines:
            while (line := await self._budget.within(lambda: anext(lines, None))) is not None:
                yield line

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """Answer within the budget; see `ChatModel.stream`.

        Where the budget ends under the answer, its usage so far is estimated and sent, and then
        `BudgetSpent` is raised.

        Raises:
            BudgetSpent: The call is not admitted, the budget ended under it, or cut its answer
                short. The provider's connection is closed by then.
        """
        budget, limits = self._budget, self._budget.limits
        prompt, price = 0, None
        if limits.tokens is not None or limits.cost is not None:
            await self.warm()  # what counts the tokens may be slow to load
            # In a thread: a long prompt takes long to count.
            prompt = await budget.within(lambda: asyncio.to_thread(self._size, messages, tools))
            price = self.price if limits.cost is not None else None
        call = budget.admit(prompt, max_tokens, price)
        said = _Said(self.inner)
        usage: ModelUsage | None = None
        spent: BudgetSpent | None = None
        past = False
        stream = self.inner.stream(messages, tools=tools, max_tokens=call.longest)
        try:
            async with aclosing(stream) as deltas:
                while (delta := await budget.within(lambda: anext(deltas, None))) is not None:
                    if isinstance(delta, ModelUsage):
                        usage, self.stand_in = delta, delta.model
                        break
                    said.add(delta)
                    yield delta
                    if past := call.longest is not None and (
                        said.tokens > _PATIENCE * call.longest
                    ):
                        break
        except BudgetSpent as end:
            spent = end
        finally:
            # Whoever left in the middle, or was cancelled, is not told, but it is counted.
            if usage is None and said.tokens:
                usage = self._estimate(prompt or self._size(messages, tools), said.tokens, past)
            budget.settle(call, usage or ModelUsage())
        if usage is not None:
            yield usage
        if spent is None and usage is not None and usage.finish == "length" and call.reason:
            spent = BudgetSpent(call.reason)
        if spent is not None:
            raise spent

    def _size(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """The tokens of a prompt."""
        said = sum(self.count(message.whole) for message in messages)
        return said + sum(self.count(f"{t.name} {t.description} {t.parameters}") for t in tools)

    def _estimate(self, prompt: int, said: int, past: bool) -> ModelUsage:
        """What an answer without a reported usage has used: providers bill what they have sent."""
        price = self.price
        cost = None if price is None else prompt * price.input + said * price.output
        return ModelUsage(prompt, said, cost=cost, finish="length" if past else "stop")


class _Said:
    """Counts an answer as it comes."""

    def __init__(self, model: ChatModel) -> None:
        self.tokens = 0
        self._model = model

    def add(self, delta: TextDelta | ThoughtDelta | ToolRequest) -> None:
        match delta:
            case TextDelta(text=text) | ThoughtDelta(text=text):
                self.tokens += self._model.count(text)
            case ToolRequest(name=name, arguments=arguments):
                self.tokens += self._model.count(f"{name} {arguments}")
            case _:
                assert_never(delta)

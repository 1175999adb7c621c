"""A chat model that others stand in for: who does not answer is passed over."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.errors import ModelError, ModelUnreachable, RateLimited
from agent.messages import ModelUsage
from agent.models.base import Prepares
from agent.models.wrapped import Wrapped

if TYPE_CHECKING:
    from agent.messages import Delta, Message, ToolSpec
    from agent.models.base import ChatModel

REST = 30.0
"""Seconds that a model which could not be reached, or had no room, is asked last."""


class Fallback(Wrapped):
    """Several chat models in the order in which they are asked; see `ChatModel`.

    The first is what it is called by, counted and priced with (what was paid in the end is in the
    usage), and says whether tools can be called: those that cannot stand in only where none are
    offered. The next is asked where one has failed before it said a word: an answer is never glued
    together from two.
    """

    def __init__(
        self, models: Sequence[ChatModel], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take at least one model."""
        super().__init__(models[0])
        self._models = tuple(models)
        self._clock = clock
        self._rests: dict[int, float] = {}
        """When each was last of no use, by its place."""

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """Answer, or let another answer; see `ChatModel.stream`.

        Raises:
            ModelError: None of them answered: what went wrong with the first that was asked.
        """
        failed: ModelError | None = None
        for place in self._order(needs_tools=bool(tools)):
            model, spoke = self._models[place], False
            stream = model.stream(messages, tools=tools, max_tokens=max_tokens)
            try:
                async with aclosing(stream) as deltas:
                    async for delta in deltas:
                        spoke = True
                        if isinstance(delta, ModelUsage) and place:
                            delta = replace(delta, model=model.name)
                        yield delta
                self._rests.pop(place, None)
                return
            except ModelError as error:
                if spoke:
                    raise
                self._rest(place, error)
                failed = failed or error
        assert failed is not None
        raise failed

    async def prepare(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Let who would be asked first prepare; see `Prepares`.

        Where it cannot, nothing is raised: another one answers then.
        """
        place = self._order(needs_tools=False)[0]
        model = self._models[place]
        if not isinstance(model, Prepares):
            return
        try:
            async with aclosing(model.prepare(messages)) as lines:
                async for line in lines:
                    yield line
        except ModelError as error:
            self._rest(place, error)

    async def aclose(self) -> None:
        """Let go of all of them."""
        for model in self._models:
            await model.aclose()

    def _rest(self, place: int, error: ModelError) -> None:
        """Have one asked last for a while that could not be reached, or had no room."""
        if isinstance(error, ModelUnreachable | RateLimited):
            self._rests[place] = self._clock()

    def _order(self, *, needs_tools: bool) -> list[int]:
        """Whom to ask, first to last: those that rest come after those that do not."""
        now = self._clock()
        able = [
            place
            for place, model in enumerate(self._models)
            if not place or not needs_tools or model.can_call_tools
        ]
        return sorted(able, key=lambda n: now - self._rests.get(n, now - REST) < REST)

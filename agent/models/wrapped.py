"""What a chat model that stands around another one has from it. Answers nothing by itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeGuard

from agent.models.base import Prepares

if TYPE_CHECKING:
    from agent.messages import Message, Price
    from agent.models.base import ChatModel


class Wrapped:
    """All of a `ChatModel` but `stream`, handed on to another one."""

    def __init__(self, model: ChatModel) -> None:
        """Stand around a model."""
        self.inner = model
        """The model itself."""

    @property
    def name(self) -> str:
        """The model's."""
        return self.inner.name

    @property
    def context_window(self) -> int | None:
        """The model's."""
        return self.inner.context_window

    @property
    def can_call_tools(self) -> bool:
        """The model's."""
        return self.inner.can_call_tools

    @property
    def price(self) -> Price | None:
        """The model's."""
        return self.inner.price

    async def warm(self) -> None:
        """Warm the model."""
        await self.inner.warm()

    async def prepare(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Let the model prepare; see `Prepares`. Gives nothing where it is none."""
        if isinstance(self.inner, Prepares):
            async with aclosing(self.inner.prepare(messages)) as lines:
                async for line in lines:
                    yield line

    def count(self, text: str) -> int:
        """By the model's count."""
        return self.inner.count(text)

    async def aclose(self) -> None:
        """Let go of the model's connections and memory."""
        await self.inner.aclose()


def innermost(model: ChatModel) -> ChatModel:
    """The model that others stand around; of several that stand in for one another, the first."""
    while isinstance(model, Wrapped):
        model = model.inner
    return model


def prepares(model: ChatModel) -> TypeGuard[Prepares]:
    """Whether a model itself keeps what it has read, whatever stands around it."""
    return isinstance(innermost(model), Prepares)

"""What a chat model is to the house: messages in, a stream of deltas out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agent.messages import Delta, Message, ToolSpec


class ChatModel(Protocol):
    """A model that can be talked to.

    Making one is cheap and touches no network; `warm` loads what is slow to load.
    """

    @property
    def name(self) -> str:
        """The name by which the user chose it."""

    @property
    def context_window(self) -> int | None:
        """The tokens that prompt and answer share; None where nobody knows."""

    @property
    def can_call_tools(self) -> bool:
        """Whether `tools` may be passed to `stream`."""

    async def warm(self) -> None:
        """Load what the first call would wait for (imports, weights). Safe to call twice."""

    def count(self, text: str) -> int:
        """The tokens of a text, by the model's own tokenizer where there is one."""

    def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """Answer. Text and thoughts as they come, whole tool requests, then one `ModelUsage`.

        Cancelling the task that iterates closes the provider's connection at once.

        Raises:
            ModelError: One of its kinds, with a hint; nothing of the provider's own types.
        """

    async def aclose(self) -> None:
        """Let go of connections and memory."""

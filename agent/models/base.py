"""What a chat model is to the house: messages in, a stream of deltas out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from agent.messages import Delta, Message, Price, ToolSpec


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

    @property
    def price(self) -> Price | None:
        """What its tokens cost; None where nobody knows."""

    async def warm(self) -> None:
        """Load what the first call would wait for (imports, weights). Safe to call twice."""

    def count(self, text: str) -> int:
        """The tokens of a text, by the model's own tokenizer where there is one.

        0 for a model that reads without tokens: no budget of them concerns it.
        """

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


@runtime_checkable
class Prepares(Protocol):
    """A model that does slow work on a prompt ahead of its answer, once for many questions.

    Optional: embedded and local models do it for a `Message.prefix`, and keep what came of it.
    """

    def prepare(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Do that work for these messages; gives a line for a person at each stage or few seconds.

        Gives nothing where all is done already. `stream` does the work itself where this was not
        called; leaving the generator, or cancelling its task, stops the work at once.

        Raises:
            ModelError: One of its kinds, as `stream` would raise it.
        """

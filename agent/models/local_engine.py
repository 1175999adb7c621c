"""What runs local weights, to `local.py`: the protocol of the two engines. Runs nothing itself.

An engine is made and used on one worker thread, and answers one call at a time. Between calls it
*holds* the key-value cache of some tokens, so that a prompt that begins with them need not be read
from its start (Chan et al., "Don't Do RAG: When Cache-Augmented Generation is All You Need for
Knowledge Tasks", arXiv 2412.15605).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from agent.errors import ModelError

Stop = Callable[[], bool]
"""Whether nobody waits any longer for what an engine is doing."""


class Stopped(Exception):
    """An engine has stopped because it was told to; what it holds is whole."""


class TemplateRefuses(Exception):
    """The chat template cannot show these messages (it has no system role, say)."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The end of an answer."""

    tokens: int
    """That were generated, the end of the turn included."""
    finish: Literal["stop", "length"]


class Engine(Protocol):
    """Weights in memory. All methods may raise `ModelError`; those with a `stop`, `Stopped`."""

    @property
    def window(self) -> int | None:
        """The tokens that prompt and answer share; None where the weights do not say."""

    @property
    def key(self) -> str:
        """What a saved cache depends on: weights, arithmetic, the libraries' versions."""

    @property
    def suffix(self) -> str:
        """Of the files that `save` writes."""

    @property
    def specials(self) -> Sequence[str]:
        """What the tokenizer reads as control and not as text."""

    @property
    def can_keep(self) -> bool:
        """Whether a cache can be cut back to a prefix; if not, `read` is never called."""

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The prompt of a conversation (`role`, `content`), up to where the answer begins.

        Raises:
            TemplateRefuses: The template cannot show it.
        """

    def tokens(self, text: str) -> list[int]:
        """A text by the model's own tokenizer, control tokens read, none added."""

    def kept(self, tokens: Sequence[int]) -> int:
        """How many of these tokens need not be read, for what is held already."""

    def restore(self, file: Path, tokens: Sequence[int]) -> bool:
        """Hold what was saved instead: the cache of `tokens`. False where it cannot be used."""

    def read(self, tokens: Sequence[int], stop: Stop) -> Generator[int, None, None]:
        """Hold the cache of exactly these tokens; gives how many are done, from time to time."""

    def save(self, file: Path) -> None:
        """Write what is held. Raises `OSError` where the disk does not take it."""

    @property
    def bytes_held(self) -> int:
        """About what `save` would write; 0 where nobody knows."""

    def answer(
        self, rest: Sequence[int], most: int, temperature: float, stop: Stop
    ) -> Generator[str | Answered, None, None]:
        """Go on from what is held: the text piece by piece, then one `Answered`.

        What was held before is held after, also where the answer is stopped or fails.

        Args:
            rest: The prompt's tokens after those held; at least one.
            most: Tokens of the answer.
            temperature: 0 for the likeliest token each time.
            stop: Asked at every token.
        """

    def close(self) -> None:
        """Let go of the memory."""


def missing_extra(library: str) -> ModelError:
    """The failure of an import."""
    return ModelError(
        f"Local weights need {library}, which is not installed.",
        hint="pip install -c constraints.txt '.[local]'  (in the project's folder)",
    )


def out_of_memory(name: str, tokens: int = 0) -> ModelError:
    """The failure of an allocation, while so many tokens were held."""
    at = f" at {tokens:,} tokens" if tokens else ""
    return ModelError(
        f"There is not enough memory for {name}{at}.",
        hint="Take smaller weights (a quantised GGUF file), or show the model less: "
        "--source PATH, or --mode naive",
    )


def no_template(path: Path) -> ModelError:
    """The failure of weights that were not made for conversation."""
    return ModelError(
        f"{path} has no chat template: it cannot be asked a question.",
        hint="Take weights that were tuned for instructions, or give a folder of weights its "
        "template: chat_template.jinja",
    )

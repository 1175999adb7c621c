"""Which tokens of a chat are an answer's, for a template that does not mark them.

The chat is rendered up to each answer with the generation prompt, as it is served, and then with
the answer in it. What the second adds to the first is what the model has to write: it carries the
loss. That is right only where each rendering goes on from the one before it, token for token;
where it does not, what is served would be another text than what is trained, and it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from finetune.errors import FinetuneError
from finetune.serving import SERVED

MARK = (
    "Put {% generation %} and {% endgeneration %} around the answer and its end of turn in a copy "
    "of the template, and name it: --set chat_template=FILE"
)
"""What to do with a template that cannot be read in this way."""


class TemplateError(FinetuneError):
    """A chat template does not tell which tokens are to be trained."""


def masked(
    tokenizer: Any, template: str, messages: Sequence[Mapping[str, str]]
) -> tuple[list[int], list[bool]]:
    """The tokens of a chat, and which of them the assistant writes.

    Args:
        tokenizer: Renders and cuts into tokens.
        template: Its chat template.
        messages: The chat; control tokens in it are broken already.

    Raises:
        TemplateError: The template renders an answer otherwise than it asks for one.
    """
    whole = _tokens(tokenizer, template, messages)
    ends = {tokenizer.eos_token_id, *tokenizer.get_added_vocab().values()}
    mask = [False] * len(whole)
    for number, turn in enumerate(messages):
        if turn["role"] != "assistant":
            continue
        asked = _tokens(tokenizer, template, messages[:number], add_generation_prompt=True)
        if whole[: len(asked)] != asked:
            raise _parted(tokenizer, template, messages[: number + 1], messages)
        last = number + 1 == len(messages)
        said = whole if last else _tokens(tokenizer, template, messages[: number + 1])
        # A chat that ends may get one more token (Phi's EOS) behind the end of its last turn.
        end = _shared(said, whole)
        if not _ends_turn(tokenizer, whole[len(asked) : end], ends):
            raise _endless(tokenizer, said[len(asked) :], ends)
        mask[len(asked) : end] = [True] * (end - len(asked))
    return whole, mask


def _tokens(
    tokenizer: Any, template: str, messages: Sequence[Mapping[str, str]], **settings: Any
) -> list[int]:
    rendered = tokenizer.apply_chat_template(
        list(messages), chat_template=template, return_dict=True, **settings, **SERVED
    )
    return list(rendered["input_ids"])


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two lists begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _ends_turn(tokenizer: Any, tokens: Sequence[int], ends: set[int]) -> bool:
    """Whether the last token that is no white space is one that can end a turn."""
    shown = (one for one in reversed(tokens) if one in ends or tokenizer.decode([one]).strip())
    return next(shown, None) in ends


def _parted(
    tokenizer: Any,
    template: str,
    until: Sequence[Mapping[str, str]],
    messages: Sequence[Mapping[str, str]],
) -> TemplateError:
    """Why a prompt is not how the chat begins: by the tokenizer, a later turn, or the answer."""

    def text(said: Sequence[Mapping[str, str]], **settings: Any) -> str:
        settings |= SERVED
        return str(
            tokenizer.apply_chat_template(
                list(said), chat_template=template, tokenize=False, **settings
            )
        )

    asked = text(until[:-1], add_generation_prompt=True)
    if text(messages).startswith(asked):
        return TemplateError(
            "The chat template ends a prompt in the middle of a token: the tokenizer joins "
            f"{asked[-12:]!r} with the beginning of the answer, and the model would be asked by "
            "other tokens than it is trained on.",
            hint="In a copy of the template, end the generation prompt with a special token or a "
            "newline, and name it: --set chat_template=FILE",
        )
    if text(until).startswith(asked):
        return TemplateError(
            "The chat template does not mark the assistant's turns, and renders an answer "
            "otherwise when more turns follow it: it cannot be told which tokens to train.",
            hint=f"{MARK}; or train on single questions with their answers.",
        )
    return TemplateError(
        "The chat template does not mark the assistant's turns, and begins an answer otherwise "
        f"than it asks for one ({asked[-40:]!r}): it cannot be told which tokens to train.",
        hint=MARK,
    )


def _endless(tokenizer: Any, said: Sequence[int], ends: set[int]) -> TemplateError:
    if _ends_turn(tokenizer, said, ends):
        return TemplateError(
            "The chat template does not mark the assistant's turns, and ends an answer otherwise "
            "when more turns follow it: it cannot be told which tokens to train.",
            hint=f"{MARK}; or train on single questions with their answers.",
        )
    return TemplateError(
        "The chat template does not mark the assistant's turns, and writes no token that ends an "
        "answer: the model would never learn to stop.",
        hint="In a copy of the template, write {{ eos_token }} behind each answer, and name it: "
        "--set chat_template=FILE",
    )

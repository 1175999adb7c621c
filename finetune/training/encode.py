"""Rows -> tokens and labels. What is trained is decided here, in one place, for every engine.

A chat row is rendered by the template, and carries loss on the tokens that the template marks as
the assistant's (`{% generation %}`), and on no other. A template without marks is replaced, for
training only, by trl's marked version of it where trl knows one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finetune.errors import FinetuneError

NO_LOSS = -100
"""The label of a token that carries none, in torch's cross entropy."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A split as the trainers take it."""

    rows: list[dict[str, list[int]]]
    """`input_ids` and `labels` of equal length, at most `max_length`."""
    cut: int
    """Rows that were longer, and lost their end."""
    dropped: int
    """Rows that are not here: nothing of theirs would be trained."""

    @property
    def tokens(self) -> int:
        """Of all rows."""
        return sum(len(row["input_ids"]) for row in self.rows)


def training_template(tokenizer: Any) -> str:
    """The chat template that marks the assistant's tokens.

    Raises:
        FinetuneError: The tokenizer has no template, or an unknown one without marks.
    """
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    template = tokenizer.chat_template
    if not isinstance(template, str) or not template:
        raise FinetuneError(
            "The base has no chat template.",
            hint="Take a base that is made for chats, or name a Jinja file: chat_template = …",
        )
    if has_generation_markers(template):
        return template
    try:
        return get_training_chat_template(tokenizer) or template
    except ValueError as error:
        raise FinetuneError(
            "The base's chat template does not mark the assistant's turns, and is none that trl "
            "knows: it cannot be told which tokens to train.",
            hint="Put {% generation %} and {% endgeneration %} around the answer and its end of "
            "turn in a copy of the template, and name it: chat_template = FILE",
        ) from error


def chats(tokenizer: Any, rows: Iterable[Mapping[str, Any]], max_length: int) -> Encoded:
    """Encode rows of `messages`.

    Raises:
        FinetuneError: See `training_template`.
    """
    template = training_template(tokenizer)
    found: list[dict[str, list[int]]] = []
    cut = dropped = 0
    for row in rows:
        rendered = tokenizer.apply_chat_template(
            row["messages"],
            chat_template=template,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
        tokens = list(rendered["input_ids"])
        mask = rendered["assistant_masks"]
        labels = [token if marked else NO_LOSS for token, marked in zip(tokens, mask, strict=True)]
        cut += len(tokens) > max_length
        tokens, labels = tokens[:max_length], labels[:max_length]
        if all(label == NO_LOSS for label in labels):
            dropped += 1
            continue
        found.append({"input_ids": tokens, "labels": labels})
    return Encoded(found, cut, dropped)


def texts(
    tokenizer: Any, rows: Iterable[Mapping[str, Any]], labels: Sequence[str], max_length: int
) -> Encoded:
    """Encode rows of `text` and `label`; a row's `labels` holds the one number of its class.

    Raises:
        FinetuneError: A row's label is none of `labels`.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    found: list[dict[str, list[int]]] = []
    cut = 0
    for row in rows:
        label = str(row["label"])
        if label not in numbers:
            raise FinetuneError(
                f"The label {label!r} is none of: {', '.join(labels)}.",
                hint="Add it to `labels` of the recipe, or leave that key out.",
            )
        tokens = list(tokenizer(row["text"])["input_ids"])
        cut += len(tokens) > max_length
        found.append({"input_ids": tokens[:max_length], "labels": [numbers[label]]})
    return Encoded(found, cut, 0)

"""Rows -> tokens and labels. What is trained is decided here, in one place, for every engine.

A chat row is rendered by the template, as it is served, and carries loss on the tokens that the
template marks as the assistant's (`{% generation %}`), and on no other; an answer of weight 0
carries none. A template without marks is replaced, for training only, by trl's marked version of it
where trl knows one; where it knows none (Llama 3.1 and 3.2), the answers are found by `prefixes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from finetune import serving
from finetune.errors import FinetuneError
from finetune.training import prefixes

NO_LOSS = -100
"""The label of a token that carries none, in torch's cross entropy."""

_PROBE = ({"role": "user", "content": "?"}, {"role": "assistant", "content": "probe"})


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
    """The chat template to train by: one that marks the assistant's tokens, where there is one.

    Raises:
        FinetuneError: The tokenizer has no template, or one whose answers cannot be told from the
            rest.
    """
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    template = tokenizer.chat_template
    if not isinstance(template, str) or not template:
        raise FinetuneError(
            "The base has no chat template.",
            hint="Take a base that is made for chats (its name often ends in -Instruct), or name a "
            "Jinja file: --set chat_template=FILE",
        )
    if has_generation_markers(template):
        return template
    try:
        return get_training_chat_template(tokenizer) or template
    except ValueError:  # trl knows no marked version
        prefixes.masked(tokenizer, template, _PROBE)
        return template


def chats(tokenizer: Any, rows: Iterable[Mapping[str, Any]], max_length: int) -> Encoded:
    """Encode rows of `messages`.

    Raises:
        FinetuneError: See `training_template`; or a row is one that its template cannot be read
            at, which is named by its number.
    """
    template, harmless = training_template(tokenizer), serving.turns_of(tokenizer)
    found: list[dict[str, list[int]]] = []
    cut = dropped = 0
    for number, row in enumerate(rows, 1):
        try:
            tokens, mask = chat(tokenizer, template, harmless(row["messages"]))
        except prefixes.TemplateError as error:
            raise FinetuneError(f"Row {number}: {error}", hint=error.hint) from error
        labels = [token if marked else NO_LOSS for token, marked in zip(tokens, mask, strict=True)]
        cut += len(tokens) > max_length
        tokens, labels = tokens[:max_length], labels[:max_length]
        if all(label == NO_LOSS for label in labels):
            dropped += 1
            continue
        found.append({"input_ids": tokens, "labels": labels})
    return Encoded(found, cut, dropped)


def chat(
    tokenizer: Any, template: str, messages: Sequence[Mapping[str, Any]]
) -> tuple[list[int], list[bool]]:
    """The tokens of one chat, uncut, and which of them carry loss.

    Args:
        tokenizer: The base's.
        template: What `training_template` found for it.
        messages: As `serving.turns_of` makes them.

    Raises:
        TemplateError: The template has no marks, and cannot be read at this chat.
    """
    from trl.chat_template_utils import has_generation_markers

    counts = [turn.get("weight") != 0 for turn in messages if turn["role"] == "assistant"]
    said = [{key: value for key, value in turn.items() if key != "weight"} for turn in messages]
    if not has_generation_markers(template):
        tokens, mask = prefixes.masked(tokenizer, template, said)
        return tokens, _weighted(mask, counts)
    rendered = tokenizer.apply_chat_template(
        said,
        chat_template=template,
        return_dict=True,
        return_assistant_tokens_mask=True,
        **serving.SERVED,
    )
    mask = [bool(marked) for marked in rendered["assistant_masks"]]
    return list(rendered["input_ids"]), _weighted(mask, counts)


def _weighted(mask: list[bool], counts: Sequence[bool]) -> list[bool]:
    """The mask without the answers of weight 0: the runs of marked tokens are the answers in order.

    Raises:
        TemplateError: There are more or fewer runs than answers.
    """
    if all(counts):
        return mask
    runs = [(marked, len(list(run))) for marked, run in groupby(mask)]
    if sum(marked for marked, _ in runs) != len(counts):
        raise prefixes.TemplateError(
            "An answer has weight 0, and the chat template's generation markers do not stand "
            "around each answer once: it cannot be told which tokens are not to be trained.",
            hint=prefixes.MARK,
        )
    left = iter(counts)
    return [kept for marked, size in runs for kept in [marked and next(left)] * size]


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
                hint="Correct it, or add rows of it to train on (`labels` of the recipe, if given, "
                "must name it); `agent finetune check … --fix` leaves such rows out.",
            )
        tokens = list(tokenizer(row["text"])["input_ids"])
        cut += len(tokens) > max_length
        found.append({"input_ids": tokens[:max_length], "labels": [numbers[label]]})
    return Encoded(found, cut, 0)

"""Rows -> tokens and loss, as the trainers take them; and one row to look at.

Chats and texts go through `finetune.training.encode`, uncut. Preferences go as trl's DPOTrainer
renders them: the prompt with its generation prompt, and each answer after it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from finetune import serving
from finetune.preflight.findings import Piece, Place, Shown
from finetune.training import encode

_UNCUT = 1 << 40


@dataclass(frozen=True, slots=True)
class Encoding:
    """A row, or one answer of a pair, uncut."""

    tokens: list[int]
    loss: list[bool]
    """Which tokens are trained; of a text that gets a label, none is, and all are read."""


class Reader:
    """Encodes rows of one set."""

    def __init__(self, tokenizer: Any, kind: str, labels: Sequence[str] = ()) -> None:
        """Find the template that marks answers, once for all rows.

        Raises:
            FinetuneError: See `finetune.training.encode.training_template`.
        """
        self.serving = tokenizer
        """The tokenizer as it will be stored with the weights."""
        self.training = tokenizer
        """The same, with the template that marks the answers."""
        self.classifies = kind == "classify"
        """Whether rows get a label: all of their tokens are read, and none is trained."""
        self.harmless = serving.turns_of(tokenizer)
        """Breaks control tokens in the text of messages."""
        self._kind = kind
        self._labels = labels or ("",)
        if kind == "chat":
            self.training = copy.copy(tokenizer)
            self.training.chat_template = encode.training_template(tokenizer)

    def read(self, row: Mapping[str, Any]) -> list[Encoding]:
        """One encoding; of a preference two.

        Raises:
            Exception: Whatever the template raises: it is a program.
        """
        if self._kind == "preference":
            return list(self._pair(row))
        if self.classifies:
            text = {"text": row["text"], "label": self._labels[0]}
            tokens = encode.texts(self.training, [text], self._labels, _UNCUT).rows[0]["input_ids"]
            return [Encoding(tokens, [False] * len(tokens))]
        messages = self.harmless(row["messages"])
        return [Encoding(*encode.chat(self.training, self.training.chat_template, messages))]

    def _pair(self, row: Mapping[str, Any]) -> Iterator[Encoding]:
        said = {key: self.harmless(row[key]) for key in ("prompt", "chosen", "rejected")}
        prompt = self._ids(said["prompt"], add_generation_prompt=True)
        for key in ("chosen", "rejected"):
            whole = self._ids([*said["prompt"], *said[key]])
            yield Encoding(whole, [at >= len(prompt) for at in range(len(whole))])

    def _ids(self, messages: Sequence[Mapping[str, str]], **settings: Any) -> list[int]:
        rendered = self.serving.apply_chat_template(
            list(messages), return_dict=True, **settings, **serving.SERVED
        )
        return list(rendered["input_ids"])


def show(tokenizer: Any, found: Encoding, place: Place, max_length: int) -> Shown:
    """The row's text in runs of tokens that are alike."""
    pieces, at = [], 0
    states = [(loss, n >= max_length) for n, loss in enumerate(found.loss)]
    for (loss, cut), run in groupby(states):
        end = at + sum(1 for _ in run)
        text = tokenizer.decode(found.tokens[at:end], clean_up_tokenization_spaces=False)
        pieces.append(Piece(text, loss, cut))
        at = end
    return Shown(place, tuple(pieces), len(found.tokens), sum(found.loss[:max_length]))

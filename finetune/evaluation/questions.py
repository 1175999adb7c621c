"""What both models are asked: held-out questions, those of training rows, sentences to restyle."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

from finetune.data.prompts import prompt
from finetune.data.rows import Message
from finetune.evaluation import models
from finetune.evaluation.work import Work

_LONGEST = (16, 512)
"""Tokens of an answer: its bounds, whatever the set's own answers have."""


class Asked:
    """All questions, with the set's own answers where there are some."""

    def __init__(self, work: Work, tokenizer: Any, rows: list[dict[str, Any]]) -> None:
        self._recipe, self._tokenizer = work.recipe, tokenizer
        self.held = self._some(rows, work.samples)
        self.learnt = self._some(work.data.train, work.samples)
        words = work.instruction or prompt("restyle")
        opening: list[Message] = []
        if work.system:
            opening.append({"role": "system", "content": work.system})
        # The words in which the voice was trained to be handed a text.
        self.restyle: list[list[Message]] = [
            [*opening, {"role": "user", "content": words.replace("{text}", sentence)}]
            for sentence in (work.sentences if work.check is not None else ())
        ]
        self.longest = self._room(wanted for _, wanted in (*self.held, *self.learnt))
        self.longest_sentence = self._room(work.sentences)

    def _some(self, rows: Sequence[dict[str, Any]], count: int) -> list[tuple[list[Message], str]]:
        """So many of the rows, as what is said before the last answer, and that answer."""
        order = list(range(len(rows)))
        random.Random(self._recipe.seed).shuffle(order)
        found: list[tuple[list[Message], str]] = []
        for number in order:
            if len(found) == count:
                break
            messages = rows[number]["messages"]
            last = max(at for at, one in enumerate(messages) if one["role"] == "assistant")
            before = messages[:last]
            if before and len(models.prompt(self._tokenizer, before)) < self._recipe.max_length:
                found.append((before, messages[last]["content"]))
        return found

    def _room(self, texts: Iterable[str]) -> int:
        """Tokens that answers like these need, and half as many again."""
        lengths = sorted(len(self._tokenizer(text)["input_ids"]) for text in texts)
        usual = lengths[int(0.95 * (len(lengths) - 1))] if lengths else 0
        return min(max(usual * 3 // 2, _LONGEST[0]), _LONGEST[1])

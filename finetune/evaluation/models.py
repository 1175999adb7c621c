"""The two models of a run, the base and what training made of it: loaded, measured, made to answer.

The room's door to torch, transformers and peft, beside `finetune.training.weights`, which loads.
An adapter is switched off for the base, so that both are the same weights otherwise.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from finetune.data.rows import Message
from finetune.errors import FinetuneError
from finetune.recipe import Recipe
from finetune.serving import SERVED, turns_of
from finetune.training import encode, weights
from finetune.training.encode import Encoded

Side = Literal["before", "after"]
SIDES: tuple[Side, Side] = ("before", "after")
Tell = Callable[[int], None]
"""Told how many rows are done."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Of one row."""

    total: float
    """The sum of the trained tokens' negative log likelihoods, in nats."""
    tokens: int
    """How many they are."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said."""

    text: str
    finished: bool
    """Whether it ended its turn itself, and was not cut off."""


class Chats:
    """The models of a run that trained a chat model."""

    def __init__(self, recipe: Recipe, trained: Path) -> None:
        """Load nothing yet but the tokenizer.

        Args:
            recipe: The run's.
            trained: Its `adapter/` or `model/`.

        Raises:
            FinetuneError: The tokenizer cannot be loaded, or has no template.
        """
        # As it will be used: rows by themselves, and no rounding that only training does.
        self.recipe = replace(recipe, packing=False, quantization_aware="")
        self.tokenizer = weights.tokenizer(self.recipe)
        self._trained = trained
        self._on = weights.device()
        self._adapted: Any = None

    @contextmanager
    def loaded(self, side: Side) -> Generator[Speaker]:
        """One of the two, for as long as the block lasts.

        Raises:
            FinetuneError: It cannot be loaded.
        """
        if self.recipe.adapter:
            if self._adapted is None:
                self._adapted = self._load(self.recipe, self._trained)
            speaker = Speaker(self._adapted, self.tokenizer, self.recipe)
            if side == "after":
                yield speaker
            else:
                with self._adapted.disable_adapter():
                    yield speaker
            return
        recipe = self.recipe
        if side == "after":
            recipe = replace(recipe, base=str(self._trained), revision="")
        yield Speaker(self._load(recipe), self.tokenizer, recipe)
        gc.collect()  # a model is a circle of references, and the next one needs its room

    def _load(self, recipe: Recipe, adapter: Path | None = None) -> Any:
        model = weights.chat_model(recipe, self._on, adapter=adapter)
        if recipe.method != "qlora":
            model.to(self._on.kind)
        return model.eval()


@dataclass(frozen=True, slots=True)
class Speaker:
    """A loaded chat model."""

    model: Any
    tokenizer: Any
    recipe: Recipe

    def losses(self, rows: Encoded, tell: Tell) -> list[Loss]:
        """Of each row, in order: as in training, on the assistant's tokens alone."""
        import torch

        found: dict[int, Loss] = {}
        for numbers in self._batches([len(row["input_ids"]) for row in rows.rows]):
            batch = [rows.rows[number] for number in numbers]
            inputs, mask = self._padded([row["input_ids"] for row in batch], left=False)
            labels = torch.full_like(inputs, encode.NO_LOSS)
            for place, row in enumerate(batch):
                labels[place, : len(row["labels"])] = torch.tensor(row["labels"])
            with torch.inference_mode():
                logits = self.model(input_ids=inputs, attention_mask=mask).logits[:, :-1]
                for place, number in enumerate(numbers):
                    wanted = labels[place, 1:]
                    trained = wanted != encode.NO_LOSS
                    total = torch.nn.functional.cross_entropy(
                        logits[place][trained].float(), wanted[trained], reduction="sum"
                    )
                    found[number] = Loss(float(total), int(trained.sum()))
            tell(len(found))
        return [found[number] for number in sorted(found)]

    def answers(
        self, prompts: Sequence[Sequence[Message]], longest: int, tell: Tell
    ) -> list[Answer]:
        """What it says to each, always its likeliest next token, so that it says it again.

        Args:
            prompts: Messages, the last one the user's.
            longest: Tokens of an answer at most.
            tell: Called after each batch.
        """
        import torch

        asked = [prompt(self.tokenizer, messages) for messages in prompts]
        ends = self._ends()
        found: dict[int, Answer] = {}
        for numbers in self._batches([len(tokens) for tokens in asked]):
            inputs, mask = self._padded([asked[number] for number in numbers], left=True)
            with torch.inference_mode():
                said = self.model.generate(
                    input_ids=inputs,
                    attention_mask=mask,
                    max_new_tokens=longest,
                    do_sample=False,
                    temperature=None,
                    top_p=None,
                    top_k=None,
                    eos_token_id=sorted(ends),
                    pad_token_id=self.tokenizer.pad_token_id,
                )[:, inputs.shape[1] :]
            for number, tokens in zip(numbers, said.tolist(), strict=True):
                end = next((at for at, token in enumerate(tokens) if token in ends), None)
                text = self.tokenizer.decode(tokens[:end], skip_special_tokens=True)
                found[number] = Answer(text.strip(), end is not None)
            tell(len(found))
        return [found[number] for number in sorted(found)]

    def _ends(self) -> set[int]:
        configured = self.model.generation_config.eos_token_id
        several = configured if isinstance(configured, list) else [configured]
        return {token for token in (*several, self.tokenizer.eos_token_id) if token is not None}

    def _batches(self, lengths: Sequence[int]) -> list[list[int]]:
        """Row numbers, those of like length together, so that little is padded."""
        order = sorted(range(len(lengths)), key=lambda number: lengths[number])
        size = self.recipe.batch_size
        return [order[start : start + size] for start in range(0, len(order), size)]

    def _padded(self, rows: Sequence[Sequence[int]], *, left: bool) -> tuple[Any, Any]:
        import torch

        width = max(map(len, rows))
        inputs = torch.full((len(rows), width), self.tokenizer.pad_token_id)
        mask = torch.zeros_like(inputs)
        for place, tokens in enumerate(rows):
            there = slice(width - len(tokens), width) if left else slice(0, len(tokens))
            inputs[place, there] = torch.tensor(tokens)
            mask[place, there] = 1
        return inputs.to(self.model.device), mask.to(self.model.device)


def prompt(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """The tokens of a conversation up to where the model is to speak, as it is served."""
    rendered = tokenizer.apply_chat_template(
        turns_of(tokenizer)(messages),
        tokenize=True,
        add_generation_prompt=True,
        return_dict=True,
        **SERVED,
    )
    return list(rendered["input_ids"])


def predicted(
    recipe: Recipe,
    trained: Path,
    labels: Sequence[str],
    rows: Sequence[dict[str, Any]],
    tell: Tell,
) -> list[str]:
    """The label that a trained classifier gives each row's `text`.

    Args:
        recipe: The run's, of task `classify`.
        trained: Its `adapter/` or `model/`.
        labels: The classes, in the order of training.
        rows: Rows of `text` and `label`, all of them of these classes.
        tell: Called after each batch.

    Raises:
        FinetuneError: The weights cannot be loaded, or have other classes.
    """
    import torch
    from transformers import DataCollatorWithPadding

    on = weights.device()
    tokenizer = weights.tokenizer(recipe)
    model = _classifier(recipe, trained, labels, on, tokenizer.pad_token_id)
    encoded = encode.texts(tokenizer, rows, labels, recipe.max_length)
    collate = DataCollatorWithPadding(tokenizer)
    found: list[str] = []
    for start in range(0, len(encoded.rows), recipe.batch_size):
        batch: Any = collate(
            [
                {"input_ids": row["input_ids"]}
                for row in encoded.rows[start : start + recipe.batch_size]
            ]
        )
        # As in training: the head has 32 bits, and what it reads may have 16.
        with torch.inference_mode(), weights.arithmetic(recipe, on):
            logits = model(**batch.to(model.device)).logits
        found += [labels[number] for number in logits.argmax(dim=-1).tolist()]
        tell(len(found))
    return found


def _classifier(
    recipe: Recipe, trained: Path, labels: Sequence[str], on: weights.Device, pad: int | None
) -> Any:
    if not recipe.adapter:
        whole = replace(recipe, base=str(trained), revision="", quantization_aware="")
        return weights.classifier(whole, on, labels, pad).to(on.kind).eval()
    from peft import load_peft_weights, set_peft_model_state_dict

    model = weights.classifier(recipe, on, labels, pad)
    try:
        set_peft_model_state_dict(model, load_peft_weights(str(trained), device="cpu"))
    except (RuntimeError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise FinetuneError(
            f"The adapter {trained} does not fit the base {recipe.base}: {reason}",
            hint="Evaluate the run with the base that it was trained on.",
        ) from error
    if recipe.method != "qlora":
        model.to(on.kind)
    return model.eval()

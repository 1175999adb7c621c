"""What only the tokens of a row show: its length, its loss, control tokens, BOS.

Large sets are sampled: the longest rows, where the cuts are, and an even spread of the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from finetune.preflight.findings import Finding, Place
from finetune.preflight.pieces import Encoding, Reader
from finetune.preflight.rows import turns

SAMPLE = 2000
"""Rows of a split that are tokenized: half of them the longest, half spread evenly."""

FOUND: dict[str, Finding] = {
    one.code: one
    for one in (
        Finding(
            "error",
            "template-refuses",
            "The chat template fails at the row: the training ends there.",
            fix="--fix puts turns in order, as most templates want them; else remove the row.",
            mendable=True,
        ),
        Finding(
            "error",
            "prompt-too-long",
            "The prompt alone fills max_length: the trainer drops the row without a word.",
            fix="Or shorten the prompt; --fix raises it where the base and this "
            "machine allow it, and else leaves the row out.",
            mendable=True,
        ),
        Finding(
            "error",
            "answer-cut",
            "The answer runs beyond max_length: it loses its end and the token that ends the "
            "turn, so the model learns not to stop.",
            fix="Or shorten the row; --fix raises it where the base and this "
            "machine allow it, and else leaves the row out.",
            mendable=True,
        ),
        Finding(
            "warning",
            "text-cut",
            "The text is longer than max_length: its end is not read.",
            fix="--fix raises it where the base and this machine allow it.",
            mendable=True,
        ),
        Finding(
            "error",
            "no-loss",
            "No token of the row carries loss: the trainer drops it without a word.",
            fix="The answer must have the role assistant; look at the row: --show 1",
        ),
        Finding(
            "error",
            "control-token-in-text",
            "The text holds what the tokenizer reads as a control token, and the training reads it "
            "so, too.",
            fix="Remove it from the text; --fix breaks it by an invisible character (U+2060).",
            mendable=True,
        ),
        Finding(
            "error",
            "double-bos",
            "The row begins with the BOS token twice: the model never saw that, and answers worse.",
            fix="Leave bos_token out of the chat template, or out of the row's text; or set "
            '"add_bos_token": false in the tokenizer\'s tokenizer_config.json.',
        ),
    )
}
"""What can be told of a row's tokens, by its code."""

CONTROL = Finding(
    "hint",
    "control-token-in-text",
    "A turn's text holds what the tokenizer reads as a control token. The training breaks it by an "
    "invisible character (U+2060), as the local models do with what they are asked.",
    fix="None is needed where the text is about such tokens; else remove it from the text.",
)
"""The same of messages, which `finetune.serving` makes harmless."""

CUTS = frozenset({"prompt-too-long", "answer-cut", "text-cut"})
"""Those that a larger `max_length` mends."""


@dataclass(slots=True)
class Found:
    """What the tokens of a set came to."""

    marks: dict[str, list[Place]] = field(default_factory=dict)
    """The places of each code of `FOUND`."""
    tokenized: int = 0
    tokens: int = 0
    """Of the training rows, cut: of all, by the mean of the spread where not all were read."""
    trained: int = 0
    longest: int = 0
    reasons: dict[str, str] = field(default_factory=dict)
    """What a template said, by code."""

    def mark(self, code: str, place: Place) -> None:
        """Note one place."""
        self.marks.setdefault(code, []).append(place)


def look(
    reader: Reader,
    split: str,
    rows: Sequence[Mapping[str, Any]],
    max_length: int,
    found: Found,
    tell: Callable[[int, int], None],
    *,
    skip: frozenset[int] = frozenset(),
    most: int = SAMPLE,
) -> None:
    """Tokenize a split, or a sample of it, and note what is found.

    Args:
        reader: Encodes the rows.
        split: The file's name without its ending.
        rows: All of them.
        max_length: What the trainer cuts at.
        found: What is noted, and counted.
        tell: Called with rows done and rows in all.
        skip: Numbers from 0 of rows that are of no known shape: they cannot be encoded.
        most: Rows to tokenize.
    """
    longest, spread = choose(rows, most)
    if control := control_tokens(reader.serving):
        pattern = re.compile("|".join(map(re.escape, control)))
        for number, row in enumerate(rows):  # of all rows: a look into texts costs next to nothing
            if any(pattern.search(text) for text in _texts(row)):
                found.mark("control-token-in-text", Place(f"{split}.jsonl", number + 1))
    sums = {True: (0, 0, 0), False: (0, 0, 0)}
    for done, number in enumerate(sorted({*longest, *spread} - skip), 1):
        place = Place(f"{split}.jsonl", number + 1)
        row = rows[number]
        try:
            encodings = reader.read(row)
        except Exception as error:  # a template is a program, and raises what it likes
            found.mark("template-refuses", place)
            found.reasons.setdefault("template-refuses", str(error).strip()[:200])
            continue
        for code in dict.fromkeys(
            code for one in encodings for code in _codes(reader, one, max_length)
        ):
            found.mark(code, place)
        found.tokenized += 1
        lengths = [len(one.tokens) for one in encodings]
        found.longest = max(found.longest, *lengths)
        kind = number in longest
        rows_so_far, tokens, trained = sums[kind]
        sums[kind] = (
            rows_so_far + 1,
            tokens + sum(min(length, max_length) for length in lengths),
            trained + sum(sum(one.loss[:max_length]) for one in encodings),
        )
        if done % 100 == 0:
            tell(done, len(longest) + len(spread))
    if split == "train":
        _count(found, sums, len(rows) - len(skip))


def choose(rows: Sequence[Mapping[str, Any]], most: int) -> tuple[set[int], set[int]]:
    """Numbers of rows to tokenize: the longest by characters, and an even spread of the others."""
    if len(rows) <= most:
        return set(), set(range(len(rows)))
    by_length = sorted(range(len(rows)), key=lambda n: -sum(map(len, _texts(rows[n]))))
    longest, others = by_length[: most // 2], sorted(by_length[most // 2 :])
    step = len(others) / (most - most // 2)
    return set(longest), {others[int(n * step)] for n in range(most - most // 2)}


def control_tokens(tokenizer: Any) -> tuple[str, ...]:
    """The special tokens as they stand in text; those of one character are harmless there."""
    special = {
        token.content for token in tokenizer.added_tokens_decoder.values() if token.special
    } | set(tokenizer.all_special_tokens)
    return tuple(sorted(one for one in special if len(one) > 1 and not one.isspace()))


def _texts(row: Any) -> list[str]:
    if not isinstance(row, dict):
        return []
    if "text" in row:
        return [str(row["text"])]
    return [str(turn.get("content")) for turn in turns(row)]


def _codes(reader: Reader, one: Encoding, max_length: int) -> Iterator[str]:
    begin = reader.serving.bos_token_id
    if begin is not None and one.tokens[:2] == [begin, begin]:
        yield "double-bos"
    if reader.classifies:
        if len(one.tokens) > max_length:
            yield "text-cut"
    elif not any(one.loss):
        yield "no-loss"
    elif not any(one.loss[:max_length]):
        yield "prompt-too-long"
    elif any(one.loss[max_length:]):
        yield "answer-cut"


def _count(found: Found, sums: Mapping[bool, tuple[int, int, int]], rows: int) -> None:
    long_rows, long_tokens, long_trained = sums[True]
    spread_rows, tokens, trained = sums[False]
    share = (rows - long_rows) / spread_rows if spread_rows else 0.0
    found.tokens = long_tokens + round(tokens * share)
    found.trained = long_trained + round(trained * share)

"""What rows show by themselves, without a tokenizer. Every row of every split is looked at.

A set that `finetune.data.prepare` made has rows in order and trains on nothing that it holds out;
within a conversation it keeps what the source says, repeats too. One that was written by hand or by
another program may have any of these errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Any

from finetune.data import DataSet
from finetune.data.conversation import role_of
from finetune.data.leaks import exchanges, shared
from finetune.data.rows import SPLITS, Kind
from finetune.preflight.findings import Finding, Place
from finetune.recipe import Recipe

KNOWN = ("system", "user", "assistant", "tool")
RARE = 8
"""A class with fewer training rows than this is told."""

_AGAIN = "agent finetune check … --fix, or make the set again: agent finetune data SOURCE"

FOUND: dict[str, Finding] = {
    one.code: one
    for one in (
        Finding(
            "error",
            "row-shape",
            "The row is not of the set's kind: the trainer fails at it, or reads something else.",
            fix=_AGAIN,
            mendable=True,
        ),
        Finding(
            "error",
            "role-unknown",
            "A turn has a role that chat templates do not know (as ShareGPT's human and gpt): it "
            "is rendered by that name, and the answer carries no loss.",
            fix="agent finetune check … --fix maps human to user and gpt to assistant; other "
            "names: agent finetune data SOURCE --role NAME=assistant",
            mendable=True,
        ),
        Finding(
            "error",
            "empty-answer",
            "An assistant's turn is empty: it teaches the model to reply nothing.",
            fix="Remove the row, or write its answer; --fix leaves the row out.",
            mendable=True,
        ),
        Finding(
            "error",
            "no-answer",
            "The row has no assistant's turn: nothing is learnt of it.",
            fix="Remove the row, or write its answer; --fix leaves the row out.",
            mendable=True,
        ),
        Finding(
            "warning",
            "turns-out-of-order",
            "Turns do not alternate from user to assistant: many templates refuse the row, others "
            "render what no chat will look like.",
            fix="--fix joins turns of one role, and leaves out what has no answer.",
            mendable=True,
        ),
        Finding(
            "error",
            "paired-with-itself",
            "The same question and answer stand in the row twice, as when single turns are joined "
            "at random (unsloth's conversation_extension): it teaches the model to repeat itself.",
            fix="Join by: agent finetune data SOURCE --join N; --fix leaves the repeat out.",
            mendable=True,
        ),
        Finding(
            "error",
            "leak",
            "The training row holds a question and answer that a held-out row holds too: the loss "
            "on held-out rows is then no measure. Joining turns before the split does this.",
            fix="Make the set again, which keeps rows that share one in one split: agent finetune "
            "data SOURCE --out FOLDER (single questions are joined there: --join N); --fix leaves "
            "the training row out.",
            mendable=True,
        ),
        Finding(
            "error",
            "preference-leak",
            "The training row of the preference set holds a question or an answer that the set "
            "holds out: the trained model would be evaluated on what it was trained on.",
            fix="Make both sets again of the same sources, with the same --seed, --valid and "
            "--test; --fix leaves the row out.",
            mendable=True,
        ),
        Finding(
            "warning",
            "duplicate",
            "The row repeats an earlier training row: it counts as often as it stands there.",
            fix="--fix leaves it out; or make the set again: agent finetune data SOURCE",
            mendable=True,
        ),
        Finding(
            "error",
            "same-preference",
            "The preferred and the refused answer are equal: there is nothing to prefer.",
            fix="Remove the row, or write another refused answer; --fix leaves the row out.",
            mendable=True,
        ),
        Finding(
            "error",
            "label-unknown",
            "The label is none of the classes that are trained: the training ends there.",
            fix="Correct it, or name all classes in the recipe: labels = [...]; --fix leaves the "
            "row out.",
            mendable=True,
        ),
        Finding(
            "error",
            "empty-text",
            "The text is empty: the label is then learnt of nothing.",
            fix="Remove the row; --fix leaves it out.",
            mendable=True,
        ),
    )
}
"""What can be told of a row, by its code."""


def marks(data: DataSet, recipe: Recipe) -> dict[str, list[Place]]:
    """The places of each code of `FOUND`."""
    found: dict[str, list[Place]] = {}
    for split in SPLITS:
        for number, row in enumerate(getattr(data, split), 1):
            for code in _codes(row, data.kind):
                found.setdefault(code, []).append(Place(f"{split}.jsonl", number))
    for code, places in _repeats(data).items():
        found[code] = places
    if data.kind == "classify":
        classes = set(recipe.labels) or {str(row.get("label")) for row in data.train}
        for split in ("train", "valid"):
            for number, row in enumerate(getattr(data, split), 1):
                if str(row.get("label")) not in classes:
                    found.setdefault("label-unknown", []).append(Place(f"{split}.jsonl", number))
    return found


def as_a_whole(data: DataSet, wanted: Kind) -> Iterator[Finding]:
    """What is told of a set rather than of its rows; `wanted` is what the recipe trains."""
    if data.kind != wanted:
        yield Finding(
            "error",
            "set-of-another-kind",
            f"The recipe trains a {wanted} set, and this is a {data.kind} set.",
            (Place("manifest.json"),),
            fix=f"agent finetune data SOURCE --kind {wanted} --out FOLDER",
        )
    if not data.train:
        yield Finding(
            "error",
            "no-rows",
            "There are no training rows.",
            (Place("train.jsonl"),),
            fix="agent finetune data SOURCE --out FOLDER",
        )
    elif not data.valid and data.kind != "preference":
        yield Finding(
            "warning",
            "nothing-held-out",
            "There are no validation rows: the training cannot stop early, and nobody sees when "
            "it begins to learn by heart.",
            (Place("valid.jsonl"),),
            fix="agent finetune data SOURCE --valid 0.05",
        )
    if data.kind == "classify" and data.train:
        yield from _labels(data.train)


def turns(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All messages of a row, whatever its kind; what is no message is left out."""
    lists = (row.get(key) for key in ("messages", "prompt", "chosen", "rejected"))
    return [
        turn for one in lists if isinstance(one, list) for turn in one if isinstance(turn, dict)
    ]


def _codes(row: Any, kind: Kind) -> Iterator[str]:
    """What is wrong with one row by itself."""
    if kind == "classify":
        if not isinstance(row, dict) or not {"text", "label"} <= row.keys():
            yield "row-shape"
        elif not str(row["text"]).strip():
            yield "empty-text"
        return
    keys = ("messages",) if kind == "chat" else ("prompt", "chosen", "rejected")
    if not isinstance(row, dict) or not all(_is_chat(row.get(key)) for key in keys):
        yield "row-shape"
        return
    talk = row["messages"] if kind == "chat" else [*row["prompt"], *row["chosen"]]
    said = turns(row) if kind == "preference" else talk
    if any(turn["role"] not in KNOWN for turn in said):
        yield "role-unknown"
    roles = [role_of(turn, {}) or turn["role"] for turn in talk]
    if any(role_of(turn, {}) == "assistant" and not turn["content"].strip() for turn in said):
        yield "empty-answer"
    if "assistant" not in roles:
        yield "no-answer"
    elif not _in_order(roles):
        yield "turns-out-of-order"
    if kind == "preference":
        if row["chosen"] == row["rejected"]:
            yield "same-preference"
    elif len(found := exchanges(talk)) != len(set(found)):
        yield "paired-with-itself"


def _is_chat(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(turn, dict)
            and isinstance(turn.get("role"), str)
            and isinstance(turn.get("content"), str)
            for turn in value
        )
    )


def _in_order(roles: Sequence[str]) -> bool:
    rest = list(roles[1:] if roles[0] == "system" else roles)
    if not rest or rest[0] != "user" or rest[-1] != "assistant" or "system" in rest:
        return False
    return all(one != other or one == "tool" for one, other in pairwise(rest))


def _repeats(data: DataSet) -> dict[str, list[Place]]:
    """Training rows that held-out rows, or earlier ones, hold too."""
    seen: set[bytes] = set()
    again: list[Place] = []
    for number, row in enumerate(data.train, 1):
        whole = _hash(repr(row))
        if whole in seen:
            again.append(Place("train.jsonl", number))
        seen.add(whole)
    leak = [Place("train.jsonl", number) for number in shared(data)]
    return {code: places for code, places in (("leak", leak), ("duplicate", again)) if places}


def _hash(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _labels(rows: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    from collections import Counter

    counts = Counter(str(row.get("label")) for row in rows)
    if len(counts) < 2:
        yield Finding(
            "error",
            "one-label",
            f"All training rows have the label {next(iter(counts))!r}: there is nothing to tell "
            "apart.",
            (Place("train.jsonl"),),
            fix="Add rows of the other classes: agent finetune data SOURCE …",
        )
    elif rare := [f"{label} {count}" for label, count in counts.items() if count < RARE]:
        yield Finding(
            "warning",
            "rare-label",
            f"Classes with fewer than {RARE} training rows: {', '.join(rare[:10])}.",
            (Place("train.jsonl"),),
            count=len(rare),
            fix="Add rows of these classes, or join them with others.",
        )

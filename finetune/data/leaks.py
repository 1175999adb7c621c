"""Whether a preference set trains on what the chat set of the same run holds out.

Sets that `finetune.data.prepare` made of the same sources, with the same seed and shares, do not.
Others may: then the figures on held-out rows would be figures on rows that were trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from finetune.data.folder import DataSet
from finetune.data.similar import normal
from finetune.errors import SetError

_TELLING = 16
"""Characters below which a question or an answer alone says nothing of where it comes from."""
_SHOWN = 5


def leaks(data: DataSet, pairs: DataSet) -> list[int]:
    """The training rows of a preference set that the chat set holds out, by line from 1.

    A row leaks where a held-out row has its last question with its preferred answer; or one of
    the two alone, where it is no mere word and stands in no row that the chat set trains on.
    """
    trained = {part for row in data.train for part in _parts(row)}
    held = {
        part
        for rows in (data.valid, data.test)
        for row in rows
        for part in _parts(row)
        if part not in trained
    }
    if not held:
        return []
    return [
        line
        for line, row in enumerate(pairs.train, 1)
        if any(part in held for part in _parts_of_pair(row))
    ]


def refuse_leaks(data: DataSet, pairs: DataSet) -> None:
    """See that a preference set trains on nothing that the chat set holds out.

    Raises:
        SetError: It does.
    """
    if not (found := leaks(data, pairs)):
        return
    lines = ", ".join(map(str, found[:_SHOWN])) + (", …" if len(found) > _SHOWN else "")
    raise SetError(
        f"{len(found):,} {'row' if len(found) == 1 else 'rows'} of {pairs.folder / 'train.jsonl'} "
        f"hold what {data.folder} holds out (lines {lines}): it would be evaluated on what it was "
        "trained on.",
        hint="Make both sets again of the same sources, with the same --seed, --valid and --test; "
        f"or leave these rows out: agent finetune check RECIPE --data {data.folder} "
        f"--preferences {pairs.folder} --fix",
    )


def _parts(row: Any) -> Iterator[tuple[str, str]]:
    messages = row.get("messages") if isinstance(row, dict) else None
    for one, other in pairwise(_texts(messages)):
        if one[0] == "user" and other[0] == "assistant":
            yield from _exchange(one[1], other[1])


def _parts_of_pair(row: Any) -> Iterator[tuple[str, str]]:
    if isinstance(row, dict):
        asked, said = _texts(row.get("prompt")), _texts(row.get("chosen"))
        if asked and said:
            yield from _exchange(asked[-1][1], said[-1][1])


def _exchange(question: str, answer: str) -> Iterator[tuple[str, str]]:
    """What must not be on both sides: (question, answer), with "" for either one alone."""
    if not answer:
        return
    yield question, answer
    if len(answer) >= _TELLING:
        yield "", answer
    if len(question) >= _TELLING:
        yield question, ""


def _texts(messages: Any) -> list[tuple[str, str]]:
    """Role and normal text of each message; nothing where they are no messages."""
    turns: Iterable[Any] = messages if isinstance(messages, list) else ()
    return [
        (str(turn.get("role")), normal(str(turn.get("content"))))
        for turn in turns
        if isinstance(turn, dict)
    ]

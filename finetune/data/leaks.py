"""What is trained on and held out too: within a set, and between a chat and a preference set.

Sets that `finetune.data.prepare` made hold nothing in two splits; nor do two of them that are made
of the same sources, with the same seed and shares. Others may: then the figures on
held-out rows would be figures on rows that were trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, pairwise
from typing import Any

from finetune.data.conversation import role_of
from finetune.data.folder import DataSet
from finetune.data.similar import normal
from finetune.data.stock import telling
from finetune.errors import SetError

_TELLING = 16
"""Characters below which a question or an answer alone says nothing of where it comes from."""
_SHOWN = 5


def exchanges(messages: Any) -> list[tuple[str, str]]:
    """Each question with the answer that follows it, as texts are compared.

    Args:
        messages: A list of messages, their roles by any known name; what is none is passed over.
    """
    return [
        (_text(one), _text(other))
        for one, other in pairwise(_turns(messages))
        if role_of(one, {}) == "user" and role_of(other, {}) == "assistant"
    ]


def exchanges_of(row: Any) -> list[tuple[str, str]]:
    """As `exchanges`, of a row of any kind: of a pair those of its prompt and preferred answer."""
    if not isinstance(row, dict):
        return []
    if "messages" in row:
        return exchanges(row["messages"])
    return exchanges([*_turns(row.get("prompt")), *_turns(row.get("chosen"))])


def shared(data: DataSet) -> list[int]:
    """The training rows that hold what a held-out row holds, by line from 1.

    That is a question with its answer, unless it opens or closes many conversations; in a
    preference set a whole prompt, and a text that has a label.
    """
    import numpy as np

    if not (data.valid or data.test):
        return []
    known: dict[tuple[str, ...], int] = {}
    parts = [
        (known.setdefault(part, len(known)), number)
        for number, row in enumerate(chain(data.train, data.valid, data.test))
        for part in _whole(row)
    ]
    hashes, holders = np.array(parts, dtype=np.uint64).reshape(-1, 2).T
    hashes, holders = telling(hashes, holders, wide=True)
    trained = holders < len(data.train)
    both = trained & np.isin(hashes, hashes[~trained])
    return [int(number) + 1 for number in np.unique(holders[both])]


def refuse_shared(data: DataSet) -> None:
    """See that a set trains on nothing that it holds out.

    Raises:
        SetError: It does.
    """
    if not (found := shared(data)):
        return
    raise SetError(
        f"{_rows(found, data)} hold what the set holds out{_lines(found)}: it would be evaluated "
        "on what it was trained on.",
        hint="Make the set again, which keeps such rows together: agent finetune data SOURCE "
        "--out FOLDER; or leave them out: agent finetune check RECIPE "
        f"--data {data.folder} --fix",
    )


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
    raise SetError(
        f"{_rows(found, pairs)} hold what {data.folder} holds out{_lines(found)}: it would be "
        "evaluated on what it was trained on.",
        hint="Make both sets again of the same sources, with the same --seed, --valid, --test and "
        "--journal; or leave these "
        f"rows out: agent finetune check RECIPE --data {data.folder} "
        f"--preferences {pairs.folder} --fix",
    )


def _rows(found: list[int], data: DataSet) -> str:
    return f"{len(found):,} {'row' if len(found) == 1 else 'rows'} of {data.folder / 'train.jsonl'}"


def _lines(found: list[int]) -> str:
    shown = ", ".join(map(str, found[:_SHOWN])) + (", …" if len(found) > _SHOWN else "")
    return f" (lines {shown})"


def _whole(row: Any) -> Iterator[tuple[str, ...]]:
    """What of a row must stand in one split only."""
    if not isinstance(row, dict):
        return
    if "text" in row:
        yield (normal(str(row["text"])),)
    elif "messages" in row:
        yield from exchanges_of(row)
    elif isinstance(row.get("prompt"), list):
        yield tuple(map(_text, _turns(row["prompt"])))


def _parts(row: Any) -> Iterator[tuple[str, str]]:
    for question, answer in exchanges_of(row):
        yield from _telling(question, answer)


def _parts_of_pair(row: Any) -> Iterator[tuple[str, str]]:
    if isinstance(row, dict):
        # Whoever speaks last in the prompt: the preferred answer is what is trained.
        asked, said = _turns(row.get("prompt")), _turns(row.get("chosen"))
        if asked and said:
            yield from _telling(_text(asked[-1]), _text(said[-1]))


def _telling(question: str, answer: str) -> Iterator[tuple[str, str]]:
    """What must not be on both sides: (question, answer), with "" for either one alone."""
    if not answer:
        return
    yield question, answer
    if len(answer) >= _TELLING:
        yield "", answer
    if len(question) >= _TELLING:
        yield question, ""


def _turns(messages: Any) -> list[dict[str, Any]]:
    """The messages; nothing where they are none."""
    turns: Iterable[Any] = messages if isinstance(messages, list) else ()
    return [turn for turn in turns if isinstance(turn, dict)]


def _text(turn: Mapping[str, Any]) -> str:
    """A message's text as it is compared: signs alone are compared as they are."""
    text = str(turn.get("content"))
    return normal(text) or text

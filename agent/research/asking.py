"""Asks a model for JSON, checks what it says, and tells it once or twice what was wrong.

Knows no prompt and no stage: who asks brings the messages and the check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from agent.errors import BadModelOutput
from agent.messages import Message, TextDelta

if TYPE_CHECKING:
    from agent.models.base import ChatModel

_T = TypeVar("_T")

_TRIES = 3
"""How often it is asked in all."""
_ECHO = 4000
"""Characters of a wrong answer that are shown to it again."""


async def ask_json(
    model: ChatModel,
    messages: Sequence[Message],
    check: Callable[[Any], _T],
    *,
    max_tokens: int | None = None,
) -> _T:
    """What a model answers, as `check` understands it.

    Args:
        model: Who is asked.
        messages: They say which JSON is wanted.
        check: Given the parsed JSON; its `ValueError` is told to the model, which may mend it.
        max_tokens: The longest answer.

    Raises:
        BadModelOutput: No answer was right.
        BudgetSpent: The budget ended.
        ModelError: The model failed.
    """
    told, fault = list(messages), ""
    for _ in range(_TRIES):
        said = await _said(model, told, max_tokens)
        try:
            return check(_parsed(said))
        except ValueError as error:
            fault = str(error) or "it is not what was asked for"
        told = [
            *messages,
            Message("assistant", said[:_ECHO]),
            Message("user", f"That cannot be used: {fault}. Answer again, with the JSON alone."),
        ]
    raise BadModelOutput(
        f"The model {model.name} gave no usable JSON in {_TRIES} tries: {fault}.",
        hint="Use a larger model: --model NAME",
    )


async def _said(model: ChatModel, messages: Sequence[Message], longest: int | None) -> str:
    pieces: list[str] = []
    async with aclosing(model.stream(messages, max_tokens=longest)) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta):
                pieces.append(delta.text)
    return "".join(pieces)


def line(value: Any, longest: int | None = None) -> str:
    """A text on one line, at most so many characters of it; empty where it is no text."""
    return " ".join(value.split())[:longest] if isinstance(value, str) else ""


def _parsed(said: str) -> Any:
    """The first JSON object or array in an answer; models like to put words or a fence around it.

    Raises:
        ValueError: There is none.
    """
    decoder = json.JSONDecoder()
    for start, character in enumerate(said):
        if character in "{[":
            try:
                return _storable(decoder.raw_decode(said, start)[0])
            except (json.JSONDecodeError, RecursionError):
                continue
    raise ValueError("there is no whole JSON object in it")


def _storable(data: Any) -> Any:
    """Without halves of surrogate pairs, which JSON can write and UTF-8 cannot."""
    if isinstance(data, str):
        return data.encode("utf-8", "replace").decode()
    if isinstance(data, list):
        return [_storable(item) for item in data]
    if isinstance(data, dict):
        return {_storable(name): _storable(value) for name, value in data.items()}
    return data

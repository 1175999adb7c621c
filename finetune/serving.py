"""How `local:` models render a chat when they serve: what training must do as well.

The values of `agent.models.local_transformers` and `agent.models.local_prompt`, which this room
does not import; a test holds them equal. It knows no library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

SERVED: dict[str, Any] = {"enable_thinking": False, "date_string": "26 Jul 2024"}
"""What a template is given when it serves; templates that do not know a name ignore it."""

JOINER = "\u2060"
"""Breaks a control token without being seen."""


def harmless(text: str, tokens: Iterable[str]) -> str:
    """The text with every one of these control tokens broken after its first character."""
    return _breaker(tokens)(text)


def turns_of(tokenizer: Any) -> Callable[[Sequence[Mapping[str, str]]], list[dict[str, str]]]:
    """What makes messages such that their text cannot begin or end a turn, as they are served.

    An answer keeps the added tokens that are not special (`<think>`): they are its words, and have
    to be learnt as they are.
    """
    added = tokenizer.added_tokens_decoder.values()
    special = {one.content for one in added if one.special} | set(tokenizer.all_special_tokens)
    asked, answered = _breaker({*tokenizer.get_added_vocab(), *special}), _breaker(special)

    def turns(messages: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
        return [
            {
                **turn,
                "content": (answered if turn["role"] == "assistant" else asked)(turn["content"]),
            }
            for turn in messages
        ]

    return turns


def _breaker(tokens: Iterable[str]) -> Callable[[str], str]:
    # One of a single character cannot be broken; it is white space or a letter, and harmless.
    long = sorted({one for one in tokens if len(one) > 1 and not one.isspace()}, key=len)
    if not long:
        return lambda text: text
    pattern = re.compile("|".join(map(re.escape, reversed(long))))
    return lambda text: pattern.sub(lambda match: match[0][0] + JOINER + match[0][1:], text)

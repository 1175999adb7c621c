"""Messages of any dialect made one validated conversation: roles mapped, turns in order.

What can be mended without guessing is mended and told; the rest is refused with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from finetune.data.rows import BadRow, Message, NotUsed

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "function_response": "tool",
    "tool_response": "tool",
    "observation": "tool",
}
"""The role of each name that the public sets use, in lower case."""


_BOTH_UNTRAINED = "an answer of weight 0 was joined with the one beside it: neither is trained"


def conversation(
    turns: Any, roles: Mapping[str, str], *, system: str = "", needs_answer: bool = True
) -> tuple[list[Message], list[str]]:
    """One conversation: an optional system message, then turns that begin with the user's.

    Args:
        turns: A list of messages as OpenAI (`role`, `content`) or ShareGPT (`from`, `value`)
            write them.
        roles: Names of roles beyond `ROLES`, or other than there.
        system: A system message that stands apart; goes before one that the turns hold.
        needs_answer: End with the assistant's last turn; else with what comes before it.

    Returns:
        The messages, and what was changed.

    Raises:
        BadRow: There is nothing to learn here, or a turn cannot be understood.
    """
    if not isinstance(turns, list) or not turns:
        raise BadRow("the conversation is empty")
    messages = [_message(turn, roles) for turn in turns]
    repairs: list[str] = []
    head = [system.strip()] if system.strip() else []
    while messages and messages[0]["role"] == "system":
        if text := messages.pop(0)["content"]:
            head.append(text)
    if any(message["role"] == "system" for message in messages):
        raise BadRow("a system message stands in the middle of the conversation")
    if messages and messages[0]["role"] == "assistant" and needs_answer:
        repairs.append("an answer before the first question was left out")
        messages.pop(0)
    if not messages or messages[0]["role"] != "user":
        raise BadRow("no user's turn begins the conversation")
    messages = _joined(messages, repairs)
    if needs_answer:
        _end_with_answer(messages, repairs)
    for number, message in enumerate(messages, 1):
        if not message["content"]:
            raise BadRow(f"turn {number} ({message['role']}) is empty")
    start = [{"role": "system", "content": "\n\n".join(head)}] if head else []
    return start + messages, repairs


def unweighted(messages: Iterable[Message]) -> list[Message]:
    """The messages without weights, for where no loss falls on any of them."""
    return [
        {key: value for key, value in message.items() if key != "weight"} for message in messages
    ]


def role_of(turn: Mapping[str, Any], roles: Mapping[str, str]) -> str | None:
    """What the name of a turn's role means; None where it is not known.

    Args:
        turn: A message of any dialect.
        roles: Names beyond `ROLES`, or other than there.
    """
    name = str(turn.get("role", turn.get("from"))).strip().lower()
    return roles.get(name) or ROLES.get(name)


def text_of(value: Any) -> str:
    """The text of a column or of a message's content, without white space around it.

    Raises:
        BadRow: It is no text, or not UTF-8.
    """
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(part, dict) for part in value):
        if any(part.get("type", "text") != "text" for part in value):
            raise BadRow("a message holds something other than text")
        value = "\n".join(text_of(part.get("text")) for part in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise BadRow(f"text was expected, not {_name(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRow("not UTF-8 text") from None
    return str(value).replace("\r\n", "\n").replace("\0", "").strip()


def _message(turn: Any, roles: Mapping[str, str]) -> Message:
    if not isinstance(turn, dict):
        raise BadRow(f"a turn is {_name(turn)}, not an object")
    named = turn.get("role", turn.get("from"))
    if not isinstance(named, str):
        raise BadRow("a turn names no role")
    role = role_of(turn, roles)
    if role is None:
        raise BadRow(f"the role {named.strip()[:40]!r} is not known")
    text = text_of(turn["content"] if "content" in turn else turn.get("value"))
    if calls := turn.get("tool_calls"):
        # A set holds text only: the calls are learnt as the JSON that names them.
        text = "\n".join([*([text] if text else []), *_calls(calls)])
    weight = turn.get("weight") if role == "assistant" else None
    if weight is not None and weight not in (0, 1):
        raise BadRow(f"a weight is 0 or 1, not {repr(weight)[:40]}")
    return {"role": role, "content": text} | ({} if weight in (None, 1) else {"weight": 0})


def _end_with_answer(messages: list[Message], repairs: list[str]) -> None:
    """Take away what follows the last answer that is to be trained."""
    unanswered = untrained = False
    while messages and (messages[-1]["role"] != "assistant" or "weight" in messages[-1]):
        untrained |= "weight" in messages.pop()
        unanswered |= not untrained
    if not messages and untrained:
        joined = _BOTH_UNTRAINED in repairs
        raise NotUsed(_BOTH_UNTRAINED if joined else "all its answers have weight 0")
    if not messages:
        raise BadRow("there is no answer to learn from")
    if unanswered:
        repairs.append("a last turn without an answer was left out")
    if untrained:
        repairs.append("a last answer of weight 0 was left out, with its question")


def _calls(calls: Any) -> list[str]:
    texts = []
    for call in calls if isinstance(calls, list) else [None]:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise BadRow("a tool call cannot be understood")
        named = {key: function.get(key) for key in ("name", "arguments")}
        texts.append(json.dumps(named, ensure_ascii=False))
    return texts


def _joined(messages: Sequence[Message], repairs: list[str]) -> list[Message]:
    """Turns of one role in a row become one: most chat templates refuse them apart."""
    whole: list[Message] = []
    for message in messages:
        if whole and whole[-1]["role"] == message["role"] != "tool":
            parts = (whole[-1]["content"], message["content"])
            if whole[-1].get("weight") != message.get("weight") and _BOTH_UNTRAINED not in repairs:
                repairs.append(_BOTH_UNTRAINED)
            whole[-1] |= message | {"content": "\n\n".join(part for part in parts if part)}
            if "turns of one role in a row were joined" not in repairs:
                repairs.append("turns of one role in a row were joined")
        else:
            whole.append(message)
    return whole


def _name(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", str: "text"}
    return "nothing" if value is None else names.get(type(value), "a number")

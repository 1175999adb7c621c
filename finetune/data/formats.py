"""The public formats of training rows: how each is recognised, and what it becomes.

One function a format, row in, `Example` out. Reading files is `records.py`'s work.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from finetune.data.columns import merge
from finetune.data.conversation import conversation, role_of, text_of, unweighted
from finetune.data.options import Options
from finetune.data.rows import BadRow, Example, Message, NotUsed

Row = Mapping[str, Any]


def _single(asked: tuple[str, ...], answer: str, options: Options, system: str = "") -> Example:
    """One question with its answer; the parts of the question stand a blank line apart."""
    parts = tuple(part for part in asked if part)
    turns = [
        {"role": "user", "content": "\n\n".join(parts)},
        {"role": "assistant", "content": answer},
    ]
    if not parts:
        raise BadRow("the question is empty")
    if not answer:
        raise BadRow("the answer is empty")
    messages, _ = conversation(turns, {}, system=system or options.system)
    return Example({"messages": messages}, asked=parts, answer=answer)


def _alpaca(row: Row, options: Options) -> Example:
    past: list[Message] = []
    history = row.get("history") or []
    if not isinstance(history, list):
        raise BadRow("the history is no list of turns")
    for turn in history:
        if not isinstance(turn, list) or len(turn) != 2:
            raise BadRow("a turn of the history is no pair of question and answer")
        past += [
            {"role": "user", "content": text_of(turn[0])},
            {"role": "assistant", "content": text_of(turn[1])},
        ]
    parts = text_of(row.get("instruction")), text_of(row.get("input"))
    answer, system = text_of(row.get("output")), text_of(row.get("system"))
    if not past:
        return _single(parts, answer, options, system)
    last = {"role": "user", "content": "\n\n".join(part for part in parts if part)}
    return _of_turns([*past, last, _answer(answer)], options, (), system)


def _dolly(row: Row, options: Options) -> Example:
    parts = text_of(row.get("instruction")), text_of(row.get("context"))
    return _single(parts, text_of(row.get("response")), options)


def _orca(row: Row, options: Options) -> Example:
    system = text_of(row.get("system_prompt", row.get("system")))
    return _single((text_of(row.get("question")),), text_of(row.get("response")), options, system)


def _spider(row: Row, options: Options) -> Example:
    schema = row.get("schema", row.get("create_table_context", row.get("context")))
    if schema is None and (database := text_of(row.get("db_id"))):
        schema = f"Database: {database}"
    if isinstance(schema, dict | list):
        schema = json.dumps(schema, ensure_ascii=False)
    sql = row.get("query", row.get("sql", row.get("answer")))
    parts = text_of(row.get("question")), text_of(schema)
    return _single(parts, text_of(sql), options)


def _pair(row: Row, options: Options) -> Example:
    answer = row.get("completion", row.get("response"))
    prompt = row.get("prompt")
    if isinstance(prompt, list):
        turns = prompt + (answer if isinstance(answer, list) else [_answer(answer)])
        return _of_turns(turns, options, ())
    return _single((text_of(prompt),), text_of(answer), options)


def _messages(row: Row, options: Options) -> Example:
    turns = row.get("messages", row.get("conversations", row.get("conversation")))
    return _of_turns(turns, options, _tools(row), text_of(row.get("system")))


def _kto(row: Row, options: Options) -> Example:
    if str(row.get("label")).lower() not in ("true", "1"):
        raise NotUsed("its answer is marked as a bad one")
    return _messages(row, options)


def _preference(row: Row, options: Options) -> Example:
    chosen, rejected = row.get("chosen"), row.get("rejected")
    turns = row.get("messages", row.get("conversations"))
    if turns is None:
        asked = row.get("prompt", row.get("question", row.get("instruction")))
        if isinstance(asked, list):
            turns = asked
        elif asked is not None:
            parts = (text_of(asked), text_of(row.get("input")))
            text = "\n\n".join(part for part in parts if part)
            turns = [{"role": "user", "content": text}]
    if isinstance(chosen, list) and isinstance(rejected, list):
        if len(chosen) > 1:  # whole conversations, the prompt in both
            if chosen[:-1] != rejected[:-1]:
                raise BadRow("chosen and rejected answer different prompts")
            turns = chosen[:-1]
        chosen, rejected = chosen[-1:] or [None], rejected[-1:] or [None]
        chosen, rejected = chosen[0], rejected[0]
    roles = dict(options.roles)
    system = _system(text_of(row.get("system")), turns, options)
    prompt, repairs = conversation(turns, roles, system=system, needs_answer=False)
    if prompt[-1]["role"] == "assistant":
        raise BadRow("the prompt ends with an answer")
    answers = []
    for name, value in (("chosen", chosen), ("rejected", rejected)):
        text = text_of(_answer(value).get("content", _answer(value).get("value")))
        if not text:
            raise BadRow(f"the {name} answer is empty")
        answers.append([{"role": "assistant", "content": text}])
    if answers[0] == answers[1]:
        raise BadRow("chosen and rejected are equal")
    return Example(
        {"prompt": unweighted(prompt), "chosen": answers[0], "rejected": answers[1]},
        asked=_asked(prompt),
        answer=answers[0][0]["content"],
        repairs=tuple(repairs),
    )


def _classify(row: Row, options: Options) -> Example:
    text = next((text_of(row[name]) for name in _TEXT if name in row), "")
    label = next((row[name] for name in _LABEL if name in row), None)
    return labelled(text, text_of(str(label).lower() if isinstance(label, bool) else label))


def _columns(row: Row, options: Options) -> Example:
    prompt, answer = merge(options.prompt, row), merge(options.answer, row)
    if options.kind == "classify":
        return labelled(prompt, answer)
    return _single((prompt,), answer, options)


def labelled(text: str, label: str) -> Example:
    """A text with its class.

    Raises:
        BadRow: One of them is empty.
    """
    if not text or not label:
        raise BadRow("the text is empty" if not text else "the label is empty")
    return Example({"text": text, "label": label}, asked=(text,), answer=label)


_TEXT = ("text", "sentence", "review", "content")
_LABEL = ("label", "category", "class", "sentiment", "intent")

FORMATS: dict[str, Callable[[Row, Options], Example]] = {
    "alpaca": _alpaca,
    "dolly": _dolly,
    "sharegpt": _messages,
    "messages": _messages,
    "orca": _orca,
    "spider": _spider,
    "prompt-completion": _pair,
    "preference": _preference,
    "kto": _kto,
    "classify": _classify,
    "columns": _columns,
}
"""By the names that `--format` takes."""


def recognise(rows: Iterable[Any], options: Options) -> str | None:
    """The format of most rows of a sample; None where none is known by its columns."""
    if options.prompt:
        return "columns"
    votes: dict[str, int] = {}
    for row in rows:
        if isinstance(row, dict) and (name := _by_columns(row)):
            votes[name] = votes.get(name, 0) + 1
    return max(votes, key=lambda name: votes[name]) if votes else None


def _by_columns(row: Row) -> str | None:
    def has(*names: str) -> bool:
        return all(name in row for name in names)

    def any_of(*names: str) -> bool:
        return any(name in row for name in names)

    if has("chosen", "rejected"):
        return "preference"
    if any_of("messages", "conversations", "conversation"):
        if has("label") and isinstance(row["label"], bool):
            return "kto"
        turns = row.get("messages", row.get("conversations", row.get("conversation")))
        first = turns[0] if isinstance(turns, list) and turns else None
        return "sharegpt" if isinstance(first, dict) and "from" in first else "messages"
    if has("instruction", "output"):
        return "alpaca"
    if has("instruction", "response"):
        return "dolly"
    if has("question") and (
        any_of("query", "sql") or (has("answer") and any_of("schema", "create_table_context"))
    ):
        return "spider"
    if has("question", "response"):
        return "orca"
    if has("prompt") and any_of("completion", "response"):
        return "prompt-completion"
    return "classify" if any_of(*_TEXT) and any_of(*_LABEL) else None


def _of_turns(turns: Any, options: Options, tools: tuple[str, ...], system: str = "") -> Example:
    head = [_system(system, turns, options), *tools]
    messages, repairs = conversation(
        turns, dict(options.roles), system="\n\n".join(part for part in head if part)
    )
    answers = [m["content"] for m in messages if m["role"] == "assistant"]
    return Example(
        {"messages": messages},
        asked=_asked(messages),
        answer="\n".join(answers),
        repairs=tuple(repairs),
    )


def _system(own: str, turns: Any, options: Options) -> str:
    """What stands before the turns: the row's own system message, or that of the options."""
    roles = dict(options.roles)
    has_own = isinstance(turns, list) and any(
        isinstance(turn, dict) and role_of(turn, roles) == "system" for turn in turns
    )
    return own or ("" if has_own else options.system)


def _asked(messages: Iterable[Message]) -> tuple[str, ...]:
    return ("\n".join(m["content"] for m in messages if m["role"] in ("user", "tool")),)


def _tools(row: Row) -> tuple[str, ...]:
    """The tools that a conversation may call: text of its system message, as all else is text."""
    tools = row.get("tools", row.get("functions"))
    if not tools:
        return ()
    text = tools if isinstance(tools, str) else json.dumps(tools, ensure_ascii=False)
    return () if text.strip() in ("[]", "{}", "") else (f"Tools:\n{text.strip()}",)


def _answer(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {"role": "assistant", "content": value}

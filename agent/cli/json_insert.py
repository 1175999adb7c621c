"""One member put into a JSON file's text, every other byte of it left as it stands."""

from __future__ import annotations

import json
import re
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")


def insert(text: str, path: tuple[str, ...], value: dict[str, Any]) -> str:
    """Put an object at a path of keys; objects on the way are made where there are none.

    Args:
        text: The file; empty for a new one.
        path: The keys, from the outermost.
        value: What is to stand there. Other members of an object that stands there already stay.

    Raises:
        ValueError: It cannot be done without harm; says why.
    """
    if not text.strip():
        for key in reversed(path):
            value = {key: value}
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    try:
        data = json.loads(text, object_pairs_hook=_once)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no plain JSON, or has comments ({error})") from error
    start, depth = _skip(text, 0), 0
    for depth, key in enumerate(path):
        if not isinstance(data, dict):
            raise ValueError(f"what holds '{key}' is no object in it")
        members, end = _members(text, start)
        if key not in members:
            for inner in reversed(path[depth + 1 :]):
                value = {inner: value}
            return mark + _added(text, start, end, depth + 1, key, value, bool(members))
        start, data = members[key], data[key]
    if not isinstance(data, dict):
        raise ValueError(f"'{path[-1]}' is no object in it")
    whole = {**data, **value}
    if whole == data:
        return mark + text
    _, end = _members(text, start)
    return mark + text[:start] + _written(text, whole, depth + 1) + text[end + 1 :]


def _added(text: str, start: int, end: int, depth: int, key: str, value: Any, follows: bool) -> str:
    """A member put last into the object between two braces."""
    member = f"{json.dumps(key, ensure_ascii=False)}: {_written(text, value, depth)}"
    body = text[start + 1 : end].rstrip()
    comma = "," if follows else ""
    if (unit := _indent(text)) is None:
        between = f"{comma} {member}" if follows else member
        return text[: start + 1] + body + between + text[end:]
    line = _line_end(text)
    return (
        text[: start + 1] + body + comma + line + unit * depth + member
        + line + unit * (depth - 1) + text[end:]
    )  # fmt: skip


def _written(text: str, value: Any, depth: int) -> str:
    """A value in the file's own manner, to stand so many objects deep."""
    unit = _indent(text)
    written = json.dumps(value, indent=unit, ensure_ascii=False)
    return written.replace("\n", _line_end(text) + (unit or "") * depth)


def _members(text: str, start: int) -> tuple[dict[str, int], int]:
    """Where the values of an object's members begin, by key, and where its closing brace is."""
    decode = json.JSONDecoder().raw_decode
    found: dict[str, int] = {}
    at = _skip(text, start + 1)
    while text[at] != "}":
        key, at = decode(text, at)
        found[key] = _skip(text, _skip(text, at) + 1)
        _, at = decode(text, found[key])
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found, at


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _indent(text: str) -> str | None:
    """What one step is set in by; None for a file on one line."""
    found = re.search(r"^\s*\{[ \t]*\r?\n([ \t]+)\S", text)
    if found:
        return found[1]
    return None if "\n" not in text.strip() and len(text.strip()) > 2 else "  "


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it has a key twice, of which one would be lost")
    return found

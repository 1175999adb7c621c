"""JSON and JSON lines: a line for each value, with the path to it, so that it can be found.

What is not valid JSON (comments, a cut-off end) is read as the text that it is.
"""

from __future__ import annotations

import json
import re
from typing import Any

from knowledge.read.outline import sections_of
from knowledge.read.text import clean, decode, tidy
from knowledge.read.writer import Writer
from knowledge.types import Document

PARTS_LIMIT = 2_000_000
"""Brackets and commas of one JSON value: parsed, each stands for about 120 bytes of memory."""
_MANY = 40_000
"""Outermost keys, above which they are no sections."""
_LISTED = 200
"""Characters of a list of plain values that is written on one line."""
_NAME = re.compile(r"[^\W\d][\w-]*")
_LINES = ("jsonl", "ndjson")


def read_json(data: bytes, name: str) -> Document:
    """Read a JSON file, or one with a JSON value on each line.

    Values stand in the text as `- a.b[0].c: value`, numbers as they are written. The sections are
    the outermost keys, or the lines of the file: `line 3`.
    """
    raw, notes = decode(data)
    source = clean(raw)
    out = Writer()
    if name.lower().endswith(_LINES):
        bad = _write_lines(source, out)
        if bad:
            notes += (f"{bad} of its lines not valid JSON, and read as they are",)
    elif reason := _write_whole(source, out):
        return Document(source, "code", language="json", notes=(*notes, reason))
    text = out.text()
    return Document(text, "json", sections=sections_of(text, out.headings), notes=notes)


def _write_whole(source: str, out: Writer) -> str:
    """Write a JSON value; or say why it cannot be, in words."""
    try:
        _write_parts(parse(source), out)
    except ValueError as error:
        return f"not valid JSON, read as it is ({error})"
    except RecursionError:
        return "nested too deeply, read as it is"
    if not out.length:
        return "read as it is: it holds no values"
    return ""


def _write_lines(source: str, out: Writer) -> int:
    """Write a JSON value for each line; how many lines hold none."""
    bad = 0
    lines = ((n, line) for n, line in enumerate(source.split("\n"), 1) if line.strip())
    for i, (number, line) in enumerate(lines):
        out.mark_item(1, number, first=i == 0, one="line {}", many="lines {}-{}")
        before = out.length
        try:
            _write("", parse(line), out)
        except (ValueError, RecursionError):
            bad += 1
        if out.length == before:
            out.block(line)
    return bad


class _Number(str):
    """A number as it is written, or NaN."""


def parse(text: str) -> Any:
    """A JSON value with its numbers as they are written.

    Raises:
        ValueError: It is not valid, or of too many parts to be held in memory.
        RecursionError: It nests too deeply.
    """
    if sum(map(text.count, "[{,")) > PARTS_LIMIT:
        raise ValueError(f"more than {PARTS_LIMIT:,} values")
    return json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)


def _write_parts(value: Any, out: Writer) -> None:
    """Write a value, its outermost parts as sections."""
    if isinstance(value, dict):
        for key, each in value.items():
            if len(value) <= _MANY:
                out.mark(1, key)
            _write(_key("", key), each, out)
    elif isinstance(value, list) and _short(value) is None:
        for i, each in enumerate(value):
            out.mark_item(1, i, first=i == 0, one="[{}]", many="[{}] to [{}]")
            _write(f"[{i}]", each, out)
    else:
        _write("", value, out)


def _write(path: str, value: Any, out: Writer) -> None:
    """Write a value and all within it, by a stack of its own: it may nest as deep as it parses."""
    waiting = [(path, value)]
    while waiting:
        at, each = waiting.pop()
        if isinstance(each, dict):
            waiting += [(_key(at, key), below) for key, below in reversed(each.items())]
        elif isinstance(each, list) and (line := _short(each)) is None:
            waiting += [(f"{at}[{i}]", each[i]) for i in reversed(range(len(each)))]
        elif isinstance(each, list):
            if line:
                _line(at, line, out)
        elif isinstance(each, str):
            _line(at, tidy(each).strip(), out)
        elif each is not None:
            _line(at, str(each).lower(), out)


def _line(path: str, value: str, out: Writer) -> None:
    if not value:
        return
    if "\n" in value:
        # A text of several lines stays as it is, for its paragraphs.
        out.block(f"- {path}:" if path else "", lines=1)
        out.block(value)
        return
    out.block(f"- {path}: {value}" if path else f"- {value}", lines=1)


def _short(values: list[Any]) -> str | None:
    """A list of plain values in one line; None where it holds more, or words of some length."""
    parts: list[str] = []
    length = 0
    for value in values:
        if isinstance(value, dict | list) or (isinstance(value, str) and "\n" in value):
            return None
        part = value if isinstance(value, str) else "null" if value is None else str(value).lower()
        length += 0 if isinstance(value, _Number) else len(part) + 2
        if length > _LISTED:
            return None
        parts.append(part.strip())
    return ", ".join(filter(None, parts))


def _key(path: str, key: str) -> str:
    """The path to a key: `a.b`, or `a["odd key"]`."""
    if _NAME.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(tidy(key), ensure_ascii=False)}]"

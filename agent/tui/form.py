"""A form that an MCP server shows: its JSON Schema -> fields, and what was typed -> an answer.

Understands the flat objects that the protocol allows ("elicitation"): texts, numbers, yes or no,
one or several of a list. Where the answer goes it is checked by the whole schema; what is checked
here can be mended at once. Names and titles are a stranger's words. Knows no widget.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "whole", "number", "yes", "one", "many", "list"]
_WORDS: dict[Kind, str] = {
    "text": "text",
    "whole": "a whole number",
    "number": "a number",
    "yes": "yes or no",
    "one": "one of these",
    "many": "any of these",
    "list": "one or more, with commas between",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is asked."""

    name: str
    kind: Kind
    required: bool = False
    default: Any = None
    """What holds if nothing is typed; None where nothing does."""
    options: tuple[tuple[str, Any], ...] = ()
    """Of a list: what is shown, and the value."""
    least: float | None = None
    """Of a number its smallest value, of a text its length."""
    most: float | None = None

    @property
    def expected(self) -> str:
        """What is asked, in words."""
        return f"{_WORDS[self.kind]}, needed" if self.required else _WORDS[self.kind]


def fields(schema: Mapping[str, Any]) -> list[Field]:
    """What a form asks; nothing where it is no form."""
    properties, needed = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict):
        return []
    required = needed if isinstance(needed, list) else []
    return [
        _field(name, about, required=name in required)
        for name, about in properties.items()
        if isinstance(about, dict)
    ]


def value(field: Field, typed: str) -> Any:
    """What was typed, as the type that a field has; None for nothing.

    Raises:
        ValueError: It cannot be that; says why.
    """
    typed = typed.strip()
    if not typed:
        if field.required and field.default is None:
            raise ValueError("is needed")
        return None
    match field.kind:
        case "whole" | "number":
            return _number(field, typed)
        case "list":
            return [part.strip() for part in typed.split(",") if part.strip()]
        case _:
            return _within(field, typed, len(typed), " characters")


def _field(name: str, about: Mapping[str, Any], *, required: bool) -> Field:
    kind, options = _kind(about)
    of_text = kind == "text"
    return Field(
        name, kind, required, about.get("default"), options,
        _limit(about, "minLength" if of_text else "minimum"),
        _limit(about, "maxLength" if of_text else "maximum"),
    )  # fmt: skip


def _kind(about: Mapping[str, Any]) -> tuple[Kind, tuple[tuple[str, Any], ...]]:
    if options := _options(about, "oneOf"):
        return "one", options
    match about.get("type"):
        case "boolean":
            return "yes", (("yes", True), ("no", False))
        case "integer":
            return "whole", ()
        case "number":
            return "number", ()
        case "array":
            items = about.get("items")
            options = _options(items, "anyOf") if isinstance(items, dict) else ()
            return ("many", options) if options else ("list", ())
        case _:
            return "text", ()


def _options(about: Mapping[str, Any], titled: str) -> tuple[tuple[str, Any], ...]:
    """What a list offers, as it is written with titles, or without."""
    values, each = about.get("enum"), about.get(titled)
    if isinstance(each, list):
        found = [one for one in each if isinstance(one, dict) and "const" in one]
        return tuple((str(one.get("title") or one["const"]), one["const"]) for one in found)
    if not isinstance(values, list):
        return ()
    names = about.get("enumNames")
    if not isinstance(names, list) or len(names) != len(values):
        names = values
    return tuple((str(name), value) for name, value in zip(names, values, strict=True))


def _limit(about: Mapping[str, Any], name: str) -> float | None:
    limit = about.get(name)
    if not isinstance(limit, int | float) or isinstance(limit, bool):
        return None
    with suppress(OverflowError):  # longer than a number can be
        return float(limit)
    return None


def _number(field: Field, typed: str) -> float:
    try:
        number = int(typed) if field.kind == "whole" else float(typed)
    except ValueError:
        raise ValueError(f"must be {_WORDS[field.kind]}") from None
    if isinstance(number, float) and not math.isfinite(number):  # JSON has no other
        raise ValueError(f"must be {_WORDS[field.kind]}")
    _within(field, typed, number, "")
    return number


def _within(field: Field, typed: str, size: float, of: str) -> str:
    if field.least is not None and size < field.least:
        raise ValueError(f"must be at least {field.least:g}{of}")
    if field.most is not None and size > field.most:
        raise ValueError(f"must be at most {field.most:g}{of}")
    return typed

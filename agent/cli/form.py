"""Filling in a form that an MCP server shows during a call: a line is typed for each field.

Nothing is filled in that was not typed. What is left out is left out; whether the whole fits is
checked where the answer goes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.cli.terminal import Console

_WORDS = {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}


async def fill_in(
    console: Console, schema: Mapping[str, Any], typed: Callable[[], Awaitable[str]]
) -> dict[str, Any]:
    """Ask for each field of a flat object.

    Args:
        console: Where the fields are named.
        schema: Of the object; a stranger's.
        typed: The next line; empty leaves a field out.
    """
    fields = schema.get("properties")
    content: dict[str, Any] = {}
    for name, about in fields.items() if isinstance(fields, dict) else ():
        kind = about.get("type") if isinstance(about, dict) else None
        while True:
            console.remark(f"{name} ({_kind(kind)}; an empty line leaves it out):")
            text = (await typed()).strip()
            if not text:
                break
            try:
                content[name] = _value(kind, text)
                break
            except ValueError:
                console.remark(f"That is not {_kind(kind)}.")
    return content


def _value(kind: Any, text: str) -> Any:
    """What was typed, as the type that a field has."""
    match kind:
        case "boolean":
            if text.lower() not in _WORDS:
                raise ValueError(text)
            return _WORDS[text.lower()]
        case "integer":
            return int(text)
        case "number":
            return float(text)
        case "array":
            return [part.strip() for part in text.split(",") if part.strip()]
        case _:
            return text


def _kind(kind: Any) -> str:
    kinds = {
        "boolean": "yes or no",
        "integer": "a whole number",
        "number": "a number",
        "array": "one or more, with commas between",
    }
    return kinds.get(kind, "text") if isinstance(kind, str) else "text"

"""The script that a `Scripted` model plays, and reading one from a file. Plays nothing.

A script is JSON or TOML, by its suffix: a list of replies (JSON only), or an object with `replies`
and, if wanted, `loop` (the last reply is repeated for ever) and `context_window`. A reply is an
object with the fields of `ScriptedReply`; `text` alone may be written as a string:

    loop = true

    [[replies]]
    expect = "capital"
    text = "{passage:1} [1]"

    [[replies]]
    error = { kind = "RateLimited", message = "Too many questions." }

A mistake in a script is answered with the file, the reply and the field.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import errors
from agent.messages import ModelUsage, ToolRequest


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """One reply."""

    text: str = ""
    """What is answered. `{question}` and `{passage:N}` stand for the question and for the first
    sentence of the Nth passage, letter for letter, of the last message that carries evidence."""
    thoughts: str = ""
    """Visible reasoning, before the text."""
    tool_requests: tuple[ToolRequest, ...] = ()
    usage: ModelUsage | None = None
    """None counts four characters as a token, and costs nothing."""
    error: errors.ModelError | None = None
    """Raised at once, instead of an answer."""
    delay: float = 0.0
    """Seconds before each word."""
    expect: str = ""
    """What the last user message must contain, whatever the case."""
    cut: bool = False
    """The answer breaks off where the text ends."""
    endless: bool = False
    """The text is said over and over, until the listener leaves."""


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script."""

    replies: tuple[ScriptedReply, ...]
    """In the order of the calls."""
    loop: bool = False
    """The last reply is repeated for ever; otherwise one call too many is an error."""
    context_window: int | None = None
    """What the model says of its window; changes nothing."""


_ERRORS: dict[str, type[errors.ModelError]] = {
    kind.__name__: kind
    for kind in (
        errors.ModelError,
        errors.MissingKey,
        errors.UnknownModel,
        errors.RateLimited,
        errors.ContextTooLong,
        errors.ModelUnreachable,
        errors.BadModelOutput,
    )
}


class _Wrong(Exception):
    """What is wrong with a script, without its name."""


def read_script(path: Path) -> Script:
    """Read a script; its form is told above.

    Raises:
        ConfigError: It cannot be read or is no script; names the file and the reason.
    """
    try:
        data = _parse(path)
        head = {"replies": data} if isinstance(data, list) else _table(data, "the script")
        _known(head, {"replies", "loop", "context_window"}, "the script")
        replies = head.get("replies")
        if not isinstance(replies, list) or not replies:
            raise _Wrong("`replies` must be a list of at least one reply")
        window = head.get("context_window")
        return Script(
            tuple(_reply(data, f"reply {n}") for n, data in enumerate(replies, start=1)),
            loop=_flag(head, "loop", "the script"),
            context_window=None if window is None else _whole(window, "`context_window`"),
        )
    except _Wrong as wrong:
        raise errors.ConfigError(
            f"The script {path} cannot be used: {wrong}.",
            hint='A script is a JSON or TOML file such as {"replies": [{"text": "Hello."}]}.',
        ) from None


def _parse(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _Wrong(error.strerror or "it cannot be read") from None
    except UnicodeDecodeError:
        raise _Wrong("it is not UTF-8 text") from None
    try:
        return tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except ValueError as error:
        form = "TOML" if path.suffix.lower() == ".toml" else "JSON"
        raise _Wrong(f"it is not {form}: {error}") from None


def _reply(data: Any, where: str) -> ScriptedReply:
    if isinstance(data, str):
        return ScriptedReply(data)
    table = _table(data, where)
    _known(table, set(ScriptedReply.__dataclass_fields__), where)
    requests = table.get("tool_requests", [])
    if not isinstance(requests, list):
        raise _Wrong(f"{where}: `tool_requests` must be a list")
    return ScriptedReply(
        text=_text(table, "text", where),
        thoughts=_text(table, "thoughts", where),
        tool_requests=tuple(
            _tool_request(request, n, where) for n, request in enumerate(requests, start=1)
        ),
        usage=_usage(table["usage"], where) if "usage" in table else None,
        error=_error(table["error"], where) if "error" in table else None,
        delay=_number(table.get("delay", 0), f"{where}: `delay`"),
        expect=_text(table, "expect", where),
        cut=_flag(table, "cut", where),
        endless=_flag(table, "endless", where),
    )


def _tool_request(data: Any, n: int, where: str) -> ToolRequest:
    here = f"{where}, tool request {n}"
    table = _table(data, here)
    _known(table, {"id", "name", "arguments"}, here)
    if not _text(table, "name", here):
        raise _Wrong(f"{here}: `name` is missing")
    arguments = _table(table.get("arguments", {}), f"{here}: `arguments`")
    return ToolRequest(_text(table, "id", here) or f"call-{n}", table["name"], arguments)


def _usage(data: Any, where: str) -> ModelUsage:
    here = f"{where}: `usage`"
    table = _table(data, here)
    counts = ("input_tokens", "output_tokens", "cached_tokens")
    _known(table, {*counts, "cost", "finish"}, here)
    finish = table.get("finish", "stop")
    if finish not in ("stop", "length", "tools"):
        raise _Wrong(f"{here}: `finish` must be stop, length or tools")
    read, said, cached = (_whole(table.get(name, 0), f"{here}: `{name}`") for name in counts)
    return ModelUsage(
        read,
        said,
        cached,
        cost=_number(table.get("cost", 0), f"{here}: `cost`"),
        finish=finish,
    )


def _error(data: Any, where: str) -> errors.ModelError:
    here = f"{where}: `error`"
    table = _table(data, here)
    _known(table, {"kind", "message", "hint"}, here)
    kind = table.get("kind", "ModelError")
    if kind not in _ERRORS:
        raise _Wrong(f"{here}: `kind` must be one of {', '.join(_ERRORS)}")
    message = _text(table, "message", here) or "The script says that the model fails here."
    return _ERRORS[kind](message, hint=_text(table, "hint", here))


def _known(table: dict[str, Any], fields: set[str], where: str) -> None:
    if unknown := sorted(set(table) - fields):
        raise _Wrong(f"{where} has an unknown field `{unknown[0]}`")


def _is(kind: type | tuple[type, ...], word: str) -> Callable[[Any, str], Any]:
    """A check that a value is of a kind. A bool is no number, whatever Python says."""

    def check(value: Any, where: str) -> Any:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise _Wrong(f"{where} must be {word}")
        if isinstance(value, int | float) and value < 0:
            raise _Wrong(f"{where} must not be negative")
        return value

    return check


_table: Callable[[Any, str], dict[str, Any]] = _is(dict, "a table of fields")
_whole: Callable[[Any, str], int] = _is(int, "a whole number")
_number: Callable[[Any, str], float] = _is((int, float), "a number")


def _text(table: dict[str, Any], field: str, where: str) -> str:
    text: str = _is(str, "text")(table.get(field, ""), f"{where}: `{field}`")
    return text


def _flag(table: dict[str, Any], field: str, where: str) -> bool:
    flag: bool = _is(bool, "true or false")(table.get(field, False), f"{where}: `{field}`")
    return flag

"""The options that narrow a search: `--source`, `--type`, `--since`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args

import click

from agent.errors import UsageError
from knowledge.types import Kind

if TYPE_CHECKING:
    from knowledge.library import Filters

_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the three options; the function takes `source`, `type_` and `since`."""
    for decorate in (
        click.option(
            "--since", metavar="DATE", help="Only files changed since, e.g. 2026-01-31, 7d."
        ),
        click.option(
            "--type",
            "type_",
            multiple=True,
            type=click.Choice(get_args(Kind)),
            help="Only documents of this type; may be repeated.",
        ),
        click.option(
            "--source",
            multiple=True,
            metavar="PATH",
            help="Only this file or folder, or what matches, e.g. *.pdf; may be repeated.",
        ),
    ):
        function = decorate(function)
    return function


def build(source: tuple[str, ...], type_: tuple[str, ...], since: str | None) -> Filters | None:
    """The filters that were asked for; None for none."""
    if not (source or type_) and since is None:
        return None
    from knowledge.library import Filters

    return Filters(sources=source, kinds=type_, since=None if since is None else moment(since))


def moment(text: str, *, now: float | None = None) -> float:
    """A date, a date with a time (both local), or an age (`7d`, `2w`, `3m`, `1y`), as Unix time.

    Raises:
        UsageError: It is none of these.
    """
    if match := re.fullmatch(r"(\d{1,5})([dwmy])", text.strip().lower()):
        now = time.time() if now is None else now
        return now - int(match[1]) * _DAYS[match[2]] * 86_400
    from datetime import datetime

    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(
            f"not a date: '{text}'", hint="write 2026-01-31, or an age: 7d, 2w, 3m, 1y"
        ) from None

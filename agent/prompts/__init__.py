"""The prompts, as data files beside this one; here is only what reads them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Template


def prompt(name: str, **values: str) -> str:
    """The prompt in `NAME.md`, its `$placeholders` filled in.

    Raises:
        KeyError: A placeholder has no value.
    """
    return Template(_read(name)).substitute(values).strip()


@cache
def _read(name: str) -> str:
    return (Path(__file__).parent / f"{name}.md").read_text(encoding="utf-8")

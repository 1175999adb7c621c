"""The prompts of the data room, one text file each."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def prompt(name: str) -> str:
    """The text of a prompt, without the line feed at its end."""
    return (resources.files(__name__) / f"{name}.txt").read_text(encoding="utf-8").strip()

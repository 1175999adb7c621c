"""Finds the handbook: in an installed wheel in `docs/` beside this file, in a checkout above it."""

from __future__ import annotations

from pathlib import Path


def folder() -> Path | None:
    """The folder of the handbook's Markdown files; None where an installation left it out."""
    here = Path(__file__).resolve().parent
    for place in (here / "docs" / "handbook", here.parent / "docs" / "handbook"):
        if (place / "index.md").is_file():
            return place
    return None

"""What was filled in on the pages of a PDF: the fields of a form, and words typed over a page.

Both lie on a page and are no part of its own text. Opens no file: pypdf's pages are asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from knowledge.read.text import tidy

MAX_MARKS = 50_000
"""Marks of one file that are looked at: a form has hundreds, and many pages may share a list."""
_LEVELS = 20
"""Fields within fields, from which a field may have what it does not say itself."""
_HIDDEN = 1 << 1
_PASSWORD, _RADIO, _BUTTON = 1 << 13, 1 << 15, 1 << 16
"""Flags of marks and fields. Source: ISO 32000-2, tables 167, 229 and 231."""


def filled_in(pages: Iterable[Any]) -> dict[int, list[str]]:
    """The lines that were filled in, `name of the field: value`, by number of the page."""
    found: dict[int, list[str]] = {}
    left = MAX_MARKS
    for number, page in enumerate(pages, 1):
        lines: dict[str, None] = {}
        try:
            for mark in islice(_own(page, "/Annots") or (), left):
                left -= 1
                lines[_line(mark.get_object())] = None
        except Exception:  # pypdf fails on damaged files with errors of every type
            pass  # what was found before it counts
        if words := [line for line in lines if line]:
            found[number] = words
    return found


def _line(mark: Any) -> str:
    if _flags(mark, "/F") & _HIDDEN:
        return ""
    kind = _own(mark, "/Subtype")
    if kind == "/FreeText":
        return _words(_own(mark, "/Contents"))
    value = _value(mark) if kind == "/Widget" else ""
    name = _words(_of(mark, "/TU") or _of(mark, "/T"))
    return f"{name}: {value}" if name and value else value


def _value(field: Any) -> str:
    """What a field says; empty where nothing was filled in, or it is a secret or a button."""
    kind, flags = _of(field, "/FT"), _flags(field, "/Ff")
    if kind == "/Tx" and not flags & _PASSWORD:
        return _words(_of(field, "/V"))
    if kind == "/Ch":
        chosen = _of(field, "/V")
        shown = dict(_pairs(_of(field, "/Opt")))
        several = chosen if isinstance(chosen, list) else [chosen]
        words = (_words(each.get_object() if each is not None else None) for each in several)
        return ", ".join(shown.get(word, word) for word in words if word)
    if kind == "/Btn" and not flags & _BUTTON:
        state = _words(_own(field, "/AS"))
        if state not in ("", "/Off"):
            return state.removeprefix("/") if flags & _RADIO else "checked"
    return ""


def _pairs(options: Any) -> Iterable[tuple[str, str]]:
    """What a choice is stored as, and how it is shown, where the two differ."""
    for option in options or ():
        pair = option.get_object()
        if isinstance(pair, list) and len(pair) == 2:
            stored, shown = (_words(each.get_object()) for each in pair)
            yield stored, shown


def _own(mark: Any, key: str) -> Any:
    """A value of a mark itself, looked up where it is only referred to; None where it has none."""
    return mark[key] if key in mark else None  # noqa: SIM401 - `get` gives the reference


def _of(field: Any, key: str) -> Any:
    """A value of a field or of those that it is part of; None where none says it."""
    for _ in range(_LEVELS):
        if key in field:
            return field[key]
        if "/Parent" not in field:
            return None
        field = field["/Parent"]
    return None


def _flags(field: Any, key: str) -> int:
    value = _of(field, key)
    return int(value) if isinstance(value, int) else 0


def _words(value: Any) -> str:
    return tidy(value).strip() if isinstance(value, str) else ""

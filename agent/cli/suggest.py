"""What a person may have meant who typed what cannot be added, or taken out. Does neither."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from shlex import quote
from urllib.parse import unquote

from knowledge.errors import FetchRefused
from knowledge.filters import is_url, matcher

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?://)?(/.*)", re.DOTALL)
_PAGE = re.compile(
    r"(?:[\w-]+\.)+(?:[a-z]{2,}(?::\d+)?/.*"
    r"|(?:com|org|net|edu|gov|info|io|dev|ai|app|co|de|uk|eu|fr|ch|at|nl|it|es|us)(?::\d+)?)",
    re.IGNORECASE | re.DOTALL,
)
"""What a browser would take for the address of a page, and hardly anybody for that of a file."""


def why_not_added(path: str) -> tuple[str, str] | None:
    """Why something cannot be added, and what to type instead; None where it can."""
    if is_url(path):
        from knowledge.guard.urls import parse

        try:
            parse(path)
        except FetchRefused as error:
            return f"{error}.", error.hint
        return None
    if os.path.lexists(path):
        return None
    if told := _SCHEME.match(path):
        if told[1].lower() == "file":
            return "A file is added by its path.", f"agent add {quote(unquote(told[2]))}"
        return "No such file, and only http and https pages are fetched.", "agent add https://…"
    return "No such file or folder.", _nearest_path(path)


def _nearest_path(path: str) -> str:
    """What to type instead of a path that is not there."""
    folder, name = os.path.split(path.rstrip(os.sep))
    try:
        near = get_close_matches(name, os.listdir(folder or "."), n=1)
    except (OSError, ValueError):  # a folder that is not there, or no path at all
        near = []
    if near:
        return f"Did you mean {os.path.join(folder, near[0])}?"
    if _PAGE.fullmatch(path):
        return f"If it is a web page: agent add {quote('https://' + path)}"
    return "agent add PATH, where PATH exists"


def nearest_source(names: Sequence[str], held: Iterable[str]) -> str:
    """The one source that a name which means none is a part of, or nearest to; quoted."""
    sources = list(held)
    for name in names:
        if any(mark in name for mark in "*?[") or any(map(matcher(name), sources)):
            continue
        part = os.path.normpath(name).casefold()
        near = [source for source in sources if part in source.casefold()]
        if not near:
            last = {os.path.basename(source): source for source in sources}
            near = [last[each] for each in get_close_matches(os.path.basename(name), last, n=1)]
        return quote(near[0]) if len(near) == 1 else ""
    return ""

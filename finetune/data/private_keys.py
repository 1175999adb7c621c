"""Private keys in a text, in the armour of PEM and PGP: the whole of each, or what is left of it.

A mark of one that has no key text at it (a text that speaks of keys) is taken alone. What is put
in its place is `pii.py`'s matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MARK = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_HEADERS = re.compile(
    r"(?:\s{0,8}(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID):[^\n]{0,200}(?=\n))*"
)
_WORD = re.compile(r"[A-Za-z0-9+/=]+")
_CODED = re.compile(r"\d|[a-z][A-Z]|[=+]")
"""What a word of a language has not."""
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}[: ]){8}")
_LINE = 16
"""Characters from which on a coded word is a line of a key."""
_SHORT = 2
"""Shorter ones at its end: the last line, and the sum that PGP checks it by."""
_LONGEST = 1 << 15
"""Characters of a key: one of 16,384 bits has 13,000 in base64."""
_GAP = 12
"""Characters at most between two lines of a key: their ends, quotation marks, indentation."""
_ESCAPES = frozenset(["n", "r", "rn", "+"])
"""Between lines, in the source of a program: what is left of an escaped end, and what joins."""


def keys(text: str) -> Iterator[tuple[int, int]]:
    """Where each stands, in order and apart."""
    marks = list(_MARK.finditer(text))
    done = 0
    for n, mark in enumerate(marks):
        if mark.start() < done:
            continue
        start, end = mark.span()
        if mark[1] == "BEGIN":
            last = marks[n + 1] if n + 1 < len(marks) else None
            least = last.start() if last else len(text)
            if last and last[1] == "END" and _holds_key(text[end:least]):
                end = last.end()
            else:
                end = _behind(text, end, least)
        else:
            start = _before(text, start, done)
        yield start, end
        done = end


def _holds_key(text: str) -> bool:
    words = _WORD.finditer(text)
    return any(map(_is_line, words)) or bool(_HEX.search(text))


def _behind(text: str, start: int, most: int) -> int:
    """Where the headers and the key text end that begin at a place; there, if there are none."""
    headers = _HEADERS.match(text, start, most)
    assert headers is not None  # it matches nothing, too
    reached = at = headers.end()
    short = 0
    for word in _WORD.finditer(text, at, min(most, at + _LONGEST)):
        if word.start() - at > _GAP:
            break
        at = word.end()
        if _is_line(word) and not short:
            reached = at
        elif word[0] not in _ESCAPES:
            short += 1
            if reached == headers.end() or short > _SHORT or not _CODED.search(word[0]):
                break
            reached = at
    return reached


def _before(text: str, end: int, least: int) -> int:
    """Where the key text begins that ends at a place; there, if there is none."""
    reached = at = end
    short = 0
    words = list(_WORD.finditer(text, max(least, end - _LONGEST), end))
    for word in reversed(words):
        if at - word.end() > _GAP:
            break
        at = word.start()
        if _is_line(word):
            reached = at
        elif word[0] not in _ESCAPES:
            short += 1
            if reached < end or short > _SHORT or not _CODED.search(word[0]):
                break
    return reached


def _is_line(word: re.Match[str]) -> bool:
    return len(word[0]) >= _LINE and bool(_CODED.search(word[0]))

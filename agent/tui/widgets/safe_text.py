"""Text of documents, file names and models, made such that a terminal shows it and obeys nothing.

Stricter than `agent.plain_text`: here every character has a known width in cells, so that a row
fits its widget on every terminal. Works character by character, so a text may be cut first.
"""

from __future__ import annotations

from rich.cells import get_character_cell_size

TAB = "    "
"""A tab is shown as so many spaces wherever it stands, so that a row's width needs no context."""

_REPLACED = (
    0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x2070),  # direction
    *range(0x80, 0xA0),  # C1 controls: some terminals obey 0x9B as ESC [
    *range(0xFFF9, 0xFFFC),  # annotations
    *range(0xD800, 0xE000),  # lone surrogates, which no terminal can be sent
    *range(0xE0000, 0xE1000),  # tags: a second, invisible text
)  # fmt: skip
_DROPPED = (0xAD, 0x34F, *range(0x180B, 0x1810), 0x200B, 0x200C, 0x200D, *range(0x2060, 0x2065),
            *range(0xFE00, 0xFE10), 0xFEFF)  # fmt: skip
"""What has no width. Terminals differ on joined emoji, so these are shown one by one."""

_SHOWN: dict[int, str | None] = {code: chr(0x2400 + code) for code in range(0x20)}
_SHOWN |= dict.fromkeys(_REPLACED, "\ufffd")
_SHOWN |= dict.fromkeys(_DROPPED, None)
_SHOWN |= {0x09: TAB, 0x7F: "\u2421", 0x2028: "\u240a", 0x2029: "\u240a"}


def shown(text: str) -> str:
    """A text on one row: controls as their pictures, what reorders or hides text made visible."""
    return text.translate(_SHOWN)


def one_line(text: str, limit: int = 0) -> str:
    """As `shown`, with every run of white space made one space, cut to `limit` characters."""
    if limit:
        text = text[: 4 * limit]
    line = shown(" ".join(text.split()))
    return line if not limit or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def sendable(text: str) -> str:
    """The text as UTF-8 can carry it: a document may hold lone surrogates, a clipboard may not."""
    return text.encode("utf-8", "replace").decode("utf-8")


def width_of(character: str) -> int:
    """Terminal cells that a character takes once it is `shown`."""
    return sum(map(get_character_cell_size, shown(character)))

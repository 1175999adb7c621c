"""Text that a terminal shows and cannot obey, and figures as a person reads them.

What every face shares; it knows no terminal, no colour and no widget.
"""

from __future__ import annotations

import os

_UNSAFE: dict[int, str | None] = {code: chr(0x2400 + code) for code in range(0x20)}
_UNSAFE |= {0x0D: None, 0x7F: "\u2421"}
_UNSAFE |= dict.fromkeys(range(0x80, 0xA0), "\ufffd")  # C1: some terminals obey 0x9B as ESC [
# What reorders the line it stands on, so that a terminal shows another text than is there.
_UNSAFE |= dict.fromkeys((0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")
_UNSAFE |= dict.fromkeys((0x2028, 0x2029), "\n")
_IN_A_LINE = {**_UNSAFE, 0x2028: chr(0x240A), 0x2029: chr(0x240A)}
del _UNSAFE[0x09], _UNSAFE[0x0A]


def clean(text: str) -> str:
    """Text that a terminal prints and cannot obey.

    Control characters become their pictures (ESC becomes U+241B), direction overrides and C1
    controls become U+FFFD, carriage returns vanish; tabs and line feeds stay. It works character
    by character, so a stream may be cleaned piece by piece.
    """
    return text.translate(_UNSAFE)


def line(text: str) -> str:
    """As `clean`, with line feeds and tabs made visible too: a name can forge no other line."""
    return text.translate(_IN_A_LINE)


def one_line(text: str) -> str:
    """As `clean`, with every run of white space made one space."""
    return clean(" ".join(text.split()))


def short_path(source: str) -> str:
    """A path as one would type it here: relative within this folder, `~` within one's home.

    On one line, whatever the name holds.
    """
    path = source
    if os.path.isabs(source):
        try:
            here, home = os.getcwd(), os.path.expanduser("~")
        except OSError:  # this folder has been removed
            return line(path)
        if source.startswith(here.rstrip(os.sep) + os.sep):
            path = os.path.relpath(source, here)
        elif source.startswith(home.rstrip(os.sep) + os.sep):
            path = os.path.join("~", os.path.relpath(source, home))
    return line(path)


def money(cost: float | None) -> str:
    """A price in US dollars."""
    if cost is None:
        return "price unknown"
    if cost == 0:
        return "free"
    return f"${cost:.2f}" if cost >= 1 else f"${cost:.4f}" if cost >= 0.0001 else "< $0.0001"


def size(count: int) -> str:
    """Bytes as a person reads them."""
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """Seconds as a person reads them: `0.4 s`, `42 s`, `3:05`, `1:02:09`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"

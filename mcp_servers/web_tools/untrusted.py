"""Text of the web made fit to be handed on as data: what is hidden is left out, and told.

Nothing here makes a hostile text harmless to a model that takes it for orders. It takes away what
no reader of the page would have seen, breaks what a program would act on (images that a client
would load, links that carry data, a chat's control tokens), and flags what sounds like an order.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from knowledge.orders import first_order
from mcp_servers.web_tools.hidden import without_hidden
from mcp_servers.web_tools.links import tame_links

_INVISIBLE = re.compile(
    "[\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200d\u2060-\u2064\u206a-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f\U000e0100-\U000e01ef]+"
)
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_FLAG = re.compile("\U0001f3f4[\U000e0061-\U000e007a]{1,6}\U000e007f")
"""The flags of England, Scotland and Wales, the one right use of tag characters."""
_TOKEN = re.compile(
    r"<\|[a-z_0-9]{2,30}\|>|\[/?INST\]|<</?SYS>>|</?(?:s|start_of_turn|end_of_turn)>|"
    r"<｜[^｜<>]{2,40}｜>",
    re.IGNORECASE,
)
"""A chat template's control tokens, which a tokenizer may take for the real ones."""
_LOADS = re.compile(
    r"<(/?)(img|iframe|object|embed|script|link|meta|base|form|svg|video|audio|source|picture|"
    r"style|applet|frame)(?=[\s/>])",
    re.IGNORECASE,
)


class Cleaned(NamedTuple):
    """A text, and what was found in it."""

    text: str
    flags: tuple[str, ...]
    """`kind: detail`, in words."""


def clean_markup(markup: str) -> Cleaned:
    """A page without what a browser would not show, and flags for what stood there."""
    seen = without_hidden(markup)
    flags = []
    if seen.hidden:
        flags.append(f"hidden-text: {len(seen.hidden):,} characters that the page does not show "
                     "were left out")  # fmt: skip
    if seen.faint:
        flags.append(f"hidden-text: {len(seen.faint):,} characters are white or transparent")
    for where, text in (
        ("hidden text", seen.hidden),
        ("a comment", seen.comments),
        ("text kept from screen readers", seen.aria),
        ("white text", seen.faint),
    ):
        if order := first_order(text):
            flags.append(f"instructions: in {where}: {order!r}")
    return Cleaned(seen.markup, tuple(flags))


def clean_text(text: str) -> Cleaned:
    """Plain or Markdown text without invisible characters, live images and links that carry data.

    Code is treated like prose: what is code depends on who renders it, and from where on.
    """
    flags: list[str] = []
    shown = _visible(text, flags)
    calm = _TOKEN.sub(lambda found: found[0][0] + " " + found[0][1:], shown)
    if calm != shown:
        flags.append("control-tokens: a chat's control tokens were broken up")
    tame = tame_links(calm)
    if tame != calm:
        flags.append("links: images or links that could carry data out were turned to text")
    tame = _LOADS.sub(r"‹\1\2", tame)
    if order := first_order(tame):
        flags.append(f"instructions: {order!r}")
    return Cleaned(tame, tuple(flags))


def line(text: str, limit: int = 300) -> str:
    """One clean line of metadata or of a search result."""
    words = " ".join(clean_text(text[: 4 * limit]).text.split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def _visible(text: str, flags: list[str]) -> str:
    if text.isascii():
        return text
    gone = bidi = 0

    def keep(found: re.Match[str]) -> str:
        nonlocal gone
        run = found[0]
        if _belongs(text, found.start(), found.end(), run):
            return run
        gone += sum(character != "\xad" for character in run)
        return ""

    kept: list[str] = []
    at = 0
    for flag in _FLAG.finditer(text):
        kept += [_INVISIBLE.sub(keep, text[at : flag.start()]), flag[0]]
        at = flag.end()
    rest = text[at:] if at else text
    text = rest
    kept.append(_INVISIBLE.sub(keep, rest))
    shown, bidi = _BIDI.subn("", "".join(kept))
    if gone:
        flags.append(f"zero-width: {gone:,} invisible characters were left out")
    if bidi:
        flags.append(f"bidi: {bidi:,} characters that turn the direction of text were left out")
    return shown


def _belongs(text: str, start: int, end: int, run: str) -> bool:
    """Whether an invisible character has work to do: joining letters of a script, or an emoji's."""
    if len(run) > 2 or not start:
        return False
    before = text[start - 1]
    if all(character in "\u200c\u200d\ufe0e\ufe0f" for character in run):
        after = text[end] if end < len(text) else ""
        joins = not before.isascii() and unicodedata.category(before)[0] in "LMS"
        return joins and (run in ("\ufe0e", "\ufe0f") or bool(after and not after.isascii()))
    return len(run) == 1 and run in "\u180b\u180c\u180d" and before > "\u1800"

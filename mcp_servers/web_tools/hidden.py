"""What of a page a browser would not show. Looks at the tags themselves, and at no style sheet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from mcp_servers.web_tools.markup import LIMIT, Nesting, Token, tokens

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SPACE = re.compile(r"\s+|!important", re.IGNORECASE)
_HIDDEN = re.compile(
    r"(?:^|;)(?:display:none|visibility:(?:hidden|collapse)|opacity:0?\.?0*(?=;|$)|"
    r"font-size:0*\.?0*(?:px|pt|em|rem|%|vw|vh)?(?=;|$)|font-size:0*[01](?:\.\d+)?px|"
    r"clip:rect\((?:0|1)(?:px)?[, ]|clip-path:inset\((?:50|100)%|"
    r"(?:max-)?(?:height|width):0(?:px|em|rem|%)?;(?:.*;)?overflow:hidden|"
    r"overflow:hidden;(?:.*;)?(?:max-)?(?:height|width):0(?:px|em|rem|%)?(?=;|$)|"
    r"text-indent:-\d{3,}|transform:scale\(0(?:\.0+)?\)|"
    r"position:(?:absolute|fixed);(?:.*;)?(?:left|top|right|bottom):-\d{3,}|"
    r"(?:left|top|right|bottom):-\d{3,}(?:\.\d+)?(?:px|em|rem|%)?;(?:.*;)?position:(?:absolute|fixed))"
)
_COLOUR = re.compile(r"(?:^|;)color:([^;]+)")
_GROUND = re.compile(r"(?:^|;)background(?:-color)?:([^;]+)")
_SAME = {
    "#fff": "white", "#ffffff": "white", "#ffff": "white", "rgb(255,255,255)": "white",
    "rgba(255,255,255,1)": "white", "hsl(0,0%,100%)": "white", "#000": "black",
    "#000000": "black", "rgb(0,0,0)": "black", "#fefefe": "white", "snow": "white",
}  # fmt: skip
_WHOLE = frozenset({"html", "body"})
"""Hidden until a script has run, often enough: what is hidden so is the page."""
_UNREAD = frozenset({"script", "style", "template", "noscript", "title", "head", "svg", "math"})


class Seen(NamedTuple):
    """A page, told apart."""

    markup: str
    """Without its hidden parts and comments."""
    hidden: str
    """The text that no browser would show."""
    faint: str
    """Text in white or transparent letters on no ground of its own: shown, perhaps unseen."""
    aria: str
    """Text that is kept from screen readers."""
    comments: str


def without_hidden(markup: str) -> Seen:
    """Tell the hidden parts of a page apart, and cut them out."""
    nesting = Nesting()
    kept: list[str] = []
    texts: dict[str, list[str]] = {"hidden": [], "faint": [], "aria": [], "comments": []}
    within: dict[str, int] = {}
    """By kind: the outermost open element of it. `unread` are those whose text is none."""
    done = 0
    """Up to where the page has been kept or cut."""
    for token in tokens(markup):
        if token.kind == "text":
            if not token.name and "unread" not in within:
                for kind in within:
                    texts[kind].append(token.text)
            continue
        if token.kind == "comment":
            texts["comments"].append(token.text)
            if "hidden" not in within:
                kept.append(markup[done : token.start])
                done = token.end
            continue
        opened = 0
        if token.kind == "open":
            opened = nesting.enter(token.name)
        else:
            nesting.leave(token.name)
        for kind in [kind for kind, serial in within.items() if not nesting.is_open(serial)]:
            del within[kind]
            if kind == "hidden":
                # Its own end tag goes with it; a tag that ended it otherwise stays.
                done = token.end if token.kind == "close" else token.start
        for kind in _kinds(token) if opened and nesting.is_open(opened) else ():
            if kind == "hidden" and kind not in within:
                kept.append(markup[done : token.start])
            within.setdefault(kind, opened)
    kept.append(markup[LIMIT if "hidden" in within else done :])
    joined = {kind: " ".join(" ".join(parts).split()) for kind, parts in texts.items()}
    return Seen("".join(kept), **joined)


def _kinds(tag: Token) -> list[str]:
    if tag.name in _WHOLE:
        return []
    if tag.name in _UNREAD:
        return ["unread"]
    attributes = tag.attributes
    style = _SPACE.sub("", _COMMENT.sub("", attributes.get("style", "")[:5_000])).lower()
    if _is_hidden(attributes, style):
        return ["hidden"]
    kinds = []
    if attributes.get("aria-hidden", "").lower() == "true":
        kinds.append("aria")
    if _letters(style) in ("white", "transparent") and not _ground(style):
        kinds.append("faint")
    return kinds


def _is_hidden(attributes: Mapping[str, str], style: str) -> bool:
    if "hidden" in attributes and attributes["hidden"].lower() != "until-found":
        return True
    if not style:
        return False
    letters = _letters(style)
    return bool(_HIDDEN.search(style)) or bool(letters and letters == _ground(style))


def _letters(style: str) -> str:
    found = _COLOUR.search(style)
    return _name(found[1]) if found else ""


def _ground(style: str) -> str:
    found = _GROUND.search(style)
    return _name(found[1]) if found else ""


def _name(colour: str) -> str:
    if re.fullmatch(r"rgba\(\d+,\d+,\d+,0?\.?0*\)", colour):
        return "transparent"
    return _SAME.get(colour, colour)

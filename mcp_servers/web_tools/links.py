"""Links and images in a text, made unable to carry anything out by themselves.

A client that renders Markdown loads an image at once, and with it whatever stands in its address.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from knowledge.errors import FetchRefused
from knowledge.guard.urls import parse

_QUERY = 200
"""Characters of a link's query that are too many to be anything but data."""
_TARGET = re.compile(
    r"\]\(\s*+(?:<([^<>\n]*+)>|((?:[^\s()\\]|\\.|\((?:[^\s()\\]|\\.)*+\))*+))"
    r"(?:\s++(?:\"[^\"]*+\"|'[^']*+'|\([^()]*+\)))?+\s*+(\)?)"
)
"""Where a Markdown link leads, with its title, up to its end where that is plain to see."""
_REFERENCE = re.compile(
    r"^( {0,3}\[[^\[\]\n]{1,200}\]:\s*+)(?:<([^<>\n]*+)>|(\S++))(.*+)$", re.MULTILINE
)
_ACTIVE = re.compile(
    r"\b(?:data:[\w.+-]{1,60}/[\w.+-]{1,60}[^\s\"')>]*+|(?:javascript|vbscript):[^\s\"')>]++)",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"[a-zA-Z][\w+.-]*+:")


def safe_url(url: str) -> str:
    """A link as it may be shown; empty for one that must not be."""
    try:
        target = parse(url)
    except FetchRefused:
        return ""
    return target.url if len(urlsplit(target.url).query) <= _QUERY else ""


def tame_links(text: str) -> str:
    """The text with images as words, and without links that carry data or run scripts."""
    if "![" in text:
        text = text.replace("![", "[image: ").replace("[image: ]", "[image]")
    text = _TARGET.sub(_link, text)
    text = _REFERENCE.sub(_reference, text)
    return _ACTIVE.sub("[left out: a data or script URL]", text)


def _link(found: re.Match[str]) -> str:
    label = found.string.rfind("[", max(0, found.start() - 1000), found.start())
    image = label >= 0 and found.string.startswith("[image", label)
    image = image and "]" not in found.string[label : found.start()]
    url = found[1] if found[1] is not None else found[2]
    if found[3] and not image and _is_harmless(url):
        return found[0]
    return "]" if found[3] else "] ("


def _reference(found: re.Match[str]) -> str:
    url = found[2] if found[2] is not None else found[3]
    return found[0] if _is_harmless(url) else f"{found[1]}(left out)"


def _is_harmless(url: str) -> bool:
    """Whether a link in a text may stay: relative ones lead nowhere from here."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        return not url.startswith(("//", "\\\\")) or bool(safe_url(f"https:{url}"))
    if scheme[0].lower() == "mailto:":
        return "?" not in url
    return bool(safe_url(url))

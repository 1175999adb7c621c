"""What a page or server calls an encoding, and what to decode with. Guesses nothing."""

from __future__ import annotations

import codecs

_AS_BROWSERS_DO = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
"""Python's name to a wider encoding that takes the same texts and what pages hold beyond them.
Source: the WHATWG Encoding Standard, its table of labels."""
_NEVER = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape", "utf-7"})
"""Codecs of Python's that are no encodings of pages; to decode Punycode takes quadratic time."""


def codec_of(label: str) -> str | None:
    """The codec for a declared encoding; None where there is none that pages are written in."""
    try:
        found = codecs.lookup(label.strip())
    except (LookupError, ValueError):
        return None
    # Codecs that turn bytes to bytes are found as well, and one that is no text is none here.
    if found.name.replace("_", "-") in _NEVER or not getattr(found, "_is_text_encoding", True):
        return None
    return _AS_BROWSERS_DO.get(found.name, found.name)

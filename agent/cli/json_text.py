"""JSON as it is printed: readable UTF-8 that a terminal cannot obey."""

from __future__ import annotations

import json
import re
from typing import Any

# JSON itself escapes the controls below U+0020. These remain: DEL and the C1 controls, what
# reorders or breaks a line, and lone surrogates, which cannot be written as UTF-8.
_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def dump(data: Any, *, indent: int | None = 2) -> str:
    """One JSON value, without a line feed at its end; on one line with `indent=None`."""
    text = json.dumps(data, ensure_ascii=False, indent=indent)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)

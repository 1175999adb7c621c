"""Personal data and secrets that rules can see: where they stand, and masked on wish.

Not a promise: names, addresses in words and what a person tells of another need a reader. A
report names kinds and places, never the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Literal

from finetune.data.private_keys import keys

Treatment = Literal["flag", "mask", "drop"]
"""What becomes of it: it stays and is told, is masked, or its rows are left out."""


def _luhn(text: str) -> bool:
    """The check digit of a card's number (ISO/IEC 7812-1)."""
    digits = [int(sign) for sign in text if sign.isdigit()]
    if len(digits) not in (13, 14, 15, 16, 19) or len(set(digits)) == 1:
        return False
    doubled = [d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits[::-1])]
    return sum(doubled) % 10 == 0


def _iban(text: str) -> bool:
    """The check digits of an account's number (ISO 13616)."""
    compact = text.replace(" ", "")
    moved = compact[4:] + compact[:4]
    return 15 <= len(compact) <= 34 and int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _phone(text: str) -> bool:
    digits = sum(sign.isdigit() for sign in text)
    return 9 <= digits <= 15


def _address(text: str) -> bool:
    try:
        found = ip_address(text)
    except ValueError:
        return False
    return found.is_global  # loopback and private ones name nobody


def _any(text: str) -> bool:
    return True


_APART = r"[ \u00a0\u202f.\u2010\u2011-]"
"""What stands between the digits of a phone number, once."""
_UNITS = (
    r"[€$£¥%‰°]|(?:EUR|USD|GBP|CHF|JPY|euros?|dollars?|pounds?|francs?|cents?|yen|people|users?"
    r"|years?|times|units?|bytes|[kmc]?m|k?g|[kMG]B|kWh?)\b"
)
_AMOUNT = (
    rf"\+\d{{1,3}}(?:[ \u00a0\u202f.]000){{2,}}(?!{_APART}?\d)"
    rf"|\+\d{{1,3}}(?:[ \u00a0\u202f.]\d{{3}})+[ \u00a0\u202f]?(?:{_UNITS})"
)
"""A sum in groups of three digits with a sign before it: round, or of what its unit says."""
_RULES: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    (
        "secret",
        re.compile(
            r"\b(?:sk-[A-Za-z0-9_-]{20,}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|A[KS]IA[0-9A-Z]{16}"
            r"|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,}|glpat-[A-Za-z0-9_-]{20,}"
            r"|xox[abeprs]-[A-Za-z0-9-]{10,}|hf_[A-Za-z0-9]{30,}|AIza[A-Za-z0-9_-]{30,})"
        ),
        _any,
    ),
    (
        "email",
        re.compile(
            r"(?<![\w.+-])\w[\w.+%-]{0,63}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}"
            r"\.(?:xn--[A-Za-z0-9-]{1,59}|[^\W\d_]{2,63})"
        ),
        _any,
    ),
    ("iban", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), _iban),
    (
        "card",
        re.compile(
            r"(?<![\d.-])(?:[2-6]\d{12,18}|[2-6]\d{3}(?:[ -]\d{4}){3}|3\d{3}[ -]\d{6}[ -]\d{5})"
            r"(?![\d.-]?\d)"
        ),
        _luhn,
    ),
    (
        "ssn",
        re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"),
        _any,
    ),
    ("ip", re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]?\d)"), _address),
    (
        "ip",
        re.compile(  # 2000::/3, which is all that is given out (RFC 4291)
            r"(?<![\w:.])[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}(?:[0-9A-Fa-f]{1,4})?(?![\w:])"
        ),
        _address,
    ),
    (
        "phone",
        re.compile(
            rf"(?<![\w.+])(?:(?!{_AMOUNT})\+[1-9]\d{{0,2}}"
            # An area code of one digit is known by what stands before it.
            rf"(?:{_APART}?\(\d{{1,5}}\){_APART}?\d{{1,4}}|{_APART}\d{{1,4}}|\d{{2,4}})"
            rf"/?\d{{0,4}}(?:{_APART}?\d{{2,4}}){{1,5}}"
            rf"|\(\d{{3}}\) ?\d{{3}}{_APART}\d{{4}}|\d{{3}}[.-]\d{{3}}[.-]\d{{4}})(?![\w-]*\d)"
        ),
        _phone,
    ),
)

_QUICK = re.compile(
    r"[@\d]|-----(?:BEGIN|END)|sk-|[rs]k_|A[KS]IA|AIza|gh[pousr]_|github_|glpat-|xox|hf_"
)


def kinds(text: str) -> dict[str, int]:
    """How often each kind stands in a text."""
    counts: dict[str, int] = {}

    def count(kind: str) -> str:
        counts[kind] = counts.get(kind, 0) + 1
        return f"[{kind}]"

    _replace(text, count)
    return counts


def mask(text: str) -> str:
    """The text with `[email]` and the like in place of what was found."""
    return _replace(text, lambda kind: f"[{kind}]")


def cleared(text: str, what: Treatment) -> str | None:
    """The text as it may be sent and kept; None where rows with such a text are left out."""
    if what == "mask":
        return mask(text)
    return None if what == "drop" and kinds(text) else text


def texts_of(row: dict[str, Any]) -> list[str]:
    """All texts of a row of any kind."""
    if "text" in row:
        return [row["text"]]
    return [m["content"] for name in ("messages", "prompt", "chosen", "rejected")
            for m in row.get(name, ())]  # fmt: skip


def mask_row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with all its texts masked; its label stays."""
    if "text" in row:
        return row | {"text": mask(row["text"])}
    return {
        name: [message | {"content": mask(message["content"])} for message in messages]
        for name, messages in row.items()
    }


def _replace(text: str, put: Callable[[str], str]) -> str:
    if not _QUICK.search(text):
        return text
    parts, at = [], 0
    for start, end in keys(text):
        parts += [text[at:start], put("secret")]
        at = end
    text = "".join(parts) + text[at:]
    for kind, pattern, holds in _RULES:

        def change(match: re.Match[str], kind: str = kind, holds: Any = holds) -> str:
            return put(kind) if holds(match.group()) else match.group()

        text = pattern.sub(change, text)
    return text

"""Whether words stand letter for letter in a text, and where: the check behind `verified`.

Both sides are normalised alike, and nothing else is forgiven, case least of all:

- runs of white space count as one space;
- Markdown emphasis goes: `*`, `_` and backticks, except between two blanks, `*` or `_` alone
  between two letters or digits (`a*b`, `snake_case`), and `**` between two digits;
- a backslash before a square bracket goes: with it an answer keeps a source's own [3] from being
  read as a marker;
- typographic quotation marks, dashes, the minus sign and the ellipsis count as their plain forms;
- soft hyphens, zero-width and control characters go;
- the ligatures ﬀ to ﬆ count as their letters, and accents composed or not are the same (NFC).

Not NFKC as a whole: it would make 10² the same as 102.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from unicodedata import category, combining, normalize

from knowledge.types import Span

_PLAIN = {
    **dict.fromkeys("‘’‚‛′", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "…": "...",
    "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st",
}  # fmt: skip
_EMPHASIS = re.compile(r"\*+|_+|`+")
_ESCAPE = re.compile(r"\\(?=[\[\]])")


@dataclass(frozen=True, slots=True)
class Normal:
    """A normalised text that knows where each of its characters came from."""

    text: str
    starts: tuple[int, ...]
    """For each character, the offset in the original of what it came from."""
    ends: tuple[int, ...]
    """For each character, the offset in the original behind what it came from."""

    def origin(self, start: int, end: int) -> Span:
        """The range of the original that a range of the normalised text came from."""
        return Span(self.starts[start], self.ends[end - 1])


def normalise(text: str) -> Normal:
    """Apply the rules above; no white space is left at the edges."""
    dropped = _emphasis(text)
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    while at < len(text):
        start, at = at, at + 1
        while at < len(text) and combining(text[at]):
            at += 1
        if start in dropped:
            continue
        cluster = text[start:at]
        if cluster.isspace():
            plain = " "
        elif len(cluster) > 1:
            plain = normalize("NFC", cluster)
        else:
            plain = _PLAIN.get(cluster) or _letter(cluster)
        if plain == " " and (not chars or chars[-1] == " "):
            if chars:
                ends[-1] = at
            continue
        for char in plain:
            chars.append(char)
            starts.append(start)
            ends.append(at)
    if chars and chars[-1] == " ":
        del chars[-1], starts[-1], ends[-1]
    return Normal("".join(chars), tuple(starts), tuple(ends))


def find(words: str, within: Normal) -> Span | None:
    """Where the words stand, whole, in a text: the first place, in the original's offsets.

    A match does not begin or end inside a word.
    """
    wanted = normalise(words).text
    if not wanted:
        return None
    text = within.text
    at = text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        cut_before = at > 0 and text[at - 1].isalnum() and wanted[0].isalnum()
        cut_after = end < len(text) and text[end].isalnum() and wanted[-1].isalnum()
        if not (cut_before or cut_after):
            return within.origin(at, end)
        at = text.find(wanted, at + 1)
    return None


def balanced(text: str, span: Span) -> Span:
    """The span with the emphasis mark that its edge cut off, where one stands beside it.

    So `**Paris** is` is quoted, and not `Paris** is`.
    """
    start, end = span.start, span.end
    for mark in ("**", "__", "`", "*", "_"):
        if text.count(mark, start, end) % 2:
            if text.endswith(mark, 0, start):
                start -= len(mark)
            elif text.startswith(mark, end):
                end += len(mark)
    return Span(start, end)


def bold(text: str) -> list[str]:
    """The words between `**` and `**`, in order."""
    return re.findall(r"\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*", text)


def quoted(text: str) -> list[str]:
    """The parts of a text that stand between double quotation marks, plain or typographic."""
    found = re.findall(r"“([^“”]+)”|„([^„“”]+)[“”]|«([^«»]+)»|(?<!\w)\"([^\"]+)\"(?!\w)", text)
    return ["".join(parts).strip() for parts in found]


def _letter(char: str) -> str:
    if char.isascii() and char.isprintable():
        return char
    return "" if category(char) in ("Cc", "Cf") else normalize("NFC", char)


def _emphasis(text: str) -> set[int]:
    """Offsets of the characters that are emphasis marks or escape a bracket."""
    found = {escape.start() for escape in _ESCAPE.finditer(text)}
    for run in _EMPHASIS.finditer(text):
        before = text[run.start() - 1 : run.start()] or " "
        after = text[run.end() : run.end() + 1] or " "
        mark = run[0]
        if before.isspace() and after.isspace():
            continue
        inside = before.isalnum() and after.isalnum() and mark[0] != "`"
        if inside and (mark[0] == "_" or len(mark) == 1 or (before + after).isdigit()):
            continue
        found.update(range(run.start(), run.end()))
    return found

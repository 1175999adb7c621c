"""Passages -> one numbered, fenced block of evidence for a prompt, within a budget of tokens.

The text of a document is data. It stands between fences that it cannot close, and what a reader
would not see (control characters, zero-width and direction marks) is left out of the rendering;
the passages themselves stay as they are. Prompts and markers are not made here.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from unicodedata import category

from knowledge.types import Passage

_INVISIBLE = re.compile(r"[^\n\t\x20-\x7e\xa1-\xac\xae-\u02ff]")
"""Characters worth a look; the rest is plainly visible."""
_LABEL = 160
"""Characters of a title or a place that are shown."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Evidence as a model reads it."""

    text: str
    """The same bytes for the same passages, so that a provider's prefix cache can hold it."""
    passages: tuple[Passage, ...]
    """Those that fitted, in the order of their numbers: `passages[0]` is `[1]`."""
    dropped: int
    """How many of the lowest ranked did not fit."""


def pack(passages: Sequence[Passage], *, budget: int | None, count: Callable[[str], int]) -> Packed:
    """Render passages, best first, as many as fit.

    Args:
        passages: In rank order; their position gives their number.
        budget: The most tokens that the text may take; None for no limit.
        count: The tokens of a text.
    """
    blocks = [_block(n, passage) for n, passage in enumerate(passages, start=1)]
    fence = fence_for(*(body for _, body in blocks))

    def render(n: int) -> str:
        return "\n".join(f"{head}\n{fence}\n{body}\n{fence}\n" for head, body in blocks[:n])

    fitting = len(blocks)
    if budget is not None and count(render(fitting)) > budget:
        fitting = bisect_right(range(1, fitting), budget, key=lambda n: count(render(n)))
    return Packed(render(fitting), tuple(passages[:fitting]), len(blocks) - fitting)


def listed(passages: Sequence[Passage]) -> str:
    """Render every passage, each between fences of its own.

    What is rendered of a passage depends on it and its number alone: of two lists that begin with
    the same passages, the renderings begin with the same bytes.
    """
    rendered = []
    for n, passage in enumerate(passages, start=1):
        head, body = _block(n, passage)
        fence = fence_for(body)
        rendered.append(f"{head}\n{fence}\n{body}\n{fence}\n")
    return "\n".join(rendered)


def fenced(text: str) -> str:
    """One text between fences that it cannot close, invisible characters left out."""
    shown = visible(text)
    fence = fence_for(shown)
    return f"{fence}\n{shown}\n{fence}\n"


def fence_for(*texts: str) -> str:
    """A run of tildes longer than any in the texts, at least three: CommonMark's rule."""
    runs = (len(run) for text in texts for run in re.findall(r"~+", text))
    return "~" * max(3, 1 + max(runs, default=0))


def visible(text: str) -> str:
    """The text without what a reader would not see.

    Line ends become newlines. Controls (terminal escapes with them), zero-width characters,
    direction marks and tag characters go, for they can hide words from the person who reads what
    the model reads; lone surrogates, which no encoding carries, become U+FFFD.
    """
    return _INVISIBLE.sub(_shown, text.replace("\r\n", "\n"))


def _shown(match: re.Match[str]) -> str:
    char = match[0]
    if char in "\r\x85\u2028\u2029\x0b\x0c":
        return "\n"
    kind = category(char)
    return "" if kind in ("Cc", "Cf") else "\ufffd" if kind == "Cs" else char


def _block(n: int, passage: Passage) -> tuple[str, str]:
    name = passage.title or PurePath(passage.source).name or passage.source
    labels = [label for label in (_label(name), _label(passage.place)) if label]
    return f"[{n}] {', '.join(labels)}", visible(passage.text)


def _label(text: str) -> str:
    """A title or a place on one line, of bounded length, without a citation's brackets."""
    line = " ".join(visible(text).split()).replace("[", "(").replace("]", ")")
    return line if len(line) <= _LABEL else line[: _LABEL - 1] + "…"

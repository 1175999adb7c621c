"""Lines as a page shows them, back to paragraphs: for formats that keep the look, not the text."""

from __future__ import annotations

import re
from collections.abc import Iterable

_HYPHENATED = re.compile(r"([^\W\d_]+)[-\u2010\u00ad]$")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_ITEM = re.compile(r"(?:[•◦▪‣·●○■*–-]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s")
_NUMBERED = re.compile(r"\d{1,2}(?:\.\d{1,2}){0,3}\.?\s+[A-Z]")
_SPACES = re.compile(r"[ \t\u00a0]+")
_ENDS = tuple('.!?:;…”"’)]')


def vocabulary(texts: Iterable[str]) -> frozenset[str]:
    """The words of a document in lower case, to tell a word cut in two from a compound."""
    return frozenset(word.lower() for text in texts for word in _WORD.findall(text))


def flow(text: str, words: frozenset[str]) -> str:
    """Join the wrapped lines of a page.

    A blank line stays. A line break stays before a list item or a numbered heading, and after a
    line that was ended on purpose: one that left room for the next word, where what follows looks
    like a beginning. Every other one becomes a space. A word that is cut at the end of its line
    is rejoined, with its hyphen only where the document writes it so elsewhere.
    """
    lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
    widths = sorted(len(line) for line in lines if line)
    # Not the widest: a heading or a table may stick out.
    width = widths[int(0.9 * (len(widths) - 1))] if widths else 0
    out: list[str] = []
    for before, line in zip(["", *lines], lines, strict=False):
        if not line:
            glue = "\n\n"
        elif not before:
            glue = ""
        elif (cut := _HYPHENATED.search(before)) and line[0].islower():
            glue = ""
            head, tail = cut[1].lower(), _WORD.match(line)
            rest = tail[0].lower().split("-")[0] if tail else ""
            if f"{head}-{rest}" not in words or head + rest in words:
                out[-1] = out[-1][:-1]
        else:
            glue = "\n" if _ended(before, line, width) else " "
        out += [glue, line]
    return re.sub(r"\n{3,}", "\n\n", "".join(out)).strip()


def _ended(before: str, line: str, width: int) -> bool:
    """Whether a line break was meant."""
    if _ITEM.match(line) or _NUMBERED.match(line):
        return True
    room = width - len(before) - 1 - len(line.split(" ", 1)[0])
    if line[0].islower() or before[-1] in ",-–—(":
        return False
    return room > 0.1 * width if before.endswith(_ENDS) else room > 0.25 * width


def join_pages(pages: list[str]) -> tuple[str, list[tuple[int, int]]]:
    """One text of all pages, and the half-open range of each.

    A sentence that goes on over the page goes on in the text; else a blank line parts two pages.
    """
    out: list[str] = []
    spans: list[tuple[int, int]] = []
    length, last = 0, ""
    for page in pages:
        if page and last:
            goes_on = page[0].islower() and not last.endswith((".", "!", "?", ":"))
            glue = "\n" if goes_on else "\n\n"
            out.append(glue)
            length += len(glue)
        out.append(page)
        spans.append((length, length + len(page)))
        length += len(page)
        last = page or last
    return "".join(out), spans

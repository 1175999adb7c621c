"""Whether a claim gives a figure of another row of a table than the one that it names.

By words, of tables whose rows are lines with ` | ` between the cells. Two columns of one row that
have changed places are not seen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby

_KEY = re.compile(r"[^:|]{1,100}:\s")
"""The name of its column, which a reader of tables has put before a cell."""
_DASHES = re.compile(r"(?=.*-)[|: \t-]+")
"""The line under the head of a table."""

Words = Callable[[str], set[str]]


def of_another_row(claim: str, passage: str, content: Words, numbers: Words) -> bool:
    """Whether a number of a claim stands in rows only that the claim does not speak of.

    So it does where the claim has all words of a cell of one row that gives figures, and none of
    the rows that hold the number, and the number stands nowhere else in the passage.

    Args:
        claim: What is claimed.
        passage: What it is said to come from.
        content: The words of a text that count.
        numbers: The numbers of a text.
    """
    if "|" not in passage or not (given := numbers(claim)):
        return False
    words = content(claim)
    blocks = list(_blocks(passage))
    standing = Counter(n for _, lines in blocks for n in numbers("\n".join(lines)))
    for table, lines in blocks:
        if not table:
            continue
        named = False
        near: set[str] = set()
        far: set[str] = set()
        headed = len(lines) > 1 and _DASHES.fullmatch(lines[1])
        for line in lines[2:] if headed else lines:
            held = numbers(line)
            cells = [found for cell in _labels(line) if (found := content(cell))]
            named = named or (bool(held) and any(cell <= words for cell in cells))
            if any(cell & words for cell in cells):
                near |= held
            else:
                far |= held
        # In this table alone, and in none of the rows that are spoken of.
        if named and any(standing[number] == 1 for number in given & (far - near)):
            return True
    return False


def _blocks(text: str) -> Iterator[tuple[bool, list[str]]]:
    """Lines that belong together: rows of one table, or what stands between two tables."""
    for table, lines in groupby(text.split("\n"), lambda line: " | " in line or line[:1] == "|"):
        yield table, list(lines)


def _labels(line: str) -> Iterator[str]:
    """The cells of a row that hold words and no figure."""
    for cell in line.split("|"):
        bare = _KEY.sub("", cell.strip(), count=1)
        if not any(map(str.isdigit, bare)):
            yield bare

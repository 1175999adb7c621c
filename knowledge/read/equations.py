"""Equations of Office files in one line, as one would type them: `(a+b)/c`, `x^2`, `√(y)`.

Only how their parts stand to each other is written; what is in them, the caller's reader reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_PLACED = {"num": ("", ""), "den": ("/", " "), "sup": ("^", ""), "sub": ("_", ""), "lim": ("_", "")}
"""What such a part stands between, so that what follows is no part of it. Source: ECMA-376, part 1,
22.1.2."""


def part(node: Any, read: Callable[[Any], str]) -> Iterator[str]:
    """Write an element of an equation.

    Args:
        node: An element of Office's namespace for equations, `M`.
        read: Gives the words within an element.
    """
    name = node.tag.removeprefix(M)
    if name == "t":
        yield node.text or ""
    elif name in _PLACED:
        if words := read(node):
            before, after = _PLACED[name]
            yield before + (words if words.isalnum() else f"({words})") + after
    elif name == "rad":
        degree, base = (_words(node, each, read) for each in ("deg", "e"))
        yield f"{degree}√({base})"
    elif name == "d":
        yield _sign(node, "dPr", "begChr", "(")
        yield _sign(node, "dPr", "sepChr", "|").join(read(e) for e in node.findall(f"{M}e"))
        yield _sign(node, "dPr", "endChr", ")")
    else:
        if name == "nary":
            yield _sign(node, "naryPr", "chr", "∫")
        yield read(node)
        if name == "fName":
            yield " "


def _words(node: Any, name: str, read: Callable[[Any], str]) -> str:
    found = node.find(f"{M}{name}")
    return "" if found is None else read(found)


def _sign(node: Any, properties: str, name: str, usual: str) -> str:
    found = node.find(f"{M}{properties}/{M}{name}")
    return usual if found is None else found.get(f"{M}val", "")

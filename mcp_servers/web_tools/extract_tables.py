"""What stands in a page as label and value: tables, definition lists, and lines of `label: value`.

Gathers them, and tells which of them a field means. Reads no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mcp_servers.web_tools.extract_schema import Field, words_of

if TYPE_CHECKING:
    from knowledge.read.html import Element

_LABEL = 80
"""Characters of a label: a longer text is none."""
_CELL = 2_000
_ROWS = 1_000
_PAIRS = 2_000
_LINE = re.compile(
    r"^[ \t]{0,8}(?:[-*•][ \t]+)?\*{0,2}([^\W\d_][^:：|*\n]{0,60}?)\*{0,2}[ \t]*[:：]\*{0,2}[ \t]+"
    r"(\S[^\n]{0,500})$",
    re.MULTILINE,
)
_ASIDE = re.compile(r"\s*[(\[][^()\[\]]{0,60}[)\]]\s*")
_UNSEEN = frozenset({"script", "style", "noscript", "template", "head"})
_LEAST_PHRASE = 4
"""Letters of a label that is looked for in a description: shorter ones stand in any."""


class Pair(NamedTuple):
    """A label, and what is said under it."""

    label: str
    value: str
    how: str
    """`table`, `list` or `line`."""


Row = Mapping[str, str]
"""A table's row: cells by the words of their column's heading."""


def pairs_of(root: Element, text: str) -> list[Pair]:
    """Every label and value of a page, those of its tables and lists before those of its lines."""
    found = [*_table_pairs(root), *_list_pairs(root)]
    found += (Pair(line[1].strip(), line[2].strip(), "line") for line in _LINE.finditer(text))
    return found[:_PAIRS]


def tables_of(root: Element) -> list[list[Row]]:
    """The rows of every table whose columns have headings."""
    return [rows for table in root.iter("table") if (rows := _records(list(_cells(table))))]


def best(pairs: Sequence[Pair], field: Field) -> list[Pair]:
    """The pairs that a field may mean, best first.

    A label that is only like the field's counts where it is the only such one: of several it
    cannot be told which is meant.
    """
    ranked = [(likeness(pair.label, field), pair) for pair in pairs]
    sure = [pair for score, pair in ranked if score == 2]
    if sure:
        return sure
    near = [pair for score, pair in ranked if score == 1]
    return near if len({(words_of(p.label), p.value) for p in near}) == 1 else []


def likeness(label: str, field: Field) -> int:
    """How surely a label means a field: 2 by its name, 1 by a part of it or the description."""
    words = words_of(_ASIDE.sub(" ", label)) or words_of(label)
    if not words:
        return 0
    if any(words == own or set(words.split()) == set(own.split()) for own in field.labels):
        return 2
    if any(f" {own} " in f" {words} " for own in field.labels):
        return 1
    return int(len(words) >= _LEAST_PHRASE and f" {words} " in f" {field.about} ")


def column(headings: Sequence[str], field: Field) -> str | None:
    """The heading of a table's column that a field means."""
    for wanted in (2, 1):
        like = [heading for heading in headings if likeness(heading, field) == wanted]
        if len(like) == 1 or (like and wanted == 2):
            return like[0]
    return None


def shown(element: Element) -> str:
    """The text of an element in one line, without its scripts."""
    parts: list[str] = []
    waiting: list[tuple[Element | None, str]] = [(element, "")]
    while waiting:
        node, tail = waiting.pop()
        if node is not None and isinstance(node.tag, str) and node.tag not in _UNSEEN:
            parts.append(node.text or "")
            for child in reversed(node):
                waiting += [(None, child.tail or ""), (child, "")]
        elif node is None:
            parts.append(tail)
        if node is not None and node.tag in ("br", "p", "div", "li", "td", "dd"):
            parts.append(" ")
    return " ".join("".join(parts).split())


def _table_pairs(root: Element) -> Iterator[Pair]:
    for table in root.iter("table"):
        rows = list(_cells(table))
        records = _records(rows)
        if len(records) == 1:
            yield from (Pair(label, value, "table") for label, value in records[0].items())
        for row in rows:
            if len(row) == 2 and row[1][0] != "th" and row[1][1]:
                label = row[0][1].rstrip(" :：")
                if 0 < len(label) <= _LABEL:
                    yield Pair(label, row[1][1], "table")


def _list_pairs(root: Element) -> Iterator[Pair]:
    for terms in root.iter("dl"):
        label = ""
        for entry in terms.iter("dt", "dd"):
            words = shown(entry)
            if entry.tag == "dt":
                label = words.rstrip(" :：")
            elif 0 < len(label) <= _LABEL and 0 < len(words) <= _CELL:
                yield Pair(label, words, "list")


def _cells(table: Element) -> Iterator[list[tuple[str, str]]]:
    """Tag and text of each row's cells; a table within is its own."""
    for count, row in enumerate(table.iter("tr")):
        if count >= _ROWS:
            return
        if next(row.iterancestors("table"), None) is table:
            cells = [(str(c.tag), shown(c)[:_CELL]) for c in row if c.tag in ("td", "th")]
            if cells:
                yield cells


def _records(rows: list[list[tuple[str, str]]]) -> list[Row]:
    """Rows under headings; empty where the first row is none of headings."""
    if len(rows) < 2 or len(rows[0]) < 2 or any(tag != "th" for tag, _ in rows[0]):
        return []
    headings = [text for _, text in rows[0]]
    if len(set(headings)) < len(headings):
        return []
    return [
        {heading: text for heading, (_, text) in zip(headings, row, strict=True) if heading}
        for row in rows[1:]
        if len(row) == len(headings)
    ]

"""Structured data off a page: a JSON Schema in, JSON out, every value with the words it stands on.

A ladder, each rung asked only for what those above have not found: what the page says to machines
(JSON-LD, microdata, meta tags), the caller's CSS selectors, tables and labels, and a model, where
one is given. A value that does not stand in the page's text is dropped, whoever proposed it; a
field that is not found is null. Fetches nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.errors import AgentError
from mcp_servers.web_tools.errors import WebError
from mcp_servers.web_tools.extract_css import select, xpath_of
from mcp_servers.web_tools.extract_found import (
    ITEMS,
    Findings,
    Found,
    field_at,
    join,
    without_nulls,
)
from mcp_servers.web_tools.extract_model import AskModel, Entry, ask_for
from mcp_servers.web_tools.extract_schema import Field, read_schema
from mcp_servers.web_tools.extract_structured import (
    Node,
    is_about_site,
    items_of,
    look_up,
    look_up_meta,
    metas_of,
    nodes_of,
    says,
)
from mcp_servers.web_tools.extract_tables import Pair, Row, best, column, pairs_of, shown, tables_of
from mcp_servers.web_tools.threads import in_thread

if TYPE_CHECKING:
    from knowledge.read.html import Element

_SPLIT = (";", ",", " · ", "|")
"""What parts the items of a list in one cell, the surest first."""
TEXT_LIMIT = 500_000
MARKUP_LIMIT = 4 * 1024 * 1024
"""Characters of text that are searched, and of markup that is parsed."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found on a page."""

    data: dict[str, Any]
    """The schema's object. What is not found is null."""
    fields: dict[str, Found]
    """The values by path (`offers.price`, `authors[0]`), with their quotes."""
    missing: tuple[str, ...]
    """Paths of what is null."""
    faults: tuple[str, ...]
    """What the schema says against the values that were found, taken together."""
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As JSON, for a tool's structured content."""
        return {
            "data": self.data,
            "fields": {path: found.as_json() for path, found in self.fields.items()},
            "missing": list(self.missing),
            "faults": list(self.faults),
            "notes": list(self.notes),
        }


async def extract(
    html: str,
    text: str,
    schema: Mapping[str, Any],
    *,
    selectors: Mapping[str, str] | None = None,
    ask_model: AskModel | None = None,
) -> Extraction:
    """Read values off a page.

    Args:
        html: The page's markup; empty for what is no HTML.
        text: What people see of it. Quotes and their places are of this text.
        schema: A JSON Schema of an object.
        selectors: CSS selectors by path: of a value, of the items of a list (`items`), or of a
            value within each item (`items.name`).
        ask_model: Asked for what no rule finds, at most three times.

    Raises:
        WebError: The schema or a selector cannot be used.
    """
    asked = read_schema(schema)
    chosen = dict(selectors or {})
    for selector in chosen.values():
        xpath_of(selector)
    notes: list[str] = []
    if len(text) > TEXT_LIMIT:
        text = text[:TEXT_LIMIT]
        notes.append(f"only the first {TEXT_LIMIT:,} characters were read")
    findings = Findings(asked, text)
    await in_thread(lambda stopped: _by_rules(html, findings, chosen, notes, stopped))
    if ask_model is not None and findings.missing():
        try:
            await _by_model(findings, ask_model)
        except AgentError as error:
            notes.append(f"the model was not heard: {error}")
    data = findings.data()
    return Extraction(
        data,
        findings.found,
        tuple(findings.missing()),
        tuple(asked.faults(without_nulls(data))),
        tuple(notes),
    )


def _by_rules(
    html: str,
    findings: Findings,
    selectors: Mapping[str, str],
    notes: list[str],
    stopped: Callable[[], bool],
) -> None:
    from knowledge.errors import ReadError
    from knowledge.read.html import parse_html

    root = None
    if len(html) > MARKUP_LIMIT:
        html = ""
        notes.append(f"the markup was not read: it is longer than {MARKUP_LIMIT >> 20} MiB")
    try:
        root = parse_html(html) if html.strip() else None
    except ReadError as error:
        notes.append(f"the markup was not read: {error}")
    if root is not None:
        _from_structured(root, findings)
        if not stopped():
            _from_selectors(root, findings, selectors)
    if not stopped():
        pairs = pairs_of(root, findings.text) if root is not None else _lines(findings.text)
        _from_pairs(findings, pairs)
        _from_tables(findings, tables_of(root) if root is not None else [])


def _lines(text: str) -> list[Pair]:
    """Labels and values of a text without markup."""
    from knowledge.read.html import parse_html

    root = parse_html("<p>")
    return pairs_of(root, text) if root is not None else []


def _from_structured(root: Element, findings: Findings) -> None:
    nodes = nodes_of(root)
    wanted = findings.schema.root
    if nodes:

        def fitness(node: Node) -> tuple[int, bool]:
            told = sum(bool(look_up(node, field)) for field in wanted.fields)
            return told, not is_about_site(node)

        main = max(nodes, key=fitness)
        _fill(wanted, "", main, str(main["@how"]), findings)
        for field in wanted.fields:
            if (
                field.item is not None
                and field.item.kind == "object"
                and not findings.count(field.name)
            ):
                _fill_items(field, field.name, items_of(nodes, field), findings)
    metas = metas_of(root)
    for field in wanted.fields:
        values = look_up_meta(metas, field)
        if field.item is None and field.kind != "object" and values:
            findings.take(field.name, field, says(values[0]), "meta")
        elif field.item is not None and not findings.count(field.name):
            _take_all(field, field.name, map(says, values), "meta", findings)


def _fill(field: Field, path: str, node: Node, how: str, findings: Findings) -> None:
    """Fill an object's fields from a thing's properties."""
    for each in field.fields:
        values, here = look_up(node, each), join(path, each.name)
        if not values:
            continue
        if each.kind == "object":
            if isinstance(values[0], Mapping):
                _fill(each, here, values[0], how, findings)
        elif each.item is None:
            findings.take(here, each, says(values[0]), how)
        elif each.item.kind == "object":
            things = [{**value, "@how": how} for value in values if isinstance(value, Mapping)]
            _fill_items(each, here, things, findings)
        else:
            _take_all(each, here, map(says, values), how, findings)


def _fill_items(field: Field, path: str, things: Iterable[Node], findings: Findings) -> None:
    if field.item is None:
        return
    for thing in list(things)[:ITEMS]:
        _fill(field.item, f"{path}[{findings.count(path)}]", thing, str(thing["@how"]), findings)


def _take_all(
    field: Field, path: str, raws: Iterable[str], how: str, findings: Findings, near: str = ""
) -> None:
    """Fill a list of plain values."""
    if field.item is None or field.item.kind in ("object", "array"):
        return
    for raw in list(raws)[:ITEMS]:
        findings.take(f"{path}[{findings.count(path)}]", field.item, raw, how, near=near)


def _from_selectors(root: Element, findings: Findings, selectors: Mapping[str, str]) -> None:
    for path, selector in selectors.items():
        field = _field_by_name(findings.schema.root, path)
        if field is None:
            raise WebError(
                f"a selector is for {path[:100]!r}, which the schema does not have",
                hint="Name selectors by the schema's paths: price, offers.price, items.name.",
            )
        head, _, rest = path.partition(".")
        parent = _field_by_name(findings.schema.root, head)
        if rest and parent is not None and parent.item is not None:
            continue  # within the items, below
        elements = select(root, selector)
        if field.item is None:
            _take_first(field, path, elements, findings)
        elif field.item.kind != "object":
            if not findings.count(path):
                _take_all(field, path, map(shown, elements), "css", findings)
        elif not findings.count(path):
            for element in elements[:ITEMS]:
                here = f"{path}[{findings.count(path)}]"
                for each in field.item.fields:
                    if within := selectors.get(f"{path}.{each.name}"):
                        _take_first(each, f"{here}.{each.name}", select(element, within), findings)


def _take_first(field: Field, path: str, elements: Iterable[Element], findings: Findings) -> None:
    for element in list(elements)[:ITEMS]:
        if findings.take(path, field, shown(element), "css"):
            return


def _field_by_name(root: Field, path: str) -> Field | None:
    """The field at a path without numbers: a list's items are gone into."""
    field: Field | None = root
    for name in path.split("."):
        if field is None:
            return None
        inner = field.item if field.item is not None else field
        field = next((each for each in inner.fields if each.name == name), None)
    return field


def _from_pairs(findings: Findings, pairs: list[Pair]) -> None:
    for path, field in findings.missing().items():
        if field.item is not None and field.item.kind in ("object", "array"):
            continue
        for pair in best(pairs, field):
            if field.item is None:
                if findings.take(path, field, pair.value, pair.how, near=pair.label):
                    break
            else:
                mark = next((mark for mark in _SPLIT if mark in pair.value), None)
                raws = pair.value.split(mark) if mark else [pair.value]
                _take_all(field, path, (r.strip() for r in raws), pair.how, findings, pair.label)
                if findings.count(path):
                    break


def _from_tables(findings: Findings, tables: list[list[Row]]) -> None:
    """Lists: of plain values from a column, of objects from rows with enough known columns."""
    for path, field in findings.missing().items():
        if field.item is None:
            continue
        for rows in tables:
            headings = list(rows[0])
            if field.item.kind != "object":
                if heading := column(headings, field):
                    _take_all(field, path, (row[heading] for row in rows), "table", findings)
            else:
                known = {each.name: column(headings, each) for each in field.item.fields}
                told = sum(heading is not None for heading in known.values())
                if 2 * told >= len(known) and told >= min(2, len(known)):
                    _take_rows(field.item, path, rows, known, findings)
            if findings.count(path):
                break


def _take_rows(
    item: Field, path: str, rows: list[Row], columns: Mapping[str, str | None], findings: Findings
) -> None:
    for row in rows[:ITEMS]:
        here = f"{path}[{findings.count(path)}]"
        label = next(iter(row.values()), "")
        for each in item.fields:
            if heading := columns[each.name]:
                near = "" if row[heading] == label else label
                findings.take(f"{here}.{each.name}", each, row[heading], "table", near=near)


async def _by_model(findings: Findings, ask_model: AskModel) -> None:
    root = findings.schema.root

    def wanted() -> dict[str, Any]:
        return {path: dict(field.schema) for path, field in findings.missing().items()}

    open_paths = tuple(wanted())

    def check(entry: Entry) -> str:
        field = field_at(root, entry.path)
        if field is None or not entry.path.startswith(open_paths):
            return "no such field was asked for"
        if entry.path in findings.found:
            return ""
        return findings.take_quoted(entry.path, field, entry.value, entry.quote)

    await ask_for(wanted, findings.text, ask_model, check)

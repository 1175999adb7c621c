"""Source code and configuration: the text exactly as it is, sections by its definitions.

`class Foo > def bar` is the heading path inside of a method. Languages without a grammar here
are read all the same, without sections.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from knowledge.grammars import LANGUAGES, parse
from knowledge.read.kinds import kind_of_name
from knowledge.read.outline import tile
from knowledge.read.text import clean, decode
from knowledge.types import Document, Section


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DEFINITIONS: dict[str, str] = {
    # Python
    "class_definition": "class",
    # JavaScript and TypeScript
    "class_declaration": "class",
    "abstract_class_declaration": "class",
    "method_definition": "method",
    "generator_function_declaration": "function",
    "interface_declaration": "interface",
    "type_alias_declaration": "type",
    "internal_module": "namespace",
    # Java
    "enum_declaration": "enum",
    "record_declaration": "record",
    "annotation_type_declaration": "@interface",
    "constructor_declaration": "constructor",
    # Go
    "type_spec": "type",
    # Rust
    "function_item": "fn",
    "struct_item": "struct",
    "enum_item": "enum",
    "union_item": "union",
    "trait_item": "trait",
    "impl_item": "impl",
    "mod_item": "mod",
    "macro_definition": "macro",
    # C and C++
    "struct_specifier": "struct",
    "class_specifier": "class",
    "union_specifier": "union",
    "enum_specifier": "enum",
    "namespace_definition": "namespace",
    # Ruby
    "class": "class",
    "module": "module",
    "method": "def",
    "singleton_method": "def",
    # several
    "function_definition": "function",
    "function_declaration": "function",
    "method_declaration": "method",
}
"""By type of node: what a reader calls it."""
_WORDS = {("python", "function"): "def", ("go", "function"): "func", ("go", "method"): "func"}
_FUNCTIONS = frozenset({"arrow_function", "function_expression", "generator_function"})
_BODIES = _words(
    "block class_body declaration_list field_declaration_list body_statement interface_body "
    "enum_body enum_body_declarations statement_block translation_unit"
)
"""Nodes whose children may be definitions within a definition."""
_WRAPPERS = _words(
    "decorated_definition export_statement ambient_declaration template_declaration "
    "linkage_specification preproc_ifdef preproc_if preproc_else type_declaration "
    "lexical_declaration variable_declaration type_definition expression_statement"
)
"""Nodes that only dress a definition: their beginning is its beginning."""
_TRANSPARENT = _BODIES | _WRAPPERS | {"ERROR"}
_LEADS = frozenset(
    {"comment", "line_comment", "block_comment", "attribute_item", "decorator", "annotation"}
)
_CLOSING = re.compile(rb"(?:[\s;,{}()\[\]]|\bend\b)*")
_BLANK = re.compile(rb"\s*")
_DEPTH = 4
"""Definitions nested deeper open no section of their own."""


def read_code(data: bytes, name: str) -> Document:
    """Read a source file. Its language is told by its name."""
    raw, notes = decode(data)
    text = clean(raw)
    kind = kind_of_name(name)
    language = kind.language if kind else ""
    sections: tuple[Section, ...] = ()
    if language in LANGUAGES:
        try:
            sections = _sections(text, language)
        except ValueError:
            notes += ("its syntax is too broken to tell its definitions",)
    return Document(text, "code", language=language, sections=sections, notes=notes)


def _sections(text: str, language: str) -> tuple[Section, ...]:
    source = text.encode("utf-8")
    found = list(_definitions(parse(language, source), language, (), 0))
    if not found:
        return ()
    # After a definition its surroundings go on: `class Foo` after `class Foo > def bar`.
    marks: list[tuple[int, tuple[str, ...]]] = []
    open_: list[tuple[int, tuple[str, ...]]] = []
    for start, end, path in [*found, (len(source), len(source), ())]:
        while open_ and open_[-1][0] <= start:
            marks.append((open_.pop()[0], open_[-1][1] if open_ else ()))
        marks.append((start, path))
        open_.append((end, path))
    starts: list[int] = []
    paths: list[tuple[str, ...]] = []
    at = done = 0
    for (begin, path), (end, _) in pairwise(marks):
        if _CLOSING.fullmatch(source, begin, end):
            continue  # only blank lines and what closes a body: they stay with what they close
        begin = max(done, _line_start(source, begin))
        at, done = at + len(source[done:begin].decode("utf-8")), begin
        if paths and paths[-1] == path:
            continue
        starts.append(at)
        paths.append(path)
    return tile(text, starts, paths)


def _line_start(source: bytes, begin: int) -> int:
    """Where the line of the first word from `begin` on begins, if that word is its first."""
    word = _BLANK.match(source, begin)
    at = word.end() if word else begin
    line = source.rfind(b"\n", 0, at) + 1
    return line if not source[line:at].strip() else begin


def _definitions(
    node: Any, language: str, path: tuple[str, ...], depth: int
) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Definitions below a node in order of their beginning: its bytes, and the path to it."""
    lead: int | None = None
    last_row = -1
    for child in node.children:
        if child.type in _LEADS:
            # A comment that stands right above a definition belongs to it.
            if lead is None or child.start_point[0] > last_row + 1:
                lead = child.start_byte if child.start_point[0] > last_row else None
            last_row = child.end_point[0] - (child.end_point[1] == 0)
            continue
        inner, word = _unwrap(child)
        name = _name(inner) if word else ""
        start = child.start_byte
        if lead is not None and child.start_point[0] <= last_row + 1:
            start = lead
        lead, last_row = None, child.end_point[0]
        if name:
            label = (*path, f"{_WORDS.get((language, word), word)} {name}")
            yield start, child.end_byte, label
            if depth + 1 < _DEPTH and (body := _body(inner)) is not None:
                yield from _definitions(body, language, label, depth + 1)
        elif depth + 1 < _DEPTH and (inner.type in _TRANSPARENT):
            yield from _definitions(inner, language, path, depth + 1)


def _unwrap(node: Any) -> tuple[Any, str]:
    """The definition in a node, and what it is called; an empty word where it is none."""
    for _ in range(5):
        if word := _DEFINITIONS.get(node.type):
            # In C, `struct foo x;` names a type and defines none.
            defines = not node.type.endswith("_specifier") or _body(node) is not None
            return node, word if defines else ""
        if node.type == "variable_declarator":
            value = node.child_by_field_name("value")
            return node, "function" if value is not None and value.type in _FUNCTIONS else ""
        inside = [c for c in node.named_children if c.type not in _LEADS]
        known = [c for c in inside if c.type in _DEFINITIONS or c.type in _WRAPPERS]
        known += [c for c in inside if c.type == "variable_declarator"]
        if node.type not in _WRAPPERS or len(known) != 1:
            return node, ""
        node = known[0]
    return node, ""


def _body(node: Any) -> Any:
    if node.type == "variable_declarator" or node.type.startswith(("function", "method")):
        return None  # what is defined inside of a function is its own affair
    return node.child_by_field_name("body")


def _name(node: Any) -> str:
    """What a definition is called, as it is written."""
    for field in ("name", "type", "declarator"):
        found = node.child_by_field_name(field)
        if found is None:
            continue
        if node.type == "function_definition" and field == "type":
            continue  # the type that a C function returns
        for _ in range(10):  # *(*name)(arguments): the innermost declarator is the name
            inner = found.child_by_field_name("declarator")
            if inner is None:
                break
            found = inner
        text = (found.text or b"").decode("utf-8", "replace")
        return " ".join(text.split())[:100]
    return ""

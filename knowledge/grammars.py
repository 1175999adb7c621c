"""Source code to syntax trees (door: tree_sitter and its grammars, which are wheels, not fetched).

A tree answers two questions here: which definitions a file holds, and where it may be cut.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tree_sitter import Parser

_GRAMMARS = {
    "bash": ("tree_sitter_bash", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "go": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "python": ("tree_sitter_python", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
}
"""By language: the wheel's module, and its function that gives the grammar."""

LANGUAGES = frozenset(_GRAMMARS)
"""The languages that can be parsed."""


@cache
def parser_for(language: str) -> Parser:
    """A parser of one of `LANGUAGES`; `KeyError` for another."""
    from tree_sitter import Language, Parser

    module, function = _GRAMMARS[language]
    return Parser(Language(getattr(import_module(module), function)()))


def parse(language: str, source: bytes) -> Any:
    """The root node of a source's tree. Broken code gives a tree with ERROR nodes in it."""
    return parser_for(language).parse(source).root_node

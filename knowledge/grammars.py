"""Source code to syntax trees (door: tree_sitter and its grammars, which are wheels, not fetched).

A tree answers two questions here: which definitions a file holds, and where it may be cut.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tree_sitter import Tree

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


_PIECE = 64 * 1024
"""Bytes that tree-sitter is given at a time."""
_STEPS = 10_000
_BYTES_PER_STEP = 20
_MOST_STEPS = 200_000
"""Steps, of a hundred operations each, that a source may take: so many, and one more for so many
bytes, up to a limit of some seconds. Real code takes 2 to 21 steps a kilobyte; to mend what is
hostile, tree-sitter takes the cube of its length. Steps and not seconds, so that a file is the same
document on every machine."""


class BoundedParser:
    """A parser that gives up where the work grows out of all proportion to the source."""

    def __init__(self, language: str) -> None:
        """For one of `LANGUAGES`; `KeyError` for another."""
        from tree_sitter import Language, Parser

        module, function = _GRAMMARS[language]
        self._parser = Parser(Language(getattr(import_module(module), function)()))

    def parse(self, source: bytes) -> Tree:
        """The tree of a source.

        Raises:
            ValueError: It takes too many steps.
        """
        left = min(_STEPS + len(source) // _BYTES_PER_STEP, _MOST_STEPS)

        def is_enough(offset: int, has_error: bool) -> bool:
            nonlocal left
            left -= 1
            return left < 0

        try:
            # Given the bytes at once, tree-sitter would not ask whether it is enough.
            return self._parser.parse(
                lambda at, _: source[at : at + _PIECE], progress_callback=is_enough
            )
        except ValueError:
            self._parser.reset()  # or it would go on with this source at the next
            raise


@cache
def parser_for(language: str) -> BoundedParser:
    """A parser of one of `LANGUAGES`; `KeyError` for another."""
    return BoundedParser(language)


def parse(language: str, source: bytes) -> Any:
    """The root node of a source's tree. Broken code gives a tree with ERROR nodes in it.

    Raises:
        ValueError: It is so broken that parsing it would take too long.
    """
    return parser_for(language).parse(source).root_node

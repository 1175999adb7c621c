"""Whether a call's arguments fit the schema of its tool; said to the model, which may mend them.

A schema may be a stranger's. It is a help to the model and no guard: one that cannot be checked
asks for nothing, nothing that it points to is fetched, and no regular expression of it is run.
Imported late: jsonschema takes a while.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry

_EXPRESSIONS = {"pattern", "patternProperties"}
"""They can be made to run for ever."""
_DIALECTS = {"$schema", "$id"}
"""What would bring them back by another name: a part of a schema that names its own dialect is
checked by that dialect's rules."""
_REST = {"additionalProperties", "unevaluatedProperties"}
"""What means the properties that no expression has named."""
_OPPOSITES = {"not", "disallow", "if", "oneOf"}
"""What refuses the more, the less a part of it asks for: without an expression in that part, it
would refuse what fits."""
_COUNTING = {"maxContains", "unevaluatedProperties", "unevaluatedItems"}
"""The same of what stands beside them."""
_BY_NAME = {"properties", "$defs", "definitions", "dependentSchemas", "dependencies"}
"""Schemas by names, which are no keywords."""
_VALUES = {"enum", "const", "default", "examples"}
"""What holds no schema, unless a reference leads into it."""
_REFERENCES = {"$ref", "$dynamicRef"}
_LONGEST = 500
"""Characters of what is wrong: it may quote what the schema allows."""


def misfit(schema: dict[str, Any], arguments: dict[str, Any]) -> str:
    """What is wrong with arguments by their schema; empty if they fit."""
    try:
        checked = plain(schema, _DIALECTS)
        Draft202012Validator.check_schema(checked)
        validator = Draft202012Validator(checked, registry=Registry())
        error = best_match(validator.iter_errors(arguments))
    except Exception:  # no schema, or one that turns in circles or overflows: a stranger's affair
        return ""
    if error is None:
        return ""
    where = ".".join(str(part) for part in error.absolute_path)
    said = f"{where}: {error.message}" if where else error.message
    return said if len(said) <= _LONGEST else said[:_LONGEST] + " …"


def plain(schema: Any, besides: Set[str] = frozenset()) -> Any:
    """A schema without its expressions, which fits whatever that with them fits.

    Args:
        schema: A schema, or what is said to be one.
        besides: Other keywords to be left out.
    """
    if _without(schema, _EXPRESSIONS) == schema:
        return _without(schema, besides)
    return _without(schema, _EXPRESSIONS | _COUNTING | besides, _OPPOSITES)


def _without(schema: Any, left_out: Set[str], opposites: Set[str] = frozenset()) -> Any:
    """A schema without some keywords, and without references into what is none of its parts.

    Without those of `opposites`, too, in which something is left out, or may be by a reference.
    """
    if isinstance(schema, list):
        return [_without(part, left_out, opposites) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out = left_out | (_REST if "patternProperties" in schema else set())
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _VALUES:
            kept[key] = value
        elif key in _REFERENCES and isinstance(value, str):
            if not (_VALUES | left_out | opposites) & set(unquote(value).split("/")):
                kept[key] = value
        elif key in _BY_NAME and isinstance(value, dict):
            kept[key] = {n: _without(part, left_out, opposites) for n, part in value.items()}
        elif key not in out and not (key in opposites and _holds(value)):
            kept[key] = _without(value, left_out, opposites)
    return kept


def _holds(part: Any) -> bool:
    """Whether there are expressions or references in a part of a schema, or what looks so."""
    if isinstance(part, list):
        return any(map(_holds, part))
    return isinstance(part, dict) and any(
        key in _EXPRESSIONS | _REFERENCES or _holds(value) for key, value in part.items()
    )

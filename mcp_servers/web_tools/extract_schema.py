"""What is asked for: a JSON Schema as a tree of fields, and texts turned into values of its types.

Reads no page. A schema is an object of strings, numbers, booleans, nested objects and lists of
these; a `$ref` within itself is followed, one that leads elsewhere is never fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mcp_servers.web_tools.errors import WebError
from mcp_servers.web_tools.extract_values import boolean_of, date_of, moment_of, number_of

Kind = Literal["string", "number", "integer", "boolean", "object", "array"]

_KINDS: tuple[Kind, ...] = ("object", "array", "integer", "number", "boolean", "string")
_DEPTH = 6
_FIELDS = 100
_VALUE = 4_000
"""Characters of one value: more is a passage, and would make a schema's `pattern` slow."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")


@dataclass(frozen=True, slots=True)
class Field:
    """One place of the schema."""

    name: str
    """The property's name; of a list's item, the list's."""
    kind: Kind
    schema: Mapping[str, Any]
    """Of this place alone, its `$ref` followed."""
    labels: tuple[str, ...]
    """How a page may call it, in plain lower-case words: its name, then its `title`."""
    about: str
    """Its `description` in plain lower-case words."""
    fields: tuple[Field, ...] = ()
    """Of an object."""
    item: Field | None = None
    """Of a list."""


@dataclass(slots=True)
class Schema:
    """A schema that has been checked."""

    root: Field
    document: Mapping[str, Any]
    _validators: dict[str, Any] = field(default_factory=dict)

    def faults(self, value: object, at: Field | None = None) -> list[str]:
        """What is wrong with a value, in words; empty where it is valid so far as it goes.

        Args:
            value: JSON.
            at: The place that it is for; None: the whole.
        """
        schema = self.document if at is None else self._with_definitions(at.schema)
        key = json.dumps(schema, sort_keys=True, default=str)
        validator = self._validators.get(key)
        if validator is None:
            validator = self._validators[key] = _validator(schema)
        found = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.path)))
        return [
            f"{'.'.join(map(str, error.path)) or 'the object'}: {error.message[:200]}"
            for error in found
            if error.validator not in ("required", "dependentRequired")  # told as missing
        ]

    def _with_definitions(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        own = {name: self.document[name] for name in ("$defs", "definitions", "$schema")
               if name in self.document}  # fmt: skip
        return {**own, **schema}


def read_schema(document: Mapping[str, Any]) -> Schema:
    """Check a schema.

    Raises:
        WebError: It is no JSON Schema, not of an object, or asks for too much.
    """
    import jsonschema

    try:
        jsonschema.validators.validator_for(
            document, default=jsonschema.Draft202012Validator
        ).check_schema(document)
    except (jsonschema.SchemaError, TypeError, AttributeError, RecursionError) as error:
        reason = getattr(error, "message", None) or error
        raise WebError(
            f"the schema is no valid JSON Schema: {str(reason)[:300]}",
            hint='Give, for example, {"type": "object", "properties": {"price": {"type": '
            '"number"}}}.',
        ) from None
    left = iter(range(_FIELDS))
    root = _field("", document, document, 0, left)
    if root.kind != "object" or not root.fields:
        raise WebError(
            "the schema asks for no field",
            hint='Give an object with "properties"; put a list into one of them.',
        )
    return Schema(root, document)


def value_of(text: str, place: Field) -> object:
    """A text as a value of a field's type; None where it is none.

    An `enum` member is told whatever its case; a `format` of `date` or `date-time` turns dates as
    people write them into ISO 8601.
    """
    text = " ".join(text.split())
    if not text or len(text) > _VALUE:
        return None
    if members := place.schema.get("enum"):
        return next((m for m in members if m is not None and _same(m, text)), None)
    match place.kind:
        case "number" | "integer":
            number = number_of(text)
            if number is None or (place.kind == "integer" and number != int(number)):
                return None
            return int(number) if place.kind == "integer" or number == int(number) else number
        case "boolean":
            return boolean_of(text)
        case "string":
            match place.schema.get("format"):
                case "date":
                    return date_of(text)
                case "date-time":
                    return moment_of(text)
                case _:
                    return text
        case _:
            return None


def words_of(name: str) -> str:
    """`datePublished`, `date_published` or `Date published:` as `date published`."""
    return " ".join(word.lower() for word in _WORD.findall(name))


def _same(member: object, text: str) -> bool:
    return words_of(str(member)) == words_of(text)


def _field(
    name: str, schema: object, document: Mapping[str, Any], depth: int, left: Iterator[int]
) -> Field:
    own = _resolved(schema, document)
    if depth > _DEPTH or next(left, None) is None:
        raise WebError(
            f"the schema asks for more than {_FIELDS} fields, or deeper than {_DEPTH} levels",
            hint="Ask for less at a time.",
        )
    kind = _kind(own)
    labels = tuple(dict.fromkeys(w for w in (words_of(name), words_of(_text(own, "title"))) if w))
    fields: tuple[Field, ...] = ()
    item = None
    if kind == "object":
        properties = own.get("properties") or {}
        fields = tuple(
            _field(key, value, document, depth + 1, left) for key, value in properties.items()
        )
    elif kind == "array":
        item = _field(name, own.get("items", {}), document, depth + 1, left)
    return Field(name, kind, own, labels, words_of(_text(own, "description")), fields, item)


def _text(schema: Mapping[str, Any], key: str) -> str:
    value = schema.get(key, "")
    return value if isinstance(value, str) else ""


def _resolved(schema: object, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, behind its references and the `anyOf` by which nulls are allowed."""
    for _ in range(_DEPTH):
        if not isinstance(schema, Mapping):
            return {}
        if isinstance(reference := schema.get("$ref"), str):
            if not reference.startswith("#/"):
                raise WebError(
                    f"the schema refers to {reference[:100]!r}, outside of itself",
                    hint='Put it under "$defs".',
                )
            target: Any = document
            for step in reference[2:].split("/"):
                step = step.replace("~1", "/").replace("~0", "~")
                target = target.get(step) if isinstance(target, Mapping) else None
            schema = {**(target or {}), **{k: v for k, v in schema.items() if k != "$ref"}}
        elif choices := schema.get("anyOf") or schema.get("oneOf"):
            some = [c for c in choices if not (isinstance(c, Mapping) and c.get("type") == "null")]
            if len(some) != 1 or not isinstance(some[0], Mapping):
                return schema
            rest = {k: v for k, v in schema.items() if k not in ("anyOf", "oneOf")}
            schema = {**rest, **some[0]}
        else:
            return schema
    raise WebError("the schema refers to itself", hint="Spell the levels out.")


def _kind(schema: Mapping[str, Any]) -> Kind:
    named = schema.get("type")
    types = named if isinstance(named, list) else [named]
    for kind in _KINDS:
        if kind in types:
            return kind
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _validator(schema: Mapping[str, Any]) -> Any:
    import jsonschema
    import referencing

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    # An empty registry: jsonschema would fetch what a reference names.
    return kind(schema, format_checker=kind.FORMAT_CHECKER, registry=referencing.Registry())

"""A server's form as fields: what is understood of its schema, and of what was typed."""

from __future__ import annotations

from typing import Any

import pytest

from agent.tui.form import Field, fields, value


def only(about: dict[str, Any], *, required: bool = False) -> Field:
    schema = {"properties": {"it": about}, "required": ["it"] if required else []}
    (field,) = fields(schema)
    return field


@pytest.mark.parametrize(
    ("about", "kind"),
    [
        ({"type": "string"}, "text"),
        ({"type": "integer"}, "whole"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "yes"),
        ({"type": "string", "enum": ["a"]}, "one"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "many"),
        ({"type": "array"}, "list"),
        ({"type": ["string", "null"], "minLength": "x"}, "text"),
        ({}, "text"),
    ],
)
def test_a_field_is_of_the_kind_that_its_schema_says(about: dict[str, Any], kind: str) -> None:
    assert only(about).kind == kind


@pytest.mark.parametrize(
    "about",
    [
        {"oneOf": [{"const": 1, "title": "One"}, {"const": 2, "title": "Two"}]},
        {"enum": [1, 2], "enumNames": ["One", "Two"]},
    ],
)
def test_the_options_of_a_list_are_shown_by_their_titles(about: dict[str, Any]) -> None:
    assert only(about).options == (("One", 1), ("Two", 2))


@pytest.mark.parametrize("schema", [{}, {"properties": 3}, {"properties": {"a": 1}}])
def test_what_is_no_form_asks_nothing(schema: dict[str, Any]) -> None:
    assert fields(schema) == []


@pytest.mark.parametrize(
    ("about", "typed", "found"),
    [
        ({"type": "integer"}, " 7 ", 7),
        ({"type": "number"}, "1.5", 1.5),
        ({"type": "string"}, "  words ", "words"),
        ({"type": "array"}, "a, b,,", ["a", "b"]),
        ({"type": "string"}, "", None),
    ],
)
def test_what_is_typed_becomes_what_the_field_is(
    about: dict[str, Any], typed: str, found: Any
) -> None:
    assert value(only(about), typed) == found


@pytest.mark.parametrize(
    ("about", "typed", "why"),
    [
        ({"type": "integer"}, "1.5", "must be a whole number"),
        ({"type": "number"}, "nan", "must be a number"),
        ({"type": "number"}, "1e999", "must be a number"),
        ({"type": "integer", "minimum": 3}, "2", "must be at least 3"),
        ({"type": "string", "maxLength": 2}, "abc", "must be at most 2 characters"),
        ({"type": "string"}, " ", "is needed"),
    ],
)
def test_what_does_not_fit_says_why(about: dict[str, Any], typed: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        value(only(about, required=True), typed)


def test_what_has_a_default_need_not_be_typed() -> None:
    assert value(only({"type": "integer", "default": 3}, required=True), "") is None


def test_a_figure_longer_than_any_number_is_told_and_ends_nothing() -> None:
    long = "9" * 400
    assert value(only({"type": "integer"}), long) == int(long)
    with pytest.raises(ValueError, match="must be a number"):
        value(only({"type": "number"}), long)
    assert value(only({"type": "integer", "minimum": 10**400}), "3") == 3

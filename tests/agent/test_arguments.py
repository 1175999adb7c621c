"""Arguments against schemas, which may be a stranger's and made to do harm."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry

from agent.arguments import misfit, plain

DEEP: dict[str, Any] = {}
for _ in range(400):
    DEEP = {"not": DEEP}


@pytest.mark.parametrize(
    ("schema", "arguments", "wrong"),
    [
        ({"properties": {"n": {"type": "integer"}}}, {"n": "x"}, "n: 'x' is not of type"),
        ({"required": ["n"]}, {}, "'n' is a required property"),
        ({"properties": {}, "additionalProperties": False}, {"n": 1}, "unexpected"),
        ({"properties": {"pattern": {"type": "integer"}}}, {"pattern": "x"}, "pattern: "),
        ({"properties": {"n": {"enum": [{"pattern": "a"}]}}}, {"n": {"pattern": "b"}}, "n: "),
        (
            {"properties": {"n": {"oneOf": [{"const": "a"}]}, "m": {"pattern": "^m"}}},
            {"n": "b", "m": "m"},
            "n: ",
        ),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(
    schema: dict[str, Any], arguments: dict[str, Any], wrong: str
) -> None:
    assert wrong in misfit(schema, arguments)


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ({"$ref": "#"}, {}),
        ({"$defs": {"b": {"allOf": [{"$ref": "#/$defs/b"}]}}, "$ref": "#/$defs/b"}, {}),
        (DEEP, {}),
        ({"properties": 5}, {}),
        ({"$ref": "http://127.0.0.1:9/schema"}, {}),
        ({"properties": {"n": {"multipleOf": 0.0001}}}, {"n": float("inf")}),
    ],
    ids=["circle", "long circle", "deep", "none", "elsewhere", "overflow"],
)
def test_a_schema_that_cannot_be_checked_asks_for_nothing(
    schema: dict[str, Any], arguments: dict[str, Any]
) -> None:
    assert misfit(schema, arguments) == ""


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"n": {"pattern": "(a+)+$"}}},
        {"patternProperties": {"(a+)+$": {}}, "additionalProperties": False},
        {"patternProperties": {"(a+)+$": {}}, "unevaluatedProperties": False},
        {
            "properties": {
                "n": {
                    "$schema": "http://json-schema.org/draft-07/schema#",
                    "pattern": "(a+)+$",
                }
            }
        },
        {
            "properties": {
                "n": {"$ref": "#/properties/m/default"},
                "m": {"default": {"pattern": "(a+)+$"}},
            }
        },
        {"properties": {"n": {"$ref": "#/x/%65num"}}, "x": {"enum": {"pattern": "(a+)+$"}}},
    ],
)
def test_an_expression_that_would_run_for_ever_is_not_run(schema: dict[str, Any]) -> None:
    endless = "a" * 64 + "!"
    assert misfit(schema, {"n": endless, endless: 1}) == ""


REFERRING = {
    "properties": {
        "c": {"oneOf": [{"type": "string", "pattern": "^#"}, {"type": "integer"}]},
        "d": {"$ref": "#/properties/c/oneOf/0"},
    }
}


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ({"properties": {"c": {"oneOf": [{"pattern": "^#"}, {"enum": ["red"]}]}}}, {"c": "red"}),
        ({"properties": {"c": {"not": {"pattern": "^ "}}}}, {"c": "red"}),
        ({"if": {"properties": {"c": {"pattern": "^#"}}}, "then": {"required": ["d"]}}, {"c": "r"}),
        (
            {
                "$ref": "#/$defs/named",
                "$defs": {"named": {"patternProperties": {"^x": {}}}},
                "unevaluatedProperties": False,
            },
            {"x1": 1},
        ),
        (
            {"properties": {"c": {"contains": {"pattern": "^a"}, "maxContains": 1}}},
            {"c": ["a", "b"]},
        ),
        (REFERRING, {"c": "#f00", "d": "#f00"}),
        ({"not": {"$ref": "#/$defs/bad"}, "$defs": {"bad": {"pattern": "^ "}}}, {"c": "red"}),
    ],
    ids=["one of", "not", "if", "the rest", "at most", "reference", "not by reference"],
)
def test_what_fits_a_schema_fits_it_without_its_expressions(
    schema: dict[str, Any], arguments: dict[str, Any]
) -> None:
    assert misfit(schema, arguments) == ""
    Draft202012Validator(plain(schema), registry=Registry()).validate(arguments)


def test_what_is_wrong_is_told_in_short_though_the_schema_is_long() -> None:
    wrong = misfit({"properties": {"n": {"enum": ["x" * 50] * 1000}}}, {"n": 1})
    assert len(wrong) < 600

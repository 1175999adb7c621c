"""A persona's card: who speaks, how, and what of a plain answer must stay. Read from TOML.

A leaf of the standard library only, so that training can write a card and the agent wear it. It
says nothing about models: how a card is worn is `agent/persona/`.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

Keep = Literal["words", "facts"]

RULES = "rules"
"""The `model` of a card that needs none: its tables are applied as they stand."""

TEXT = "{text}"
"""Stands for the text in an instruction, as in that of a data set."""

_NAME = re.compile(r"[^\W_][\w-]{0,39}")
_LONGEST = 100_000
"""Characters of a card's file; a longer one is no card."""


class CardError(ValueError):
    """A card that cannot be read; says which, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence, plain and in the voice."""

    plain: str
    voiced: str


@dataclass(frozen=True, slots=True)
class Card:
    """A persona. Each field is a key of the file."""

    name: str
    """By which it is put on: letters, digits and hyphens."""
    description: str = ""
    """What it is, in a line for a person."""
    rules: tuple[str, ...] = ()
    """How it speaks, one instruction each, for a model."""
    examples: tuple[Example, ...] = ()
    """For a model; in the file `[[examples]]` with `plain` and `voiced`."""
    keep: Keep = "words"
    """What of the plain answer stays: `words`, every word that states something, in its order;
    `facts`, names, numbers, quotations, citations, denials, hedges and comparisons, while common
    words may change."""
    asides: tuple[str, ...] = ()
    """Set phrases that state nothing, which the voice may put in."""
    words: dict[str, str] = field(default_factory=dict)
    """Words or short phrases, and what the voice says for them: approved by whoever wrote the
    card, so trusted by the check."""
    model: str = ""
    """Who speaks: any model's name; empty for the one that answers; `rules` for the two tables
    above alone."""
    api_base: str = ""
    """Address of that model's server, where it is not the provider's own."""
    adapter: str = ""
    """Trained weights of the voice, for a `local:` model: a LoRA folder, or a GGUF file of one."""
    scale: float = 1.0
    """How strong the adapter is; 0 is the model without it."""
    trained: bool = False
    """Whether all weights of `model` were trained in the voice: it is asked in the words of its
    training, one sentence at a time, and not told the card. One with an adapter always is."""
    instruction: str = ""
    """How a trained voice was handed a text in its training, with `TEXT` in its place; empty for
    the built-in words."""
    system: str = ""
    """What a trained voice was told first in its training; empty for nothing."""


_TEXTS = ("description", "model", "api_base", "adapter", "instruction", "system")


def read(file: Path) -> Card:
    """The card in a file. Its `adapter` becomes a whole path, from the file's folder.

    Raises:
        CardError: The file cannot be read, or is no card.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise CardError(f"{file} cannot be read: {reason}.") from error
    card = parse(text, where=str(file), name=file.stem)
    if card.adapter:
        found = file.parent.absolute() / os.path.expanduser(card.adapter)
        return Card(**{**_values(card), "adapter": str(found)})
    return card


def parse(text: str, *, where: str = "the card", name: str = "") -> Card:
    """The card that a TOML text holds.

    Args:
        text: The file's.
        where: Named in errors.
        name: Of a card that gives itself none.

    Raises:
        CardError: It is no TOML, a key is unknown, or a value is of the wrong kind.
    """
    if len(text) > _LONGEST:
        raise CardError(f"{where} is too long for a card: {len(text):,} characters.")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CardError(f"{where} is not valid TOML: {error}.") from error
    known = [f.name for f in fields(Card)]
    if unknown := [key for key in data if key not in known]:
        raise CardError(f"{where}: there is no key '{unknown[0]}'; known are {', '.join(known)}.")
    data.setdefault("name", name)
    for key in ("name", *_TEXTS):
        if not isinstance(data.get(key, ""), str):
            raise CardError(f"{where}: '{key}' must be a text.")
    if not _NAME.fullmatch(data["name"]):
        raise CardError(
            f"{where}: '{data['name']}' is no name: letters, digits and hyphens, 40 at most."
        )
    if data.get("keep", "words") not in get_args(Keep):
        raise CardError(f"{where}: 'keep' must be one of {', '.join(get_args(Keep))}.")
    scale = data.get("scale", 1.0)
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 <= scale <= 4:
        raise CardError(f"{where}: 'scale' must be a number from 0 to 4.")
    if not isinstance(data.get("trained", False), bool):
        raise CardError(f"{where}: 'trained' must be true or false.")
    if data.get("instruction") and TEXT not in data["instruction"]:
        raise CardError(f"{where}: 'instruction' does not say where the text goes: {TEXT}.")
    for key in ("rules", "asides"):
        data[key] = _list(data.get(key, []), f"{where}: '{key}'")
    words = data.get("words", {})
    if not isinstance(words, dict) or not all(isinstance(v, str) for v in words.values()):
        raise CardError(f"{where}: 'words' must be a table of texts.")
    data["examples"] = tuple(_example(row, where) for row in _rows(data.get("examples", []), where))
    return Card(**{**data, "scale": float(scale)})


def render(card: Card) -> str:
    """The card as the text of a file, without what is left at its default."""
    default = Card(card.name)
    lines = [
        f"{key} = {_toml(value)}"
        for key, value in _values(card).items()
        if key not in ("words", "examples") and (key == "name" or value != getattr(default, key))
    ]
    if card.words:
        lines += ["", "[words]"]
        lines += [f"{_toml(plain)} = {_toml(voiced)}" for plain, voiced in card.words.items()]
    for example in card.examples:
        lines += ["", "[[examples]]"]
        lines += [f"plain = {_toml(example.plain)}", f"voiced = {_toml(example.voiced)}"]
    return "\n".join(lines) + "\n"


def _values(card: Card) -> dict[str, Any]:
    return {f.name: getattr(card, f.name) for f in fields(Card)}


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # A JSON string is a TOML basic string, but for the delete character, which JSON leaves bare.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise CardError(f"{where} must be a list of texts.")
    return tuple(value)


def _rows(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise CardError(f"{where}: write examples as [[examples]], with plain and voiced.")
    return value


def _example(row: Any, where: str) -> Example:
    if (
        not isinstance(row, dict)
        or row.keys() != {"plain", "voiced"}
        or not all(isinstance(text, str) for text in row.values())
    ):
        raise CardError(f"{where}: an example has the texts plain and voiced, and nothing else.")
    return Example(row["plain"], row["voiced"])

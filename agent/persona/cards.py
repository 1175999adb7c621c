"""Where cards are: those that come with the program, and the user's own beside the settings."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.card import Card, CardError, read
from agent.errors import ConfigError
from agent.paths import Paths
from agent.persona.check import wrong_tables

_BUILT_IN = Path(__file__).resolve().parent.parent / "personas"
_SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class Found:
    """A card's file."""

    name: str
    file: Path
    built_in: bool


def folder(paths: Paths) -> Path:
    """Where the user's own cards are; it need not exist."""
    return paths.config_file.parent / "personas"


def available(paths: Paths) -> Iterator[Found]:
    """All cards, by name; one of the user's own hides a built-in one of that name."""
    places = ((_BUILT_IN, True), (folder(paths), False))
    found = {
        file.stem: Found(file.stem, file, built_in)
        for place, built_in in places
        for file in sorted(place.glob(f"*{_SUFFIX}"))
    }
    yield from (found[name] for name in sorted(found))


def listed(worn: str, paths: Paths) -> Iterator[tuple[Found, bool]]:
    """All cards, each with whether it is the one that is worn.

    Args:
        worn: As the settings name it; one that is named by its file comes last, unless it is among
            the others.
        paths: Where cards are.
    """
    file = Path(os.path.expanduser(worn))
    by_path = file.resolve() if worn.endswith(_SUFFIX) else None
    seen = False
    for found in available(paths):
        is_worn = found.name == worn if by_path is None else found.file.resolve() == by_path
        seen = seen or is_worn
        yield found, is_worn
    if by_path is not None and not seen:
        yield Found(by_path.stem, file, built_in=False), True


def exported(place: Path) -> Card:
    """The card that `agent finetune export` wrote into a folder.

    Raises:
        ConfigError: It is no folder of an export, or its card cannot be worn; says why.
    """
    try:
        name = json.loads((place / "export.json").read_text(encoding="utf-8"))["card"]
    except (OSError, ValueError, KeyError, TypeError):
        name = ""
    if not isinstance(name, str) or not name.endswith(_SUFFIX) or Path(name).name != name:
        raise ConfigError(
            f"{place} is no export of a trained voice.",
            hint=f"Export its run first: agent finetune export {shlex.quote(str(place))} "
            "--out FOLDER, and name that folder",
        )
    return load(place / name)


def find(name: str, paths: Paths) -> Card:
    """The card of that name, or in that file.

    Raises:
        ConfigError: There is none, or it cannot be worn; says why.
    """
    if name.endswith(_SUFFIX):
        return load(Path(os.path.expanduser(name)))
    known = {found.name: found for found in available(paths)}
    if name not in known:
        raise ConfigError(
            f"There is no persona '{name}'.",
            hint=f"Known are {', '.join(known)}; make one: agent persona new NAME",
        )
    return load(known[name].file)


def load(file: Path) -> Card:
    """The card in a file.

    Raises:
        ConfigError: It cannot be worn; says why.
    """
    try:
        card = read(file)
    except CardError as error:
        raise ConfigError(str(error), hint="Mend the card, or: agent persona use none") from error
    if wrong := wrong_tables(card):
        raise ConfigError(f"{file}: {wrong}", hint="Change the card's asides or words.")
    return card

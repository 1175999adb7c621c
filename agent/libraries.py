"""Which library is meant: names and paths -> the folder of a library. Opens and makes none."""

from __future__ import annotations

import os
from pathlib import Path

from agent.config import Config
from agent.errors import ConfigError, UsageError
from agent.paths import Paths

FOLDER = ".understudy"
"""The folder of a folder library: what is asked for below its parent is asked of it."""


def above(start: Path) -> Path | None:
    """The folder library that a working folder lies in; None where there is none above it."""
    for place in (start, *start.parents):
        if (place / FOLDER).is_dir():
            return place / FOLDER
    return None


def of_folder(folder: Path) -> Path:
    """Where the library of a folder is: in `FOLDER` below it, never among the user's own files."""
    place = folder.absolute()
    return place if place.name == FOLDER else place.resolve() / FOLDER


def root(config: Config, paths: Paths) -> Path:
    """The folder of the library that the settings mean, which need not exist.

    Where nobody has named one, a folder library counts from its folder downwards, as a git
    repository does.

    Raises:
        ConfigError: Its name is no name.
    """
    if "library" not in config.origins and (found := above(Path.cwd())):
        return found
    name = config.library
    if name.startswith((".", "~")) or os.sep in name or "/" in name:
        try:
            return of_folder(Path(name).expanduser())
        except (RuntimeError, ValueError):  # the home of an unknown user; a NUL
            pass
    elif name.strip() and name.isprintable():
        return paths.libraries / name
    raise ConfigError(
        f"'{name}' cannot be the name of a library.", hint="agent library list shows them."
    )


def holds_something(place: Path, paths: Paths) -> bool:
    """Whether anything has ever been added to the library in a folder.

    Raises:
        UsageError: There is no library, and it is not the default one, which there always is.
    """
    from knowledge.library import Library

    if Library.exists(place):
        return True
    if place.is_dir() or place == paths.libraries / Config().library:
        return False
    if place.name == FOLDER:
        raise UsageError(
            f"There is no library in the folder {place.parent}.",
            hint=f"agent library init {place.parent}",
        )
    from difflib import get_close_matches

    known = [folder.name for folder in paths.libraries.glob("*") if Library.exists(folder)]
    near = get_close_matches(place.name, known, n=1)
    raise UsageError(
        f"There is no library '{place.name}'" + (f"; did you mean '{near[0]}'?" if near else "."),
        hint="agent library list",
    )

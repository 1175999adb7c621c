"""Which library is meant: names and paths -> the folder of a library. Opens and makes none."""

from __future__ import annotations

import os
import re
from hashlib import sha256
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


def collection(config: Config, place: Path) -> str:
    """What the library in a folder is called on the Chroma server, if it is a shared one.

    The default library goes by the setting alone, another by its own name, too: two libraries of
    one machine never meet. A folder library belongs to its folder, and is not shared.

    Raises:
        ConfigError: No server is set.
    """
    name = config.chroma_collection
    if not name or place.name == FOLDER:
        return ""
    if not config.chroma_url:
        raise ConfigError(
            f"The shared library '{name}' needs the address of its Chroma server.",
            hint="agent config set chroma_url http://HOST:8000"
            "  or: agent config unset chroma_collection",
        )
    if place.name == Config().library:
        return name
    own = re.sub(r"[^A-Za-z0-9._-]|(?<=\.)\.", "-", place.name)
    if own != place.name or not own[-1].isalnum():
        own += sha256(place.name.encode()).hexdigest()[:8]
    return f"{name}-{own}"


def holds_something(place: Path, paths: Paths, collection: str = "") -> bool:
    """Whether anything has ever been added to the library in a folder; to a shared one, by others.

    Raises:
        UsageError: There is no library, and it is not the default one, which there always is.
    """
    from knowledge.library import Library

    if Library.exists(place) or (collection and place == paths.libraries / Config().library):
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

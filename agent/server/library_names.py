"""What users call the libraries: by name; one that was named by a folder, others by the folder's.

Where the server's own library lies (`agent serve --library PATH`) concerns its owner alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from agent.server.errors import Refused
from agent.server.seen import seen_by

if TYPE_CHECKING:
    from agent.server.hosting import Hosting
    from agent.server.users import User
    from knowledge.library import Library


@dataclass(frozen=True, slots=True)
class Opened:
    """A library that a user has named."""

    name: str
    """As the server calls it, and the user's rights."""
    called: str
    """As its user is told it."""
    whole: Library
    """For who may change it."""
    seen: Library
    """For what is told to the user."""


def libraries_of(hosting: Hosting, user: User) -> dict[str, str]:
    """The libraries that a user may read, that of the settings first: by name, what it is called.

    No two are called the same.
    """
    names = hosting.libraries(user)
    if user.is_owner:
        return {name: name for name in names}
    called: dict[str, str] = {}
    taken = {name for name in names if PurePath(name).name == name}
    for name in names:
        own = PurePath(name).name or "library"
        if own != name:
            while own in taken:
                own = f"{own} (folder)"
            taken.add(own)
        called[name] = own
    return called


def library_named(hosting: Hosting, user: User, called: str) -> str:
    """The library's own name, of one that a user names; the first that they may read for none.

    Raises:
        Refused: They may not read it, whether it is there or not.
    """
    return _named(hosting, user, called)[0]


async def opened(hosting: Hosting, user: User, called: str) -> Opened:
    """A library that a user may read.

    Args:
        hosting: Where it is.
        user: Who asks.
        called: As they are told it; empty for the first that they may read.

    Raises:
        Refused: There is none of that name, or it is not theirs to read.
        KnowledgeError: It cannot be opened.
    """
    name, called = await asyncio.to_thread(_named, hosting, user, called)
    try:
        whole = await hosting.library(user, name)
    except Refused as refused:
        # Its words name the folder.
        raise (no_library(called) if refused.code == "library_not_found" else refused) from None
    return Opened(name, called, whole, seen_by(user, whole))


def no_library(called: str) -> Refused:
    """The refusal of a library that there is not, or that may not be read: the same for both."""
    return Refused(
        404,
        f"There is no library '{called}' that you may read.",
        code="library_not_found",
        param="library",
        hint="GET /api/libraries lists those that you may.",
    )


def _named(hosting: Hosting, user: User, called: str) -> tuple[str, str]:
    """The library's own name, and what it is called; see `library_named`."""
    if user.is_owner:
        name = hosting.library_meant(user, called)
        return name, name
    for name, own in libraries_of(hosting, user).items():
        if called in {"", own}:
            return name, own
    if PurePath(called).name != called:
        raise no_library(called)
    name = hosting.library_meant(user, called)
    return name, name

"""What users are told a source is called: the owner by its path, others by the file's name alone.

Where a file lies on the server, and in whose folder, concerns nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from agent.server.errors import Refused
from knowledge.errors import SourceNotFound
from knowledge.filters import is_url

if TYPE_CHECKING:
    from agent.events import Citation
    from agent.server.users import User
    from knowledge.types import SourceInfo


def shown(user: User, source: str) -> str:
    """What a user is told that a source is called."""
    return source if user.is_owner or is_url(source) else PurePath(source).name


def shown_citation(user: User, citation: Citation) -> Citation:
    """A citation as a user is told it."""
    return replace(citation, source=shown(user, citation.source))


def meant(user: User, name: str, sources: Iterable[SourceInfo]) -> str:
    """The source that a user means.

    Args:
        user: Who names it.
        name: As they are told it, or its document's id.
        sources: Of the library.

    Raises:
        SourceNotFound: There is none.
        Refused: There are several.
    """
    found: set[str] = set()
    for info in sources:
        # Only what is listed: a folder, or a pattern, would take more than one means.
        if name in (info.source, info.root):
            return name
        if name in (shown(user, info.source), info.document_id):
            found.add(info.source)
    if not found:
        raise SourceNotFound(f"The library holds no source {name}.")
    if len(found) > 1:
        raise Refused(
            409, f"{len(found)} sources are called {name}.", code="several_sources",
            param="source", hint="Name it by its document_id, which GET /api/sources gives.",
        )  # fmt: skip
    return found.pop()

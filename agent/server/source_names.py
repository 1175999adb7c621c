"""What users are told a source is called: the owner by its path, others by the file's name alone.

Where a file lies on the server, and in whose folder, concerns nobody else. So who is not the owner
names sources by what they are told, too: no path of theirs is looked up on the server's disk.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fnmatch import translate
from pathlib import PurePath
from typing import TYPE_CHECKING

from agent.server.errors import Refused
from knowledge.errors import SourceNotFound
from knowledge.filters import absolute, is_url, under

if TYPE_CHECKING:
    from agent.events import Citation
    from agent.server.users import User
    from knowledge.types import SourceInfo

_DIGITS = 8
"""Of a document's id, in the name of a source that is not the only one of its name."""
_PART = r"[^\s/\\'\"“”‘’:;,()<>]+"
_PATH = re.compile(rf"(?<![\w:/.])((?:[A-Za-z]:)?(?:[/\\]{_PART}){{2,}}[/\\]?)")
"""An absolute path of two parts or more; no URL's."""
_ADDRESS = re.compile(
    r"\b[a-z][a-z0-9+.-]*://[^\s'\"“”‘’<>()]*[^\s'\"“”‘’<>().,;:!?]", re.IGNORECASE
)
_HOST = re.compile(
    r"\b(?:host(?:name|addr)?=[^\s;,)]+|\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?"
    r"|(?:localhost|[\w-]+(?:\.[\w-]+)+):\d+)"
    r"|\[[0-9a-f]*:[0-9a-f:.]+\](?::\d+)?",
    re.IGNORECASE,
)
"""Where a server answers, as it is written without a scheme."""
_FILE = re.compile(rf"(?<![\w:/.\\])([/\\]{_PART}\.\w+)\b(?![/\\])")
"""An absolute path of one part, with an extension."""


def shown(user: User, source: str) -> str:
    """What a user is told that a source is called, where it is the only one of its name."""
    return source if user.is_owner else own_name(source)


def shown_citation(user: User, citation: Citation) -> Citation:
    """A citation as a user is told it."""
    return replace(citation, source=shown(user, citation.source))


def names_of(sources: Iterable[SourceInfo]) -> dict[str, str]:
    """By source, what all but the owner are told that it is called; no two are called the same.

    A file goes by its name. Where several have one name, the beginning of their document's id is
    added, and where that is the same, too, a number.

    Args:
        sources: All of a library, in its order.
    """
    alike: defaultdict[str, list[SourceInfo]] = defaultdict(list)
    for info in sources:
        alike[own_name(info.source)].append(info)
    names: dict[str, str] = {}
    for name, infos in alike.items():
        if len(infos) == 1:
            names[infos[0].source] = name
            continue
        same: defaultdict[str, list[str]] = defaultdict(list)
        for info in infos:
            same[(info.document_id or "failed")[:_DIGITS]].append(info.source)
        for digits, found in same.items():
            for n, source in enumerate(found, start=1):
                called = f"{name} ({digits}{'' if len(found) == 1 else f' {n}'})"
                while called in alike:  # a file of just this name
                    called += "+"
                names[source] = called
    return names


def fits(name: str) -> Callable[[str, str, str | None], bool]:
    """Whether a name, or a pattern of names, may mean a source of which one is told a name.

    Args:
        name: The name as it is told, the file's own, the document's id, or a pattern of the names;
            of pages a URL, with those below it.

    Returns:
        A test of what a source is called, of the source, and of its document's id.
    """
    pattern = re.compile(translate(name)).match
    # Only of URLs: nothing is looked up on the server's disk.
    pages = (absolute(name),) if is_url(name) else ()

    def test(called: str, source: str, document_id: str | None) -> bool:
        if pages and under(source, pages):
            return True
        own = own_name(source)
        return name in (called, own, document_id) or any(map(pattern, (called, own)))

    return test


def meant(
    user: User,
    name: str,
    sources: Sequence[SourceInfo],
    mine: Callable[[str], bool] = lambda _: False,
) -> str:
    """The one source that a user means.

    Args:
        user: Who names it.
        name: As they are told it, the file's own name, or its document's id.
        sources: Of the library.
        mine: Whether a source is a file that they have handed in. Of several, theirs is meant.

    Raises:
        SourceNotFound: There is none.
        Refused: There are several.
    """
    names = {} if user.is_owner else names_of(sources)
    found: set[str] = set()
    for info in sources:
        # Only what is listed: a folder, or a pattern, would take more than one means.
        if user.is_owner and name in (info.source, info.root):
            return name
        if name == names.get(info.source):
            return info.source
        if name in (shown(user, info.source), info.document_id):
            found.add(info.source)
    if not found:
        raise SourceNotFound(f"The library holds no source {name}.")
    if len(found) > 1:
        found = set(filter(mine, found)) or found
    if len(found) > 1:
        some = ", ".join(names.get(source, source) for source in sorted(found)[:3])
        raise Refused(
            409, f"{len(found)} sources are called {name}.", code="several_sources",
            param="source", hint=f"Name it as GET /api/sources does: {some}",
        )  # fmt: skip
    return found.pop()


def without_paths(text: str, source: str = "") -> str:
    """A text for who is not the owner: its paths, that of a source first, are names only."""
    if not text:
        return text
    if PurePath(source).is_absolute():
        text = text.replace(source, own_name(source))
        folder = str(PurePath(source).parent)
        if len(folder) > 1 and folder in text:
            # A folder's name may have blanks in it, so that no pattern finds its end.
            text = re.sub(re.escape(folder) + rf"((?:[/\\]{_PART})*)", _last, text)
    return _PATH.sub(_last, text)


def _last(path: re.Match[str]) -> str:
    return re.split(r"[/\\]", path[1].rstrip("/\\")).pop() or "…"


def without_places(text: str) -> str:
    """A text about the server itself for who is not the owner: without paths and addresses."""
    text = _HOST.sub("…", _ADDRESS.sub("…", text))
    return without_paths(_FILE.sub(_last, text))


def own_name(source: str) -> str:
    """A file's name without its place; a URL."""
    return source if is_url(source) else PurePath(source).name

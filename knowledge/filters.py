"""Which sources are meant: by path, folder, name, glob, kind or age."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate

from knowledge.errors import SourceNotFound


@dataclass(frozen=True, slots=True)
class Filters:
    """Which sources may be found; what is not said is not asked."""

    sources: tuple[str, ...] = ()
    """Any of: a path, a folder, a file's name, or a glob over either."""
    kinds: tuple[str, ...] = ()
    """Any of the document kinds (`pdf`, `markdown` …)."""
    since: float | None = None
    """Only files changed at or after this Unix time."""
    exactly: frozenset[str] | None = None
    """Only these sources, each by its whole name as the library has it: nothing is looked up."""

    def allow(self, source: str, kind: str, changed: float) -> bool:
        """Whether a source, of a kind and changed at a Unix time, is asked for."""
        return (
            (not self.sources or any(matches(source, name) for name in self.sources))
            and (not self.kinds or kind in self.kinds)
            and (self.since is None or changed >= self.since)
            and (self.exactly is None or source in self.exactly)
        )


def under(source: str, paths: Iterable[str]) -> bool:
    """Whether a source is one of the paths or lies below one of them."""
    return any(source == path or source.startswith(path.rstrip("/") + "/") for path in paths)


def below(paths: Iterable[str]) -> Callable[[str], bool]:
    """`under` for many sources and many paths, at a cost that does not grow with the paths."""
    exact = frozenset(paths)
    folders = frozenset(path.rstrip("/") for path in exact)

    def lies(source: str) -> bool:
        return source in exact or any(above in folders for above in _above(source))

    return lies


def _above(source: str) -> Iterator[str]:
    """The folders that a source lies in, the nearest first; empty for the root of all."""
    end = source.rfind("/")
    while end >= 0:
        yield source[:end]
        end = source.rfind("/", 0, end)


def is_url(name: str) -> bool:
    """Whether a name is that of a page on the web."""
    return name.lower().startswith(("http://", "https://"))


def absolute(name: str) -> str:
    """A source as the library names it: a path absolute, links resolved; a URL but its fragment."""
    if is_url(name):
        return name.partition("#")[0]
    # Not by pathlib, which raises for an unknown user's home and for links in a circle.
    return os.path.realpath(os.path.expanduser(name))


def sayable(name: str) -> bool:
    """Whether a name is UTF-8, as all that the library stores: a file's need not be."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def matches(source: str, name: str) -> bool:
    """Whether a user who types `name` may mean `source`: path, folder, file name, or glob."""
    return matcher(name)(source)


def matcher(name: str) -> Callable[[str], bool]:
    """`matches` for many sources: where the name leads to is found out once."""
    path = absolute(name)
    below = path.rstrip("/") + "/"
    glob = re.compile(translate(name)).match
    whole = re.compile(translate(os.path.abspath(name))).match

    def meant(source: str) -> bool:
        last = source.rstrip("/").rpartition("/")[2]
        return (
            source == path
            or source.startswith(below)
            or last == name
            or glob(source) is not None
            or whole(source) is not None
            or glob(last) is not None
        )

    return meant


def named(
    names: Iterable[str], sources: Sequence[str], roots: Sequence[str]
) -> tuple[set[str], set[str]]:
    """The sources, and the added paths, that a user who types names wants to take out.

    A path or folder means itself; only what is none means files by that name, or by a glob.

    Raises:
        SourceNotFound: A name means nothing, or a file's name alone means several.
    """
    gone: set[str] = set()
    lost: set[str] = set()
    for name in names:
        if not name.strip():
            # As a path it would mean the working folder, and all that is in it.
            raise SourceNotFound("A source has no empty name.", hint="agent sources lists them.")
        # A link that was added goes by its own name, and not by that of what it leads to.
        paths = [absolute(name)] if is_url(name) else [absolute(name), os.path.abspath(name)]
        found = {source for source in sources if under(source, paths)}
        added = {root for root in roots if under(root, paths)}
        if not found and not added:
            found = set(filter(matcher(name), sources))
            if len(found) > 1 and not any(mark in name for mark in "*?["):
                raise SourceNotFound(
                    f"{len(found)} sources are called {name}.",
                    hint=f"Name one by its path: agent remove '{min(found)}'",
                )
        if not found and not added:
            raise SourceNotFound(
                f"The library holds no source {name}.", hint="agent sources lists them."
            )
        gone |= found
        lost |= added | (found & set(roots))
    return gone, lost

"""`agent library`: several libraries, folder libraries, named states of one, other places."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from agent.cli import exits
from agent.cli.group import Group, command
from agent.cli.library import parts_for
from agent.cli.library_move import move
from agent.cli.terminal import Console, one_line
from agent.cli.text import plural, short_path, size
from agent.errors import AgentError, UsageError
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from agent.wiring import Parts
    from knowledge.library import Library, Tag


@click.group(name="library", cls=Group, invoke_without_command=True)
@click.pass_context
def library(context: click.Context) -> int:
    """List libraries; tag one as it is now, and go back to a tag; move one to another place."""
    if context.invoked_subcommand is None:
        return _list(context.obj, as_json=False)
    return exits.OK


@command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_(console: Console, as_json: bool) -> int:
    """List the libraries, and the tags of the one in use."""
    return _list(console, as_json=as_json)


@command(name="tag")
@click.argument("name")
def tag(console: Console, name: str) -> int:
    """Give the library as it is now a NAME to go back to. It costs next to nothing."""
    name = _tag_name(name)
    _do(console, lambda lib: lib.tag(name))
    console.note(f"Tagged. Go back to it with: agent library rollback {quote(name)}")
    return exits.OK


@command(name="untag")
@click.argument("name")
def untag(console: Console, name: str) -> int:
    """Forget a tag, and what only it kept."""
    _do(console, lambda lib: lib.untag(name))
    console.note(f"The tag {one_line(name)} is gone.")
    return exits.OK


@command(name="rollback")
@click.argument("name")
def rollback(console: Console, name: str) -> int:
    """Answer from the library as it was at a tag, until the next sync."""
    from knowledge.library import BEFORE_ROLLBACK

    _do(console, lambda lib: lib.roll_back(name))
    console.note(
        f"The library answers as it was at {one_line(name)}. `agent sync` makes it equal to its"
        f" files again; what it was just now is tagged {BEFORE_ROLLBACK}."
    )
    return exits.OK


@command(name="init")
@click.argument("folder", type=click.Path(exists=True, file_okay=False), default=".")
def init(console: Console, folder: str) -> int:
    """Make a library that belongs to FOLDER: commands below it use it by themselves."""
    from agent import libraries

    place = libraries.of_folder(Path(folder))
    if place.is_dir():
        console.note(f"There is one already: {short_path(str(place))}")
        return exits.OK
    try:
        place.mkdir()
        # Never into the project's own repository: the index is made again from the files.
        (place / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{place} cannot be made: {error.strerror or error}.",
            hint="Take a folder that you may write to: agent library init FOLDER",
        ) from error
    console.note(f"Made {short_path(str(place))}. Next: agent add {quote(folder)}")
    return exits.OK


library.add_command(list_)
library.add_command(tag)
library.add_command(untag)
library.add_command(rollback)
library.add_command(move)
library.add_command(init)


def _tag_name(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise UsageError("A tag needs a name that can be typed.", hint="agent library tag NAME")
    return name.strip()


def _do(console: Console, work: Callable[[Library], Awaitable[None]]) -> None:
    async def run(lib: Library) -> None:
        await work(lib)

    parts = parts_for(console)
    if not parts.library_holds_something:
        raise AgentError("The library is empty.", hint="agent add PATH")
    with parts.open_library() as lib:
        asyncio.run(run(lib))


@dataclass(frozen=True, slots=True)
class _Listed:
    """One library, as it is listed."""

    name: str
    """Its name, or the path of a folder library."""
    root: str
    in_use: bool
    sources: int = 0
    chunks: int = 0
    size_bytes: int = 0
    shared: str = ""
    """What it is called on the Chroma server, if others share it."""
    tags: tuple[Tag, ...] = ()
    error: str = ""
    """Why it cannot be opened."""
    hint: str = ""


def _list(console: Console, *, as_json: bool) -> int:
    parts = parts_for(console)
    try:
        _ = parts.library_holds_something
    except UsageError as error:  # to be told, but the list is what mends it
        console.warn(str(error))
    listed = [_look(parts, place) for place in _places(parts)]
    if as_json:
        from agent.cli.json_text import dump

        click.echo(dump([asdict(found) for found in listed]))
    elif not listed:
        console.note("There is no library yet.")
        console.hint("agent add PATH")
    for found in listed:
        if found.error:
            console.error(f"{found.name}: {found.error}", found.hint)
        elif not as_json:
            _print(found)
    return exits.FAILED if any(found.error for found in listed) else exits.OK


def _places(parts: Parts) -> list[Path]:
    """The folders of all libraries known from here, those with names first."""
    from agent import libraries
    from knowledge.library import Library

    home = parts.paths.libraries
    places = {folder for folder in home.glob("*") if Library.exists(folder)}
    if found := libraries.above(Path.cwd()):
        places.add(found)
    if Library.exists(parts.library_root) or parts.collection:
        places.add(parts.library_root)
    return sorted(places, key=lambda place: (place.parent != home, place))


def _look(parts: Parts, place: Path) -> _Listed:
    from agent import libraries
    from knowledge.library import Library
    from knowledge.shared.library import is_attached

    own = place.parent == parts.paths.libraries
    listed = _Listed(
        name=place.name if own else str(place.parent),
        root=str(place),
        in_use=place == parts.library_root,
    )
    shared = libraries.collection(parts.config, place)
    if shared and not listed.in_use and not is_attached(place, parts.config.chroma_url, shared):
        shared = ""  # what it is on the server, nobody here has ever asked for
    if not shared and not Library.exists(place):  # a folder library that was only made
        return listed
    try:
        opened = Library.open(
            place,
            embedder=None,
            chroma_url=parts.config.chroma_url if shared else "",
            chroma_collection=shared,
        )
        try:
            status, tags = asyncio.run(opened.status()), asyncio.run(opened.tags())
        finally:
            opened.close()
    except KnowledgeError as error:
        return replace(listed, error=str(error), hint=error.hint)
    except OSError as error:
        message, hint = exits.describe(error)
        return replace(listed, error=message, hint=hint)
    return replace(
        listed,
        sources=status.sources,
        chunks=status.chunks,
        size_bytes=status.size_bytes,
        shared=shared,
        tags=tags,
    )


def _print(found: _Listed) -> None:
    click.echo(
        f"{'*' if found.in_use else ' '} {short_path(found.name)}  "
        f"{plural(found.sources, 'source')}, {plural(found.chunks, 'passage')}, "
        f"{size(found.size_bytes)}" + (f"  (shared as {found.shared})" if found.shared else "")
    )
    for tag in found.tags if found.in_use else ():
        day = datetime.fromtimestamp(tag.created).strftime("%Y-%m-%d %H:%M")
        click.echo(f"    {one_line(tag.name)}  {day}, {plural(tag.sources, 'source')}")

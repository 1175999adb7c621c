"""`agent library`: several libraries, folder libraries, and named states of one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli import exits
from agent.cli.group import Group, command
from agent.cli.terminal import Console, one_line
from agent.cli.text import plural, short_path, size
from agent.errors import UsageError

if TYPE_CHECKING:
    from agent.wiring import Parts
    from knowledge.library import Library


@click.group(name="library", cls=Group, invoke_without_command=True)
@click.pass_context
def library(context: click.Context) -> int:
    """List libraries; tag one as it is now, and go back to a tag."""
    if context.invoked_subcommand is None:
        return _list(context.obj)
    return exits.OK


@command(name="list")
def list_(console: Console) -> int:
    """List the libraries, and the tags of the one in use."""
    return _list(console)


@command(name="tag")
@click.argument("name")
def tag(console: Console, name: str) -> int:
    """Give the library as it is now a NAME to go back to. It costs next to nothing."""
    name = _tag_name(name)
    _do(console, lambda lib: lib.tag(name))
    console.note(f"Tagged. Go back to it with: agent library rollback {name}")
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
    from agent.wiring import FOLDER

    place = Path(folder).resolve() / FOLDER
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
    console.note(f"Made {short_path(str(place))}. Next: agent add {folder}")
    return exits.OK


library.add_command(list_)
library.add_command(tag)
library.add_command(untag)
library.add_command(rollback)
library.add_command(init)


def _tag_name(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise UsageError("A tag needs a name that can be typed.", hint="agent library tag NAME")
    return name.strip()


def _parts(console: Console) -> Parts:
    from agent.wiring import Parts

    return Parts.from_env({"library": console.library}, notify=console.note)


def _do(console: Console, work: Callable[[Library], Awaitable[None]]) -> None:
    async def run(lib: Library) -> None:
        await work(lib)

    with _parts(console).open_library() as lib:
        asyncio.run(run(lib))


def _list(console: Console) -> int:
    from agent.wiring import folder_library
    from knowledge.library import Library

    parts = _parts(console)
    used = parts.library_root
    home = parts.paths.libraries
    places = {place for place in home.glob("*") if (place / "catalog.sqlite").exists()}
    if above := folder_library(Path.cwd()):
        places.add(above)
    if (used / "catalog.sqlite").exists():
        places.add(used)
    if not places:
        console.note("There is no library yet.")
        console.hint("agent add PATH")
        return exits.OK
    for place in sorted(places, key=lambda place: (place.parent != home, place)):
        opened = Library.open(place, embedder=None)
        try:
            status, tags = asyncio.run(opened.status()), asyncio.run(opened.tags())
        finally:
            opened.close()
        name = place.name if place.parent == home else short_path(str(place))
        click.echo(
            f"{'*' if place == used else ' '} {one_line(name)}  "
            f"{plural(status.sources, 'source')}, {plural(status.chunks, 'passage')}, "
            f"{size(status.size_bytes)}"
        )
        for found in tags if place == used else ():
            day = datetime.fromtimestamp(found.created).strftime("%Y-%m-%d %H:%M")
            click.echo(f"    {one_line(found.name)}  {day}, {plural(found.sources, 'source')}")
    return exits.OK

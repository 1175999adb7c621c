"""`agent library move`: copy the library in use to its folder, a server, or a shared library."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.library import parts_for
from agent.cli.progress import Meter
from agent.cli.terminal import Console
from agent.cli.text import plural
from agent.errors import AgentError, UsageError

if TYPE_CHECKING:
    from agent.wiring import Parts
    from knowledge.move import Place

_EMBEDDED = "embedded"


@command(name="move")
@click.option(
    "--to", "target", required=True, metavar="URL|embedded",
    help="A Chroma server's address, or `embedded`: the library's own folder.",
)  # fmt: skip
@click.option(
    "--collection", default="", metavar="NAME", help="With a URL: a library that several share."
)
@click.option(
    "--replace", "force", is_flag=True, help="Put it in the place of another in the folder."
)
@click.option("--set", "store", is_flag=True, help="Change the settings, too, when it is done.")
def move(console: Console, target: str, collection: str, force: bool, store: bool) -> int:
    """Copy the library in use to another place, and compare the copy.

    Nothing is read or embedded anew. Stopped, it goes on where it was; the library answers from
    where it is until the settings say otherwise.
    """
    parts = parts_for(console)
    if not parts.library_holds_something:
        raise AgentError("The library is empty.", hint="agent add PATH")
    place = _place(parts, target, collection)
    changed = _changed(parts, place, collection)
    others = _others(parts) if changed else None
    if store and others is not None:
        raise UsageError(
            "--set would change settings that hold for every library, not for this one alone.",
            hint="Leave --set out: in the end it is said what to type.",
        )
    from knowledge.move import move as copy

    meter = Meter(console)
    try:
        with parts.open_library() as library:
            moved = asyncio.run(
                copy(library, parts.library_root, place, force=force, progress=meter)
            )
    finally:
        meter.close()
    what = f"{plural(moved.sources, 'source')}, {plural(moved.chunks, 'passage')}"
    if moved.was_there:
        console.note(f"It is there already: {what}.")
    else:
        console.note(f"Copied and compared: {what}.")
    if moved.note:
        console.note(moved.note)
    if others is not None:
        _say_others(console, others, target, collection)
    if store and changed and moved.from_cache:
        console.warn(
            "The settings are as they were: the copy is of this machine's cache, and may lack what"
            " others have added since. Once the server answers, run it again."
        )
    elif store:
        _set(console, parts, changed)
    if changed and (moved.from_cache or not store):
        able = others is None and not moved.from_cache
        hint = " (--set does it)" if able else ""
        console.note(f"To use it from now on{hint}:")
        for key, value in changed.items():
            console.note(
                f"  agent config set {key} {value}" if value else f"  agent config unset {key}"
            )
    return exits.OK


def _place(parts: Parts, target: str, collection: str) -> Place:
    from agent import libraries
    from agent.config import parse
    from knowledge.move import Place

    if target == _EMBEDDED:
        if collection:
            raise UsageError(
                "A library in its own folder has no collection.",
                hint="agent library move --to URL --collection NAME",
            )
        return Place()
    url = str(parse("chroma_url", target, "--to"))
    if not collection:
        return Place(url)
    config = replace(parts.config, chroma_url=url, chroma_collection=collection)
    name = libraries.collection(config, parts.library_root)
    if not name:
        raise UsageError(
            "A folder's own library is not shared: it belongs to its folder.",
            hint="agent --library NAME add PATH makes one that can be.",
        )
    return Place(url, name)


def _changed(parts: Parts, place: Place, name: str) -> dict[str, str]:
    """The settings that make the copy the library that is used, where they are others now."""
    wanted = {"chroma_url": place.url, "chroma_collection": name}
    return {key: v for key, v in wanted.items() if getattr(parts.config, key) != v}


def _others(parts: Parts) -> list[str] | None:
    """The other libraries that the settings hold for; None where they are this one's alone."""
    from agent.config import Config
    from knowledge.library import Library

    home, own = parts.paths.libraries, parts.library_root
    found = sorted(place.name for place in home.glob("*") if place != own and Library.exists(place))
    return found if found or own != home / Config().library else None


def _say_others(console: Console, others: list[str], target: str, collection: str) -> None:
    """Say that settings hold for every library, and how the others are moved."""
    console.note("The settings hold for every library: from then on all are looked for there.")
    if not others:
        return
    console.note("Move the others first, or they will seem to be empty:")
    where = f"--to {quote(target)}" + (f" --collection {quote(collection)}" if collection else "")
    for name in others:
        console.note(f"  agent --library {quote(name)} library move {where}")


def _set(console: Console, parts: Parts, changed: dict[str, str]) -> None:
    """Change the settings."""
    from agent.config_file import set_value, unset_value

    for key, value in changed.items():
        if value:
            set_value(parts.paths, key, value)
            console.note(f"{key} = {value}")
        else:
            unset_value(parts.paths, key)
            console.note(f"{key} is unset")
        if parts.config.origins.get(key) == "env":
            console.warn(f"AGENT_{key.upper()} is set in the environment and overrides the file")

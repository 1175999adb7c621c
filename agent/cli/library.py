"""`agent add`, `sync`, `sources`, `remove`: keep the library equal to its sources."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.progress import Meter, duration
from agent.cli.terminal import Console, one_line
from agent.cli.text import plural, short_path, size

if TYPE_CHECKING:
    from agent.wiring import Parts
    from knowledge.library import Library, Progress, SyncReport
    from knowledge.types import SourceInfo

    Work = Callable[[Library, Callable[[Progress], None]], Coroutine[Any, Any, SyncReport]]

_STRICT = click.option("--strict", is_flag=True, help="Exit 1 if a file could not be read.")


@command(name="add")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@_STRICT
@click.option("--watch", is_flag=True, help="Stay, and take in every change until Ctrl-C.")
def add(console: Console, paths: tuple[str, ...], strict: bool, watch: bool) -> int:
    """Add files and folders to the library.

    Folders are read with all that is in them, but for what their .gitignore leaves out. Adding
    again what has been added brings it up to date.
    """
    there = [path for path in paths if os.path.lexists(path)]
    missing = [path for path in paths if path not in there]
    for path in missing:
        if path.startswith(("http://", "https://")):
            console.error(
                f"{path}: Web pages cannot be added yet.", "Save the page, and add the file."
            )
        else:
            console.error(f"{path}: No such file or folder.")
    code = exits.FAILED if missing else exits.OK
    if there:
        absolute = [os.path.abspath(path) for path in there]
        code |= _run(console, lambda lib, show: lib.add(absolute, progress=show), strict=strict)
        if watch:
            _watch(console)
    return code


@command(name="sync")
@click.option("--rebuild", is_flag=True, help="Make the whole index anew, with today's embedder.")
@_STRICT
def sync(console: Console, rebuild: bool, strict: bool) -> int:
    """Make the library equal to the files and folders that were added.

    New files come in, changed ones are read again, and those that are gone leave.
    """
    if rebuild:
        return _run(console, lambda lib, show: lib.rebuild(progress=show), strict=strict)
    return _run(console, lambda lib, show: lib.sync(progress=show), strict=strict)


@command(name="sources")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def sources(console: Console, as_json: bool) -> int:
    """List what the library holds, and what of it could not be read."""
    parts = _parts(console)
    with parts.open_library() as library:
        found = asyncio.run(library.sources())
    if as_json:
        from dataclasses import asdict

        from agent.cli.json_text import dump

        click.echo(dump([asdict(info) for info in found]))
        return exits.OK
    if not found:
        console.note("The library is empty.")
        console.hint("agent add PATH")
        return exits.OK
    for info in found:
        click.echo(_source_line(info))
    failed = sum(info.state == "failed" for info in found)
    console.note(
        plural(len(found) - failed, "source")
        + f", {plural(sum(info.chunks for info in found), 'passage')}"
        + (f", {failed} not readable" if failed else "")
    )
    return exits.OK


@command(name="remove")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
def remove(console: Console, sources: tuple[str, ...]) -> int:
    """Take files or folders out of the library; the files themselves stay where they are."""
    parts = _parts(console)
    with parts.open_library() as library:
        gone = asyncio.run(library.remove(sources))
    if not console.quiet:
        click.echo(f"Removed {plural(len(gone), 'source')}.")
    for source in gone:
        console.trace(short_path(source))
    return exits.OK


def _parts(console: Console) -> Parts:
    from agent.wiring import Parts

    return Parts.from_env({"library": console.library}, notify=console.note)


def run_with_meter(console: Console, parts: Parts, work: Work) -> SyncReport:
    """Change the library, and show on stderr how far it is."""
    meter = Meter(console)

    async def do() -> SyncReport:
        with parts.open_library() as library:
            return await work(library, meter)

    try:
        return asyncio.run(do())
    except KeyboardInterrupt:
        meter.close()
        console.note("Stopped. The library answers as before; run it again to go on from here.")
        raise
    finally:
        meter.close()


def _watch(console: Console) -> None:
    """Sync at every change, and say what came of it, until it is interrupted."""
    console.note("Watching for changes; Ctrl-C ends it.")

    async def follow() -> None:
        with _parts(console).open_library() as library:
            async with aclosing(library.watch()) as reports:
                async for report in reports:
                    _tell(console, report)

    try:
        asyncio.run(follow())
    except KeyboardInterrupt:
        console.note("No longer watching.")


def _run(console: Console, work: Work, *, strict: bool) -> int:
    """Change the library, and say what came of it."""
    report = run_with_meter(console, _parts(console), work)
    _tell(console, report)
    return exits.FAILED if strict and report.failed else exits.OK


def _tell(console: Console, report: SyncReport) -> None:
    for problem in report.failed:
        console.warn(f"{short_path(problem.source)}: not read: {one_line(problem.reason)}")
    for problem in report.warned:
        console.warn(f"{short_path(problem.source)}: {one_line(problem.reason)}")
    if skipped := [f"{count:,} {reason}" for reason, count in report.skipped.items() if count]:
        console.note("left out: " + ", ".join(skipped))
    if report.note:
        console.note(report.note)
    if not console.quiet:
        click.echo(_summary(report))


def _summary(report: SyncReport) -> str:
    parts = [
        f"{count:,} {word}"
        for word, count in (
            ("added", report.added),
            ("changed", report.changed),
            ("moved", report.moved),
            ("removed", report.removed),
            ("unchanged", report.unchanged),
            ("not read", len(report.failed)),
        )
        if count
    ]
    counts = ", ".join(parts) or "nothing to do"
    passages = f"; {plural(report.chunks, 'new passage')}" if report.chunks else ""
    return f"{counts}{passages} ({duration(report.seconds)})"


def _source_line(info: SourceInfo) -> str:
    path = short_path(info.source)
    if info.state == "failed":
        return f"{path}  not read: {one_line(info.reason)}"
    facts = f"{info.kind}, {size(info.size)}, {plural(info.chunks, 'passage')}"
    return f"{path}  {facts}" + (f"  ({one_line(info.reason)})" if info.reason else "")

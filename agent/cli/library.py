"""`agent add`, `sync`, `sources`, `remove`: keep the library equal to its sources."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Container, Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.progress import Meter, duration
from agent.cli.suggest import nearest_source, why_not_added
from agent.cli.terminal import Console, one_line
from agent.cli.text import plural, short_path, size
from agent.errors import UsageError
from knowledge.errors import SourceNotFound
from knowledge.filters import is_url

if TYPE_CHECKING:
    from agent.wiring import Parts
    from knowledge.library import Library, Problem, Progress, SyncReport
    from knowledge.types import SourceInfo

    Work = Callable[[Library, Callable[[Progress], None]], Coroutine[Any, Any, SyncReport]]

_STRICT = click.option("--strict", is_flag=True, help="Exit 1 if a file could not be read.")
_ENGINE = click.option(
    "--engine", type=click.Choice(["ray"]), help="Read, split and embed on a Ray cluster."
)
_ADDRESS = click.option(
    "--address",
    metavar="HOST:PORT",
    default="",
    help="The cluster's, or auto; without it, one is started on this machine.",
)


@command(name="add")
@click.argument("paths", nargs=-1, required=True, metavar="PATH|URL…")
@_STRICT
@click.option("--watch", is_flag=True, help="Stay, and take in every change until Ctrl-C.")
@_ENGINE
@_ADDRESS
def add(
    console: Console,
    paths: tuple[str, ...],
    strict: bool,
    watch: bool,
    engine: str | None,
    address: str,
) -> int:
    """Add files, folders and web pages (by URL) to the library.

    Folders are read with all that is in them, but for what their .gitignore leaves out. Adding
    again what has been added brings it up to date.
    """
    work = _on(engine, address)
    no_name = "''"
    problems = {path: problem for path in paths if (problem := why_not_added(path))}
    for path, (message, hint) in problems.items():
        console.error(f"{path or no_name}: {message}", hint)
    code = exits.FAILED if problems else exits.OK
    if there := [path for path in paths if path not in problems]:
        absolute = [path if is_url(path) else os.path.abspath(path) for path in there]
        report = run_with_meter(
            console,
            parts_for(console),
            work(lambda lib, show: lib.add(absolute, progress=show)),
            create=True,
        )
        _tell(console, report)
        if _did_nothing(report) and not (report.unchanged or report.failed or report.skipped):
            console.note("There is no file in it to read.")
        code |= _code(report, strict=strict)
        if watch:
            _watch(console, report)
    return code


@command(name="sync")
@click.option("--rebuild", is_flag=True, help="Make the whole index anew, with today's embedder.")
@_STRICT
@_ENGINE
@_ADDRESS
def sync(console: Console, rebuild: bool, strict: bool, engine: str | None, address: str) -> int:
    """Make the library equal to the files and folders that were added.

    New files come in, changed ones are read again, and those that are gone leave.
    """
    work = _on(engine, address)
    parts = parts_for(console)
    if not parts.library_holds_something:
        return say_empty(console)
    report = run_with_meter(
        console,
        parts,
        work(lambda lib, show: lib.rebuild(progress=show) if rebuild else lib.sync(progress=show)),
    )
    _tell(console, report)
    return _code(report, strict=strict)


@command(name="sources")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def sources(console: Console, as_json: bool) -> int:
    """List what the library holds, and what of it could not be read."""
    parts = parts_for(console)
    with parts.open_library() as library:
        found = asyncio.run(library.sources())
        # To let go of a shared library may take long.
        if as_json:
            from dataclasses import asdict

            from agent.cli.json_text import dump

            click.echo(dump([asdict(info) for info in found]))
            return exits.OK
        if not found:
            return say_empty(console)
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
    parts = parts_for(console)
    with parts.open_library() as library:
        try:
            gone = asyncio.run(library.remove(sources))
        except SourceNotFound as error:
            held = (info.source for info in asyncio.run(library.sources()))
            if near := nearest_source(sources, held):
                error.hint = f"agent remove {near}"
            raise
    if not console.quiet:
        click.echo(f"Removed {plural(len(gone), 'source')}.")
    for source in gone:
        console.trace(short_path(source))
    return exits.OK


def parts_for(console: Console) -> Parts:
    """What works with the library that the command line names; opens nothing yet."""
    from agent.wiring import Parts

    return Parts.from_env({"library": console.library}, notify=console.note)


def say_empty(console: Console) -> int:
    """Say that nothing has been added, and how to; gives the exit code."""
    console.remark("The library is empty.")
    console.hint("agent add PATH")
    return exits.OK


def run_with_meter(
    console: Console, parts: Parts, work: Work, *, create: bool = False
) -> SyncReport:
    """Change the library, and show on stderr how far it is; made first if `create` says so."""
    meter = Meter(console)

    async def do() -> SyncReport:
        with parts.open_library(create=create) as library:
            return await work(library, meter)

    try:
        return asyncio.run(do())
    except KeyboardInterrupt:
        meter.close()
        console.note("Stopped. The library answers as before; run it again to go on from here.")
        raise
    finally:
        meter.close()


def _on(engine: str | None, address: str) -> Callable[[Work], Work]:
    """Has the work done by the engine of a name, or here."""
    if address and not engine:
        raise UsageError(
            "--address says where a cluster is, and no --engine is to use it.",
            hint=f"Add: --engine ray --address {address}",
        )
    if not engine:
        return lambda work: work

    def placed(work: Work) -> Work:
        from knowledge.on_ray.engine import RayEngine

        def do(
            library: Library, show: Callable[[Progress], None]
        ) -> Coroutine[Any, Any, SyncReport]:
            library.engine = RayEngine(address)
            return work(library, show)

        return do

    return placed


def _watch(console: Console, begun: SyncReport) -> None:
    """Sync at every change, and say what came of it, until it is interrupted.

    Args:
        console: Where to say it.
        begun: The sync before, whose problems have been told.
    """
    console.note("Watching for changes; Ctrl-C ends it.")

    async def follow() -> None:
        told = frozenset((*begun.failed, *begun.warned))
        with parts_for(console).open_library() as library:
            async with aclosing(library.watch()) as reports:
                async for report in reports:
                    problems = frozenset((*report.failed, *report.warned))
                    if not (_did_nothing(report) and problems <= told):
                        _tell(console, report, but=told)
                    told = problems
        console.note("There is nothing to watch: no file or folder was added, or none exists.")

    try:
        asyncio.run(follow())
    except KeyboardInterrupt:
        console.note("No longer watching.")


def _code(report: SyncReport, *, strict: bool) -> int:
    return exits.FAILED if strict and report.failed else exits.OK


def _did_nothing(report: SyncReport) -> bool:
    """Whether a sync changed nothing."""
    return not any((report.added, report.changed, report.moved, report.removed))


def _tell(console: Console, report: SyncReport, *, but: Container[Problem] | None = None) -> None:
    """Say what a sync did; of one that follows another, without what has been told."""
    for problem in report.failed:
        if but is None or problem not in but:
            console.warn(f"{short_path(problem.source)}: not read: {one_line(problem.reason)}")
    for problem in report.warned:
        if but is None or problem not in but:
            console.warn(f"{short_path(problem.source)}: {one_line(problem.reason)}")
    skipped = [f"{count:,} {reason}" for reason, count in report.skipped.items() if count]
    if skipped and but is None:
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

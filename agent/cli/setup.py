"""`agent setup`: fetch ahead of time what works offline afterwards, or carry it over in a file."""

from __future__ import annotations

import os
from pathlib import Path

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.terminal import Console
from agent.cli.text import short_path
from agent.errors import UsageError


@command(name="setup")
@click.option(
    "--pack",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what was fetched into FILE, for a machine without a network.",
)
@click.option(
    "--from",
    "--unpack",
    "archive",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Take it from a FILE that --pack wrote, instead of fetching it.",
)
def setup(console: Console, pack: Path | None, archive: Path | None) -> int:
    """Fetch the embedding model (83 MB, once), so that search by meaning works offline."""
    from agent.wiring import Parts
    from knowledge import weights

    if archive is not None and not archive.exists():
        raise UsageError(f"There is no file {archive}.", hint="agent setup --help")
    parts = Parts.from_env(notify=console.note)
    cache = parts.paths.cache
    if archive is not None:
        found = weights.unpack(archive, cache)
    else:
        found = weights.find(cache, notify=console.warn) or weights.fetch(
            cache, notify=console.note
        )
    if pack is not None:
        weights.pack(found, Path(os.path.abspath(pack)))
        console.note(
            f"Packed into {short_path(os.path.abspath(pack))}. "
            f"On the other machine: agent setup --from {pack.name}"
        )
    if parts.config.embedder == "minilm" and parts.embedder is not None:
        console.transient("preparing the model …")
        parts.embedder.load()
        console.clear()
    if not console.quiet:
        click.echo(f"Ready: {weights.MODEL}, from {short_path(str(found.model.parent))}")
    return exits.OK

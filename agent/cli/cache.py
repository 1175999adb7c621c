"""`agent cache`: what local weights have read of a library and keep, so as not to read it again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import click

from agent.cli import exits, filters
from agent.cli.group import Group, command
from agent.cli.terminal import Console, is_terminal, one_line
from agent.cli.text import plural, size
from agent.errors import UsageError

if TYPE_CHECKING:
    from agent.messages import Delta, Message, ToolSpec
    from agent.models.prefix_store import PrefixStore
    from agent.modes.base import Mode, Turn


@click.group(name="cache", cls=Group, invoke_without_command=True)
@click.pass_context
def cache(context: click.Context) -> int:
    """List, build and clear what local weights keep of a library; without a command, list it."""
    if context.invoked_subcommand is None:
        return _list(context.obj, as_json=False)
    return exits.OK


@command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_(console: Console, as_json: bool) -> int:
    """List the kept caches, the last used first."""
    return _list(console, as_json=as_json)


@command(name="build")
@click.option("--model", metavar="MODEL", help="Who reads: local:PATH, or embedded.")
@filters.options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def build(
    console: Console,
    model: str | None,
    source: tuple[str, ...],
    type_: tuple[str, ...],
    since: str | None,
    as_json: bool,
) -> int:
    """Read the library now, so that `agent ask --mode cag` answers at once."""
    import time

    from agent.models.wrapped import prepares
    from agent.modes.base import Turn
    from agent.wiring import Parts

    wanted = filters.build(source, type_, since)
    parts = Parts.from_env({"library": console.library, "model": model}, notify=console.note)
    reads = prepares(parts.model)
    if not reads:
        raise UsageError(
            f"{parts.config.model} is read to by its provider, which keeps its own cache.",
            hint="Name weights on this machine: agent cache build --model local:PATH",
        )
    began = time.monotonic()
    with parts.open_library() as library:
        mode = parts.modes()["cag"]
        turn = Turn(question="?", library=library, model=parts.model, filters=wanted)
        was_read = asyncio.run(_read(mode, turn, console.note))
    seconds = time.monotonic() - began
    if not was_read:
        raise UsageError("There is nothing to read.", hint="Add documents: agent add PATH")
    if as_json:
        from agent.cli.json_text import dump

        click.echo(dump({"model": parts.config.model, "seconds": round(seconds, 3)}))
    elif not console.quiet:
        click.echo(f"Ready: {parts.config.model} has read the library.")
    return exits.OK


@command(name="clear")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def clear(console: Console, yes: bool, as_json: bool) -> int:
    """Remove all kept caches; what is asked next is read again."""
    store = _store()
    found = store.all()
    if found and not yes:
        if console.no_input or not is_terminal(sys.stdin):
            raise UsageError(
                f"This removes {plural(len(found), 'cache')}.", hint="agent cache clear --yes"
            )
        if not click.confirm(f"Remove {plural(len(found), 'cache')}?", err=True):
            return exits.FAILED
    freed = store.clear()
    if as_json:
        from agent.cli.json_text import dump

        click.echo(dump({"removed": len(found), "bytes": freed}))
    elif not console.quiet:
        click.echo(f"Removed {plural(len(found), 'cache')}, {size(freed)}.")
    return exits.OK


for _command in (list_, build, clear):
    cache.add_command(_command)


def _store() -> PrefixStore:
    from agent.models.prefix_store import FOLDER, PrefixStore
    from agent.paths import Paths

    return PrefixStore(Paths.from_env().cache / FOLDER)


def _list(console: Console, *, as_json: bool) -> int:
    found = _store().all()
    if as_json:
        from agent.cli.json_text import dump

        rows = [
            {
                "model": saved.manifest.model,
                "corpus": saved.manifest.corpus,
                "tokens": saved.manifest.tokens,
                "bytes": saved.bytes,
                "used": saved.used,
            }
            for saved in found
        ]
        click.echo(dump(rows))
        return exits.OK
    for saved in found:
        used = datetime.fromtimestamp(saved.used).strftime("%Y-%m-%d %H:%M")
        tokens = f"{saved.manifest.tokens:,} tokens"
        click.echo(
            f"{used}  {tokens:>16}  {size(saved.bytes):>8}  {one_line(saved.manifest.model)}"
        )
        click.echo(f"    {one_line(saved.manifest.corpus)}")
    if not found:
        console.note("No cache is kept.")
        console.hint("agent cache build --model local:PATH")
    return exits.OK


async def _read(mode: Mode, turn: Turn, notify: Callable[[str], None]) -> bool:
    """Go through an ask up to where the answer would begin; False where there was none to give.

    So what is read is the mode's own prompt, to the byte.
    """
    from agent.budget import Budget
    from agent.events import Status
    from agent.models.metered import Metered
    from agent.models.wrapped import innermost

    class Silent(Metered):
        def stream(
            self,
            messages: Sequence[Message],
            *,
            tools: Sequence[ToolSpec] = (),
            max_tokens: int | None = None,
        ) -> AsyncGenerator[Delta, None]:
            raise _Read

    # The model itself: where it cannot read, none that stands in for it has read either.
    asked = replace(turn, model=Silent(innermost(turn.model), Budget()))
    try:
        async with aclosing(mode.answer(asked)) as events:
            async for event in events:
                if isinstance(event, Status):
                    notify(event.text)
    except _Read:
        return True
    finally:
        await turn.model.aclose()
    return False


class _Read(Exception):
    """All has been read, and nobody wants an answer."""

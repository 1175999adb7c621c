"""`agent search`: the passages that a question finds, without an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from agent.cli import exits, filters
from agent.cli.group import command
from agent.cli.library import say_empty
from agent.cli.terminal import Console, one_line
from agent.cli.text import heading
from agent.errors import UsageError
from knowledge.filters import matcher

if TYPE_CHECKING:
    from knowledge.types import Passage


@command(name="search")
@click.argument("query", nargs=-1, required=True, metavar="QUERY")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="At most so many passages.",
)
@filters.options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def search(
    console: Console,
    query: tuple[str, ...],
    limit: int,
    source: tuple[str, ...],
    type_: tuple[str, ...],
    since: str | None,
    as_json: bool,
) -> int:
    """Find the passages nearest to QUERY, with scores and places."""
    from agent.wiring import Parts

    wanted = filters.build(source, type_, since)
    parts = Parts.from_env({"library": console.library}, notify=console.note)
    text = " ".join(query).strip()
    if not text:
        raise UsageError("There is nothing to search for.", hint='agent search "your words"')
    with parts.open_library() as library:
        found = asyncio.run(library.search(text, limit=limit, filters=wanted))
        held = () if found.passages else asyncio.run(library.sources())
        # To let go of a shared library may take long.
        if found.note:
            console.note(found.note)
        if as_json:
            from agent.cli.json_text import dump

            passages = [{"n": n, **asdict(p)} for n, p in enumerate(found.passages, 1)]
            click.echo(dump({"query": text, "how": found.how, "passages": passages}))
        else:
            for n, passage in enumerate(found.passages, 1):
                click.echo("\n".join(_lines(n, passage)))
    if found.passages:
        return exits.OK
    _say_why(console, found.how, [info.source for info in held], source)
    return exits.NO_ANSWER


def _say_why(console: Console, how: str, held: Sequence[str], wanted: Iterable[str]) -> None:
    """Say why nothing was found."""
    unknown = [name for name in wanted if not any(map(matcher(name), held))]
    if not held:
        say_empty(console)
    elif how == "empty":
        console.remark("Nothing in the library could be read.")
        console.hint("agent sources")
    elif unknown:
        console.remark(f"Nothing found: the library holds no source {', '.join(unknown)}.")
        console.hint("agent sources")
    else:
        console.note("Nothing found.")


def _lines(n: int, passage: Passage) -> list[str]:
    scores = [f"{passage.score:.2f}"]
    if passage.dense is not None:
        scores.append(f"meaning {passage.dense:.2f}")
    if passage.lexical is not None:
        scores.append(f"words {passage.lexical:.1f}")
    text = one_line(passage.text)
    return [
        f"[{n}] {heading(passage.title, passage.place, passage.source)}  {', '.join(scores)}",
        f"    {text if len(text) <= 300 else text[:300].rsplit(' ', 1)[0] + ' …'}",
    ]

"""`agent search`: the passages that a question finds, without an answer."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from agent.cli import exits, filters
from agent.cli.group import command
from agent.cli.terminal import Console, one_line
from agent.cli.text import heading

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
    text = " ".join(query)
    with parts.open_library() as library:
        found = asyncio.run(library.search(text, limit=limit, filters=wanted))
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
    if found.how == "empty":
        console.note("The library is empty.")
        console.hint("agent add PATH")
    else:
        console.note("Nothing found.")
    return exits.NO_ANSWER


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

"""`agent sessions`: what was asked and answered before."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli import exits
from agent.cli.group import Group, command
from agent.cli.terminal import Console, clean, one_line, paint
from agent.cli.text import citation_lines, plural
from agent.whole_file import write_whole

if TYPE_CHECKING:
    from agent.summaries import Summary
    from agent.transcripts import SessionInfo, StoredTurn
    from agent.wiring import Parts


_LIMIT = click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=20,
    show_default=True,
    help="At most so many.",
)


@click.group(name="sessions", cls=Group, invoke_without_command=True)
@click.pass_context
def sessions(context: click.Context) -> int:
    """List, show, search, export and delete past sessions; without a command, list them.

    A session may be named by the beginning of its ID.
    """
    if context.invoked_subcommand is None:
        return _list(context.obj, limit=20, as_json=False)
    return exits.OK


@command(name="list")
@_LIMIT
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_(console: Console, limit: int, as_json: bool) -> int:
    """List sessions, the latest first."""
    return _list(console, limit=limit, as_json=as_json)


@command(name="show")
@click.argument("session", metavar="ID")
def show(console: Console, session: str) -> int:
    """Print a session's questions and answers, with their sources."""
    with _parts().open_transcripts() as transcripts:
        name = transcripts.find(session)
        turns, summaries = transcripts.turns(name), transcripts.summaries(name)
    for i, turn in enumerate(turns):
        if i:
            click.echo()
        _show_turn(turn)
        if summaries and summaries[-1].upto == turn.n:
            _show_summary(summaries[-1])
    return exits.OK


@command(name="search")
@click.argument("query", nargs=-1, required=True, metavar="QUERY")
@_LIMIT
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def search(console: Console, query: tuple[str, ...], limit: int, as_json: bool) -> int:
    """Find past questions and answers that hold all the words of QUERY."""
    with _parts().open_transcripts() as transcripts:
        hits = transcripts.search(" ".join(query), limit=limit)
    if as_json:
        from dataclasses import asdict

        from agent.cli.json_text import dump

        click.echo(dump([asdict(hit) for hit in hits]))
        return exits.OK if hits else exits.NO_ANSWER
    for hit in hits:
        click.echo(f"{hit.session}  {_when(hit.asked)}  {one_line(hit.question)}")
        click.echo(f"    {one_line(hit.excerpt)}")
    if not hits:
        console.note("Nothing found.")
        return exits.NO_ANSWER
    return exits.OK


@command(name="export")
@click.argument("session", metavar="ID")
@click.option(
    "--format", "form", type=click.Choice(["md", "json", "html"]), default="md", show_default=True
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to FILE instead of standard output.",
)
def export(console: Console, session: str, form: str, output: Path | None) -> int:
    """Print a session as Markdown, as an HTML page, or as JSON with every event."""
    from agent.transcript_export import to_html, to_json_text, to_markdown

    with _parts().open_transcripts() as transcripts:
        name = transcripts.find(session)
        write = {"md": to_markdown, "json": to_json_text, "html": to_html}[form]
        text = write(transcripts.info(name), transcripts.turns(name), transcripts.summaries(name))
    if output is None:
        click.echo(clean(text), nl=False)
        return exits.OK
    _write(output, text)
    console.note(f"Written to {output}")
    return exits.OK


@command(name="delete")
@click.argument("names", nargs=-1, required=True, metavar="ID…")
def delete(console: Console, names: tuple[str, ...]) -> int:
    """Delete sessions for good."""
    with _parts().open_transcripts() as transcripts:
        # All are looked up first, so that a misspelt one deletes none.
        found = list(dict.fromkeys(transcripts.find(name) for name in names))
        for session in found:
            transcripts.delete(session)
    if not console.quiet:
        click.echo(f"Deleted {plural(len(found), 'session')}.")
    return exits.OK


@command(name="rename")
@click.argument("session", metavar="ID")
@click.argument("title")
def rename(console: Console, session: str, title: str) -> int:
    """Give a session another title."""
    with _parts().open_transcripts() as transcripts:
        transcripts.rename(transcripts.find(session), title)
    return exits.OK


for _command in (list_, show, search, export, delete, rename):
    sessions.add_command(_command)


def _parts() -> Parts:
    from agent.wiring import Parts

    return Parts.from_env()


def _list(console: Console, *, limit: int, as_json: bool) -> int:
    with _parts().open_transcripts() as transcripts:
        found = transcripts.sessions(limit=limit)
    if as_json:
        from dataclasses import asdict

        from agent.cli.json_text import dump

        click.echo(dump([asdict(info) for info in found]))
        return exits.OK
    for info in found:
        click.echo(_line(info))
    if not found:
        console.note("There are no sessions yet.")
        console.hint('agent ask "your question"')
    return exits.OK


def _line(info: SessionInfo) -> str:
    turns = plural(info.turns, "question")
    return f"{info.id}  {_when(info.updated)}  {turns:>12}  {one_line(info.title)}"


def _write(file: Path, text: str) -> None:
    """Write a file all at once: a reader finds the old one or the new one."""
    if file.exists() and not file.is_file():  # a device or a pipe, which nothing may replace
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        return
    write_whole(file, text, errors="surrogatepass")


def _show_turn(turn: StoredTurn) -> None:
    from agent.events import Citation

    click.echo(paint(f"> {clean(turn.question)}", "bold", sys.stdout))
    if turn.context:
        click.echo(
            paint(f"  (with {plural(len(turn.context), 'character')} handed in)", "dim", sys.stdout)
        )
    click.echo()
    click.echo(clean(turn.answer) or "(no answer)")
    if turn.answer and turn.state in ("open", "interrupted"):
        click.echo(paint("(the answer was interrupted)", "dim", sys.stdout))
    citations = [event for event in turn.events if isinstance(event, Citation)]
    if citations:
        click.echo()
        for line in citation_lines(citations):
            click.echo(line)


def _show_summary(summary: Summary) -> None:
    told = "(of all up to here, the model is now told this:)"
    click.echo(f"\n{paint(told, 'dim', sys.stdout)}\n{clean(summary.text)}")


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M")

"""`agent research`: a question answered by a report whose every cited sentence can be checked."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli import budgets, exits, standard_input
from agent.cli.group import command
from agent.cli.research_options import offline_parts, options
from agent.cli.research_progress import Progress, on_ctrl_c
from agent.cli.research_runs import deleted, limited, listed
from agent.cli.terminal import Console, clean
from agent.errors import UsageError
from agent.wiring import Parts

if TYPE_CHECKING:
    from agent.budget import Limits
    from agent.research.journal import Journal
    from agent.research.types import Plan, Report
    from knowledge.library import Library, SyncReport
    from knowledge.library import Progress as LibraryProgress


@command(name="research")
@click.argument("question", nargs=-1, metavar="[QUESTION]")
@click.option("--model", metavar="MODEL", help="Who plans, notes and writes.")
@click.option("--offline", is_flag=True, help="Search the library only, and use no network.")
@click.option("--web/--no-web", default=None, help="Search the web, too, or the library only.")
@click.option("--breadth", type=click.IntRange(1, 12), help="Sub-questions at most [4].")
@click.option("--depth", type=click.IntRange(1, 10), help="Rounds of searching at most [2].")
@click.option(
    "--pages", type=click.IntRange(1, 20), help="Read for each sub-question and round [4]."
)
@click.option("--domains", metavar="A,B", help="Only web pages of these hosts.")
@click.option("--since", metavar="DATE", help="Only pages since then, e.g. 2026-01-31, 1y.")
@budgets.options
@click.option("-y", "--yes", is_flag=True, help="Go on without showing the plan for approval.")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="",
    metavar="[ID]",
    help="Go on with a run, by default the unfinished one touched last; with larger limits, with"
    " one that they ended.",
)
@click.option("--list", "list_runs", is_flag=True, help="List the runs; research nothing.")
@click.option("--delete", metavar="ID", help="Delete a run with all that it read.")
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the report to FILE.md, .html or .json.",
)
@click.option("--add-to-library", is_flag=True, help="Add the pages that were read.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def research(
    console: Console,
    question: tuple[str, ...],
    model: str | None,
    offline: bool,
    web: bool | None,
    breadth: int | None,
    depth: int | None,
    pages: int | None,
    domains: str | None,
    since: str | None,
    max_cost: float | None,
    max_tokens: int | None,
    max_steps: int | None,
    max_seconds: float | None,
    yes: bool,
    resume: str | None,
    list_runs: bool,
    delete: str | None,
    out: Path | None,
    add_to_library: bool,
    as_json: bool,
) -> int:
    """Research QUESTION in the library and on the web, and write a report with checked citations.

    The plan is shown first and may be changed. Ctrl-C ends the search and writes up what there
    is; pressed twice it leaves, and --resume goes on without repeating anything.

    Exit code: 0 a report, 1 failed, 2 wrong usage, 3 nothing was found, 130 interrupted.
    """
    limits = {
        "max_cost": max_cost,
        "max_tokens": max_tokens,
        "max_steps": max_steps,
        "max_seconds": max_seconds,
    }
    asked = {"library": console.library, "model": model, **limits}
    if delete is not None and (question or list_runs or resume is not None):
        raise UsageError("--delete stands alone.", hint="agent research --delete ID")
    if list_runs and (question or resume is not None):
        raise UsageError("--list stands alone.", hint="agent research --list")
    if offline and web:
        raise UsageError("--offline and --web exclude each other.")
    if out is not None:
        from agent.research.render import form_of

        form_of(out)
        if not out.absolute().parent.is_dir():
            raise UsageError(
                f"There is no folder {out.parent} to write the report to.",
                hint=f"mkdir -p {shlex.quote(str(out.parent))}",
            )
    parts = Parts.from_env(asked, notify=console.note)
    with parts.research.journals() as journals:
        if list_runs:
            return listed(console, journals.runs(), as_json=as_json)
        if delete is not None:
            return deleted(console, journals, delete)
        if resume is None:
            text = _question(console, " ".join(question))
            parts = offline_parts(parts, asked, console) if offline else parts
            given = options(parts, offline, web, breadth, depth, pages, domains, since)
            # A model that cannot be is told here, and begins no run.
            journal, more = journals.create(text, given, parts.model.name), None
        else:
            kept = (offline, web, breadth, depth, pages, domains, since)
            if question or any(kept) or web is False:
                raise UsageError(
                    "A run that is resumed keeps its question and its options.",
                    hint="agent research --resume [ID]  with limits, --out and --json only",
                )
            journal = journals.open(resume)
            asked["model"] = model or journal.model
            asked["library"] = console.library or journal.options.named or None
            parts = Parts.from_env(asked, notify=console.note)
            more = limited(journal, parts.research.limits, limits)
            if journal.options.offline and (more or journal.report is None):
                typed = f"--resume {journal.id}"
                parts = offline_parts(parts, asked, console, typed)
        # A finished run is shown again, and needs neither its model nor its library.
        if (report := journal.report) is None or more is not None:
            try:
                code, report = _researched(console, parts, journal, more, approve=not yes)
            finally:
                if journal.plan is None:  # nothing is done that could be gone on with
                    journals.delete(journal.id)
    if report is None:
        return code
    cited = any(sentence.notes for section in report.sections for sentence in section.sentences)
    code = exits.OK if cited else exits.NO_ANSWER
    _show(console, report, out, as_json=as_json)
    if add_to_library:
        code = _add(console, parts, report) or code
    return code


def _question(console: Console, typed: str) -> str:
    typed = typed.strip()
    if typed in ("", "-") and (typed == "-" or standard_input.piped()):
        typed = standard_input.read(console).strip()
    if not typed:
        raise UsageError("There is no question.", hint='agent research "your question"')
    return typed


def _researched(
    console: Console, parts: Parts, journal: Journal, more: Limits | None, *, approve: bool
) -> tuple[int, Report | None]:
    """Do it, with what there is to see on stderr; the exit code, and the report if there is one.

    Where its limits are to be others (`more`), the report that it has is given up for another.
    """
    from agent.cli.research_plan import approval
    from agent.research.plan import estimated
    from agent.research.types import Step

    def reckoned(plan: Plan) -> Plan:
        return estimated(plan, journal.options, parts.model)

    progress = Progress(console)
    decide = approval(console, reckoned) if approve else None

    async def work(library: Library) -> Report | None:
        report: Report | None = None
        model = parts.model
        # Not before: without its library and its model it could not be written anew.
        if more is not None:
            journal.limit(more)
        listening = False

        def over() -> bool:
            return report is not None

        # Around the closing of servers, too: interrupted, they would be left behind.
        with ExitStack() as after_plan:
            async with (
                aclosing(model),
                parts.research.opened(journal, library) as run,
                aclosing(run.run(decide)) as events,
            ):
                async for event in events:
                    if not isinstance(event, Step):
                        report = event
                        continue
                    progress.show(event, run.pages, run.used.tokens, run.cost)
                    if event.part is not None and not listening:
                        # Not before: at the prompt for the plan Ctrl-C leaves at once.
                        after_plan.enter_context(on_ctrl_c(run.stop, console, over=over))
                        listening = True
        return report

    try:
        with parts.open_library() as library:
            report = asyncio.run(work(library))
    except (KeyboardInterrupt, asyncio.CancelledError):
        progress.close()
        told = "Nothing was researched."
        if journal.plan is not None:
            told = f"What is done is kept: agent research --resume {journal.id}"
        console.remark(f"Stopped. {told}")
        return exits.INTERRUPTED, None
    except BaseException:
        progress.close()
        if journal.plan is not None:
            console.note(f"What is done is kept: agent research --resume {journal.id}")
        raise
    progress.close()
    if report is None:
        console.note("Nothing was researched.")
        return exits.OK, None
    return exits.OK, report


def _show(console: Console, report: Report, out: Path | None, *, as_json: bool) -> None:
    """The report on stdout, or in a file."""
    from agent.research.render import rendered, write

    if out is not None:
        write(report, out)
        console.note(f"Report {report.id} is in {out}.")
    if as_json:
        click.echo(rendered(report, "json"), nl=False)
    elif out is None:
        click.echo(clean(rendered(report, "markdown")), nl=False)
    if report.method.partial_reason:
        console.remark(f"The research is partial: {report.method.partial_reason}")


def _add(console: Console, parts: Parts, report: Report) -> int:
    """Add the web pages that were read to the library."""
    from agent.cli.library import run_with_meter

    urls = list(dict.fromkeys(s.final_url for s in report.sources if s.origin == "web"))
    if not urls:
        console.note("No web page was read, so there is none to add.")
        return exits.OK

    async def add(library: Library, show: Callable[[LibraryProgress], None]) -> SyncReport:
        return await library.add(urls, progress=show)

    done = run_with_meter(console, parts, add, create=True)
    for problem in done.failed:
        console.warn(f"{problem.source}: {problem.reason}")
    console.note(f"Added to the library: {done.added} of {len(urls)} pages.")
    return exits.FAILED if done.failed else exits.OK

"""Runs of research that there are: listed, deleted, and what they may use from now on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import click

from agent.cli import exits
from agent.cli.terminal import Console, one_line
from agent.errors import UsageError

if TYPE_CHECKING:
    from agent.budget import Limits
    from agent.research.journal import Journal, Journals, RunInfo


def listed(console: Console, runs: list[RunInfo], *, as_json: bool) -> int:
    """Print them, the last touched first; the exit code."""
    if as_json:
        from dataclasses import asdict

        from agent.cli.json_text import dump

        click.echo(dump([asdict(run) for run in runs]))
        return exits.OK
    from datetime import datetime

    for run in runs:
        day = datetime.fromtimestamp(run.updated).strftime("%Y-%m-%d %H:%M")
        click.echo(f"{run.id}  {run.state:<4}  {day}  {one_line(run.question)[:120]}")
    if not runs:
        console.note("There is no research yet.")
        console.hint('agent research "your question"')
    return exits.OK


def deleted(console: Console, journals: Journals, name: str) -> int:
    """Delete a run with all that it read; the exit code.

    Raises:
        UsageError: No run is named.
        RunNotFound: There is none of that name, or more than one.
        RunBusy: A process is at work on it.
    """
    if not name.strip():
        raise UsageError("No run is named.", hint="See them: agent research --list")
    journal = journals.open(name)
    question = one_line(journal.question)[:120]
    journals.delete(journal.id)
    console.note(f"Deleted research {journal.id}: {question}")
    return exits.OK


def limited(
    journal: Journal, now: Limits, typed: Mapping[str, float | int | None]
) -> Limits | None:
    """The limits that a run is to have from now on; None where none was typed.

    Args:
        journal: Of the run.
        now: With the typed ones in them.
        typed: By name, `max_tokens` and so on; None where not.

    Raises:
        UsageError: It has its report, and what was typed leaves room for nothing more.
    """
    from agent.research.spending import told

    kept, report = journal.options.limits, journal.report
    names = [field.name for field in fields(kept) if typed[f"max_{field.name}"] is not None]
    if not names:
        return None
    new = replace(kept, **{name: getattr(now, name) for name in names})
    show = f"See its report: agent research --resume {journal.id}"
    if report is not None and not report.method.partial_reason:
        raise UsageError(f"Research {journal.id} is complete: a limit changes nothing.", hint=show)
    before = [getattr(kept, name) for name in names]
    larger = [
        was is None or getattr(new, name) > was for name, was in zip(names, before, strict=True)
    ]
    if report is not None and not any(larger):
        raise UsageError(
            f"Research {journal.id} ended at a limit of {told(kept)}: give it a larger one.",
            hint=show,
        )
    return new

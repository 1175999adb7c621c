"""`agent doctor`: what works here, and how to mend what does not. The checks are in `checks`."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.terminal import Console, line, paint

_MARKS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}


@command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(console: Console, as_json: bool) -> int:
    """Check what works here, and say how to mend the rest.

    Exit code: 0 if what is configured can work, 1 if not.
    """
    from agent.cli import checks

    found = []
    for check in checks.run(console.library):
        found.append(check)
        if as_json:
            continue
        mark, colour = _MARKS[check.state]
        click.echo(f"{paint(mark, colour, sys.stdout)}  {check.name:<12} {line(check.detail)}")
        if check.mend:
            click.echo(f"{'':<19}-> {line(check.mend)}")
    works = all(check.state != "fail" for check in found)
    if as_json:
        from agent.cli.json_text import dump

        click.echo(dump({"ok": works, "checks": [asdict(check) for check in found]}))
    return exits.OK if works else exits.FAILED

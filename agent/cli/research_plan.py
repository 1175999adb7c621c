"""A plan shown to its user before the work: taken, changed in an editor, or refused."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from agent.cli.terminal import Console, is_terminal
from agent.errors import UsageError
from agent.plain_text import duration, money, plural

if TYPE_CHECKING:
    from agent.research.run import Approve
    from agent.research.types import Plan

_ABOUT = """\
# One sub-question a line, and under it, indented, what to search for.
# Change, add and strike out as you like; lines that begin with # are left out.
"""


def approval(console: Console) -> Approve | None:
    """Who is asked in this run; None where nobody can be: then the plan is taken as it is."""
    if console.no_input or not is_terminal(sys.stdin) or not is_terminal(sys.stderr):
        return None

    async def decide(plan: Plan) -> Plan | None:
        # Nothing else is under way: the loop may wait for the person.
        with _ctrl_c_leaves():
            return _asked(console, plan)

    return decide


def _asked(console: Console, plan: Plan) -> Plan | None:
    from agent.research.plan_text import as_text

    while True:
        for line in as_text(plan).splitlines():
            console.remark(line)
        console.remark(estimate(plan))
        console.remark("Go on? y = yes, e = edit the plan, n = no [y]")
        typed = sys.stdin.readline()
        letter = typed.strip().lower()[:1]
        if not typed or letter == "n":
            return None
        if letter in ("", "y"):
            return plan
        if letter == "e":
            plan = _edited(console, plan)


def estimate(plan: Plan) -> str:
    """What a plan may come to, in a line."""
    told = plan.estimate
    parts = [f"At most {plural(told.pages, 'page')}"]
    if told.tokens:
        parts.append(f"about {told.tokens:,} tokens")
    parts += [money(told.cost), f"about {duration(told.seconds)}"]
    return ", ".join(parts) + "."


def _edited(console: Console, plan: Plan) -> Plan:
    import click

    from agent.research.plan_text import as_text, from_text

    try:
        text = click.edit(_ABOUT + as_text(plan), extension=".txt")
        return plan if text is None else from_text(text, plan)
    except (UsageError, click.ClickException) as error:
        said = error.format_message() if isinstance(error, click.ClickException) else str(error)
        console.warn(said)
        return plan


@contextmanager
def _ctrl_c_leaves() -> Iterator[None]:
    """Ctrl-C at the prompt is an interruption at once, whatever the event loop does with it."""
    before = signal.getsignal(signal.SIGINT)
    with suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, before)

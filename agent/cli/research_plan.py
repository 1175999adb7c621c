"""A plan shown to its user before the work: taken, changed in an editor, or refused."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
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


def approval(console: Console, estimated: Callable[[Plan], Plan]) -> Approve | None:
    """Who is asked in this run; None where nobody can be: then the plan is taken as it is.

    Args:
        console: Where the plan is shown.
        estimated: Gives a plan that was changed the estimate that it has now.
    """
    if console.no_input or not is_terminal(sys.stdin) or not is_terminal(sys.stderr):
        return None

    async def decide(plan: Plan) -> Plan | None:
        # Nothing else is under way: the loop may wait for the person.
        with _ctrl_c_leaves():
            return _asked(console, plan, estimated)

    return decide


def _asked(console: Console, plan: Plan, estimated: Callable[[Plan], Plan]) -> Plan | None:
    from agent.research.plan_text import as_text, from_text

    draft = ""
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
        if letter == "e" and (draft := _edited(console, draft or _ABOUT + as_text(plan))):
            try:
                plan, draft = estimated(from_text(draft, plan)), ""
            except UsageError as error:
                console.warn(f"{error} The plan is as it was; e goes on with what you wrote.")


def estimate(plan: Plan) -> str:
    """What a plan may come to, in a line."""
    told = plan.estimate
    parts = [f"At most {plural(told.pages, 'page')}"]
    if told.tokens:
        parts.append(f"about {told.tokens:,} tokens")
    parts += [money(told.cost), f"about {duration(told.seconds)}"]
    return ", ".join(parts) + "."


def _edited(console: Console, text: str) -> str:
    """What a person makes of a text in their editor; empty where they leave it as it is."""
    import click

    try:
        return click.edit(text, extension=".txt") or ""
    except click.ClickException as error:
        console.warn(error.format_message())
    except UnicodeDecodeError:
        console.warn("What the editor wrote is not UTF-8, and cannot be read.")
    return ""


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

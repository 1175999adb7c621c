"""`agent ask`: one question, one answer with its sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent.cli import answering, budgets, filters, standard_input
from agent.cli.approval import terminal
from agent.cli.asking import answer
from agent.cli.compare import CompareJson, CompareLines, CompareText
from agent.cli.explain import explain
from agent.cli.group import command
from agent.cli.printer import JsonLinesPrinter, JsonPrinter, TextPrinter
from agent.cli.terminal import Console
from agent.errors import UsageError
from agent.wiring import MODES, Parts

if TYPE_CHECKING:
    from pathlib import Path

    from agent.cli.printer import Printer

_ALL = "all"
"""Asks every mode but the one that chooses, and shows their answers side by side."""


@command(name="ask")
@click.argument("question", nargs=-1, metavar="[QUESTION]")
@answering.options(*MODES, _ALL)
@budgets.options
@filters.options
@click.option("-c", "--continue", "resume", is_flag=True, help="Continue the last session.")
@click.option("--session", "session_id", metavar="ID", help="Continue this session.")
@click.option("--explain-cost", is_flag=True, help="Show what each mode would cost; ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--jsonl", "as_lines", is_flag=True, help="Print each event as a line of JSON.")
def ask(
    console: Console,
    question: tuple[str, ...],
    mode: str | None,
    model: str | None,
    persona: str | None,
    max_cost: float | None,
    max_tokens: int | None,
    max_steps: int | None,
    max_seconds: float | None,
    source: tuple[str, ...],
    type_: tuple[str, ...],
    since: str | None,
    mcp_config: Path | None,
    resume: bool,
    session_id: str | None,
    explain_cost: bool,
    as_json: bool,
    as_lines: bool,
) -> int:
    """Answer QUESTION from the library, with citations that are checked.

    Text on standard input is read with the question; without a question, it is the question.

    Exit code: 0 answered, 1 failed, 2 wrong usage, 3 the sources do not say, 130 interrupted.
    """
    if as_json and as_lines:
        raise UsageError("--json and --jsonl exclude each other.")
    compared = tuple(m for m in MODES if m != "auto") if mode == _ALL else ()
    printer = _printer(console, compared, as_json, as_lines)
    console.on_error = printer.failed
    if explain_cost and (as_lines or mode == _ALL):
        other = "--jsonl" if as_lines else "--mode all"
        raise UsageError(f"--explain-cost asks nothing: leave {other} out.")
    if resume and session_id:
        raise UsageError("--continue and --session exclude each other.")
    wanted = filters.build(source, type_, since)
    text, context = _question(console, " ".join(question))
    parts = Parts.from_env(
        {
            "library": console.library,
            "mode": None if mode == _ALL else mode,
            "model": model,
            "persona": persona,
            "max_cost": max_cost,
            "max_tokens": max_tokens,
            "max_steps": max_steps,
            "max_seconds": max_seconds,
        },
        notify=console.note,
        mcp_config=mcp_config,
    )
    with parts.open_session(resume=session_id, last=resume) as session:
        if explain_cost:
            return explain(console, parts, session, text, context, wanted, as_json=as_json)
        if isinstance(printer, JsonPrinter | CompareJson):
            printer.model, printer.session = parts.config.model, lambda: session.id
        if isinstance(printer, JsonPrinter):
            printer.mode = parts.config.mode
        if isinstance(printer, TextPrinter):
            printer.waits = parts.persona is not None
        return answer(
            session,
            printer,
            text,
            context=context,
            filters=wanted,
            modes=compared or (mode,),
            decide=terminal(console),
        )


def _printer(console: Console, compared: tuple[str, ...], as_json: bool, as_lines: bool) -> Printer:
    """Who shows the events: of one ask, or of several that are compared."""
    if as_json:
        return CompareJson(console, compared) if compared else JsonPrinter(console)
    if as_lines:
        return CompareLines(compared) if compared else JsonLinesPrinter()
    return CompareText(console, compared) if compared else TextPrinter(console)


def _question(console: Console, typed: str) -> tuple[str, str]:
    """The question and the text handed in with it."""
    typed = typed.strip()
    if typed and typed != "-":
        piped = standard_input.piped() and not console.no_input
        return typed, standard_input.read(console).strip() if piped else ""
    question = ""
    if typed == "-" or standard_input.piped():
        question = standard_input.read(console).strip()
    if not question:
        raise UsageError("There is no question.", hint='agent ask "your question"')
    return question, ""

"""`agent ask`: one question, one answer with its sources."""

from __future__ import annotations

import click

from agent.cli import filters, standard_input
from agent.cli.asking import answer
from agent.cli.group import command
from agent.cli.printer import JsonLinesPrinter, JsonPrinter, TextPrinter
from agent.cli.terminal import Console
from agent.errors import UsageError
from agent.wiring import MODES, Parts


@command(name="ask")
@click.argument("question", nargs=-1, metavar="[QUESTION]")
@click.option("--mode", type=click.Choice(MODES), help="How the answer is found.")
@click.option("--model", metavar="MODEL", help="Who answers: embedded, or any litellm name.")
@click.option("--max-tokens", type=click.IntRange(1), help="The longest answer, in tokens.")
@filters.options
@click.option("-c", "--continue", "resume", is_flag=True, help="Continue the last session.")
@click.option("--session", "session_id", metavar="ID", help="Continue this session.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--jsonl", "as_lines", is_flag=True, help="Print each event as a line of JSON.")
def ask(
    console: Console,
    question: tuple[str, ...],
    mode: str | None,
    model: str | None,
    max_tokens: int | None,
    source: tuple[str, ...],
    type_: tuple[str, ...],
    since: str | None,
    resume: bool,
    session_id: str | None,
    as_json: bool,
    as_lines: bool,
) -> int:
    """Answer QUESTION from the library, with citations that are checked.

    Text on standard input is read with the question; without a question, it is the question.

    Exit code: 0 answered, 1 failed, 2 wrong usage, 3 the sources do not say, 130 interrupted.
    """
    if as_json and as_lines:
        raise UsageError("--json and --jsonl exclude each other.")
    printer: JsonPrinter | JsonLinesPrinter | TextPrinter = TextPrinter(console)
    if as_json or as_lines:
        printer = JsonPrinter(console) if as_json else JsonLinesPrinter()
    console.on_error = printer.failed
    if resume and session_id:
        raise UsageError("--continue and --session exclude each other.")
    wanted = filters.build(source, type_, since)
    text, context = _question(console, " ".join(question))
    parts = Parts.from_env(
        {"library": console.library, "mode": mode, "model": model, "max_tokens": max_tokens},
        notify=console.note,
    )
    with parts.open_session(resume=session_id, last=resume) as session:
        if isinstance(printer, JsonPrinter):
            printer.mode, printer.model = parts.config.mode, parts.config.model
            printer.session = lambda: session.id
        return answer(session, printer, text, context=context, filters=wanted)


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

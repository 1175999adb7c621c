"""`agent demo`: the program answers questions about itself, from its own handbook.

It works in a throw-away library, on the same path as `agent ask`; nothing of the user's is read
or changed but the cache, where the embedding model is kept.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.terminal import Console, paint

if TYPE_CHECKING:
    from agent.wiring import Parts

QUESTIONS = Path(__file__).with_name("demo.toml")


@dataclass(frozen=True, slots=True)
class Question:
    """One line of the demo's data file."""

    text: str
    answerable: bool
    """Whether the handbook answers it."""


def questions() -> tuple[Question, ...]:
    """What is asked, in order."""
    data = tomllib.loads(QUESTIONS.read_text(encoding="utf-8"))
    return tuple(Question(q["text"], q["answerable"]) for q in data["questions"])


@command(name="demo")
@click.option("--model", metavar="MODEL", help="Who answers; without it the embedded reader does.")
def demo(console: Console, model: str | None) -> int:
    """Index the handbook into a throw-away library and answer three questions from it."""
    from agent import handbook
    from agent.errors import AgentError
    from agent.wiring import Parts

    folder = handbook.folder()
    if folder is None:
        raise AgentError(
            "The handbook is not installed with the program.",
            hint="pip install --force-reinstall --no-deps .  (in the project's folder)",
        )
    yours = Parts.from_env(
        {"model": model or "embedded", "library": "demo", "mode": "naive", "persona": "none"}
    )
    with TemporaryDirectory(prefix="understudy-demo-", ignore_cleanup_errors=True) as place:
        root = Path(place)
        paths = replace(yours.paths, data=root / "data", state=root / "state")
        parts = Parts(paths, yours.config, notify=console.note)
        try:
            code = _index(console, parts, folder)
            return code or _ask_all(console, parts)
        except KeyboardInterrupt:
            return exits.INTERRUPTED


def _index(console: Console, parts: Parts, folder: Path) -> int:
    from agent.cli.library import run_with_meter
    from agent.cli.text import plural, short_path

    report = run_with_meter(
        console,
        parts,
        lambda library, show: library.add([str(folder)], progress=show),
        create=True,
    )
    if report.note:
        console.note(report.note)
    if not report.added:
        console.error(f"The handbook in {folder} holds nothing that can be read.")
        return exits.FAILED
    click.echo(
        f"Read the handbook ({short_path(str(folder))}): {plural(report.added, 'page')}, "
        f"{plural(report.chunks, 'passage')}, {report.seconds:.1f} s."
    )
    return exits.OK


def _ask_all(console: Console, parts: Parts) -> int:
    import sys

    from agent.cli.asking import answer
    from agent.cli.printer import TextPrinter

    for question in questions():
        click.echo(f"\n{paint('> ' + question.text, 'bold', sys.stdout)}\n")
        printer = TextPrinter(console, summary_to_answer=True)
        with parts.open_session() as session:
            code = answer(session, printer, question.text)
        if code in (exits.FAILED, exits.INTERRUPTED):
            return code
    click.echo(
        "\nNow with your own documents:\n"
        "  agent add PATH\n"
        '  agent ask "your question"\n'
        "  agent doctor      what works here, and how to mend the rest"
    )
    return exits.OK

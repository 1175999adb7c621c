"""Commands about the library, and the demo that needs none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import UsageError
from agent.tui.commands import Command, Completion
from agent.tui.question import Question
from agent.tui.references import files, place

if TYPE_CHECKING:
    from agent.tui.actions.stage import Stage
    from knowledge.report import Progress


def commands(stage: Stage) -> list[Command]:
    """Those of this subject."""

    async def sources(rest: str) -> None:
        await browse(stage)

    async def add(rest: str) -> None:
        await browse(stage, add=unquoted(rest))

    async def sync(rest: str) -> None:
        await browse(stage, sync=True)

    async def demo(rest: str) -> None:
        await enter_demo(stage)

    return [
        Command("sources", "The library: what is in it, add, sync, remove", sources),
        Command(
            "add", "Add a file, a folder or a web page", add, "PATH|URL",
            paths,
        ),
        Command("sync", "Make the library equal to its files again", sync),
        Command("demo", "Ask the handbook, in a throw-away library; /new leaves it", demo),
    ]  # fmt: skip


async def browse(stage: Stage, *, add: str = "", sync: bool = False) -> None:
    """Show the library, and begin with something to do."""
    from agent.tui.screens.library import LibraryScreen

    try:
        await stage.show(LibraryScreen(stage.talk.library, add=add, sync=sync))
    finally:
        stage.talk.sources.forget()


async def enter_demo(stage: Stage) -> None:
    """Index the handbook, and offer questions to ask it."""
    if stage.busy:
        raise UsageError("An answer is being given.", hint="Esc stops it.")
    stage.tell("Reading the handbook …")

    def progress(done: Progress) -> None:
        """Nothing: it takes a few seconds."""

    await stage.talk.enter_demo(progress)
    await stage.go_on()
    samples = "\n".join(f"  {question}" for question in stage.talk.host.samples)
    stage.notice(
        "This is the demo: a throw-away library that holds the handbook. /new leaves it.\n"
        f"Ask it, for example:\n{samples}"
    )
    if stage.talk.host.samples:
        stage.put(Question(stage.talk.host.samples[0]))


def paths(typed: str) -> list[Completion]:
    """Paths that a typed one may go on to; itself first where it is one, so that Enter takes it."""
    if not typed:  # the palette asks so, and a folder's files are no commands
        return []
    found = files(Path(), typed)
    try:
        whole = place(Path(), typed).exists()
    except (OSError, ValueError):  # too long, or no path at all
        whole = False
    if not whole:
        return found
    return [Completion(typed, "add this"), *(each for each in found if each.text != typed)]


def unquoted(text: str) -> str:
    """A path as typed or dropped on a terminal: without its quotes."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text

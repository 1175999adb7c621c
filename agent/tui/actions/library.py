"""Commands about the library, and the demo that needs none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import UsageError
from agent.tui.commands import Command
from agent.tui.question import Question

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
        Command("add", "Add a file, a folder or a web page", add, "PATH|URL"),
        Command("sync", "Make the library equal to its files again", sync),
        Command("demo", "Ask the handbook, in a throw-away library; /new leaves it", demo),
    ]


async def browse(stage: Stage, *, add: str = "", sync: bool = False) -> None:
    """Show the library, and begin with something to do."""
    from agent.tui.screens.library import LibraryScreen

    await stage.show(LibraryScreen(stage.talk.library, add=add, sync=sync))


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


def unquoted(text: str) -> str:
    """A path as typed or dropped on a terminal: without its quotes."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text

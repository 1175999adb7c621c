"""The command `/research`: a question answered by a report whose citations can be checked."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from agent.errors import UsageError
from agent.plain_text import one_line
from agent.tui.commands import Command, Completion
from agent.tui.opening import open_file

if TYPE_CHECKING:
    from agent.tui.actions.stage import Stage
    from agent.tui.runs import Run, Runs

_RESUME = "--resume"
_NO_WEB = "--no-web"


def commands(stage: Stage) -> list[Command]:
    """Those of this subject."""

    def runs() -> Runs:
        return stage.talk.host.research(stage.talk.library)

    async def research(rest: str) -> None:
        if stage.busy:
            raise UsageError("An answer is being given.", hint="Esc stops it.")
        await browse(stage, wanted(runs(), rest))

    def complete(typed: str) -> list[Completion]:
        if not typed.startswith("-"):
            return []
        found = [
            Completion(_RESUME, "go on with the run touched last"),
            Completion(_NO_WEB, "search the library only"),
        ]
        if typed.startswith(_RESUME):
            found[1:] = [
                Completion(f"{_RESUME} {run.id}", one_line(run.question)[:80])
                for run in runs().unfinished()
            ]
        return [each for each in found if each.text.startswith(typed)]

    return [
        Command(
            "research",
            "Search, read and write a report with checked citations",
            research,
            f"QUESTION|{_RESUME} [ID]",
            complete,
        )
    ]


def wanted(runs: Runs, rest: str) -> AbstractAsyncContextManager[Run]:
    """The run that is meant by what was typed after the command's name.

    Raises:
        UsageError: There is no question, or an option that is not known.
    """
    option, _, more = rest.partition(" ")
    if option == _RESUME:
        return runs.resumed(more.strip())
    web = option != _NO_WEB
    question = rest if web else more.strip()
    if question.startswith("--"):
        raise UsageError(
            f"/research does not know {one_line(question.split()[0])}.",
            hint=f"{_RESUME} and {_NO_WEB} it does; all others are for agent research.",
        )
    if not question:
        raise UsageError("There is no question.", hint="/research your question")
    return runs.begun(question, web=web)


async def browse(stage: Stage, opening: AbstractAsyncContextManager[Run]) -> None:
    """Show a run until it is left, and say what became of it."""
    from agent.tui.screens.report import ReportActions, ReportScreen
    from agent.tui.screens.research import ResearchScreen

    async with opening as run:
        left = await stage.show(ResearchScreen(run))
        if left is None or isinstance(left, str):
            stage.notice(left or "Nothing was researched.")
            return
        report = left
        actions = ReportActions(
            read=lambda citation: run.document(report, citation),
            export=lambda file: run.export(report, file),
            open_file=open_file,
        )
        await stage.show(ReportScreen(report, await run.citations(report), actions))
    question = one_line(report.question)[:200]
    stage.notice(
        f"Research {report.id}: {question}\nThe report is kept: /research --resume {report.id}"
    )

"""The runs of research that this server is at work on: begun, watched, ended. One at a time.

What they do, and what they have done before, stands in the journal; a run that ends with this
process is gone on with when the same is asked for again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from mcp.server.mcpserver.exceptions import ToolError

from agent.errors import AgentError
from knowledge.errors import KnowledgeError
from mcp_servers.results import in_words

if TYPE_CHECKING:
    from agent.research.base import Options
    from agent.research.journal import Journal, Journals
    from agent.research.run import Research
    from agent.research.types import Step

State = Literal["running", "done", "stopped", "failed"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """What the server works with."""

    journals: Callable[[], Journals]
    """All runs; opened at the first call, and closed by whoever made it."""
    open: Callable[[Journal], AbstractAsyncContextManager[Research]]
    """A run with all that it needs."""
    options: Callable[[str], Options]
    """Where to look (`web`, `library`, `both`, or empty for wherever there is something) to the
    options of a new run; its `AgentError` says why it cannot be looked there."""
    model: str
    """The name of who is asked."""


class Run:
    """A run that this process is at work on, or was."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.state: State = "running"
        self.why = ""
        """Of a failure, as a sentence."""
        self.step: Step | None = None
        """The last one."""
        self.warnings: list[str] = []
        self.research: Research | None = None
        """From when its services are open until they are closed."""
        self.task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def tell(self, step: Step) -> None:
        """Take in a step."""
        self.step = step
        if step.kind == "warning":
            self.warnings.append(step.text)
        self._wake()

    def end(self, state: State, why: str = "") -> None:
        """It has come to its end."""
        self.state, self.why = state, why
        self._wake()

    async def change(self, seconds: float) -> None:
        """Wait until something has happened, and no longer than that."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Runs:
    """All of this process."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._runs: dict[str, Run] = {}

    def begin(self, question: str, options: Options, *, fresh: bool) -> Run:
        """A run of that question, on its way.

        One that was begun before is gone on with, or is the answer, unless a fresh one is wanted.

        Raises:
            ToolError: Another run is on its way.
            JournalError: The journal cannot be used.
        """
        known = None if fresh else self._known(question, options)
        if known is not None and known.id in self._runs:
            run = self._runs[known.id]
            if run.state in ("running", "done"):
                return self._last(run)
        for other in self._runs.values():
            if other.state == "running":
                raise ToolError(
                    f"Research {other.journal.id} is still running, and there is one at a time:"
                    " wait for it with status, or end it with cancel."
                )
        journals = self.services.journals()
        run = Run(known or journals.create(question, options, self.services.model))
        run.task = asyncio.create_task(self._work(run))
        return self._last(run)

    def find(self, name: str) -> Run | None:
        """The run of that name, or its beginning, if this process has it; by default the last."""
        name = name.strip().lower()
        found = [run for id, run in self._runs.items() if id.startswith(name)]
        return found[-1] if found and (len(found) == 1 or not name) else None

    async def cancel(self, run: Run) -> None:
        """End a run at once; what it has done is kept."""
        if run.task is not None and not run.task.done():
            run.task.cancel()
            await asyncio.wait([run.task])

    async def close(self) -> None:
        """End all of them."""
        for run in self._runs.values():
            await self.cancel(run)

    def _last(self, run: Run) -> Run:
        """The run, which is the last that was asked for from now on."""
        self._runs.pop(run.journal.id, None)
        self._runs[run.journal.id] = run
        return run

    def _known(self, question: str, options: Options) -> Journal | None:
        """The journal of a run of the same; a finished one only where this process has run it."""
        from agent.research.journal import storable

        journals, question = self.services.journals(), storable(question)
        for info in journals.runs():
            if (info.question, info.model) != (question, self.services.model):
                continue
            if not (info.state == "open" or info.id in self._runs):
                continue
            journal = journals.open(info.id)
            if replace(journal.options, limits=options.limits) == options:
                return journal
        return None

    async def _work(self, run: Run) -> None:
        from agent.research.types import Step

        try:
            async with (
                self.services.open(run.journal) as run.research,
                aclosing(run.research.run()) as steps,
            ):
                async for step in steps:
                    if isinstance(step, Step):
                        run.tell(step)
            run.end("done")
        except asyncio.CancelledError:
            run.end("stopped")
            raise
        except (AgentError, KnowledgeError) as error:
            run.end("failed", in_words(str(error), error.hint))
        except Exception as error:
            logger.exception("research %s failed", run.journal.id)
            run.end("failed", f"{type(error).__name__}: {error}. This is a bug.")
        finally:
            run.research = None

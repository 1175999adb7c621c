"""What our research server works with, made from the parts of the program.

Parts of its own: a run closes its model when it ends, which nobody else may be asking then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, aclosing, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from agent.errors import UsageError

if TYPE_CHECKING:
    from agent.research.base import Options
    from agent.research.journal import Journal, Journals
    from agent.research.run import Research
    from agent.wiring import Parts
    from mcp_servers.research_runs import Runs


class HeldResearch:
    """The runs of the server, and the journal of all runs, from when it is first needed."""

    def __init__(self, make: Callable[[], Parts], model: str) -> None:
        """Take what makes the parts, and the name of their model; makes nothing yet."""
        self._make = make
        self._model = model
        self._stack = ExitStack()

    @cached_property
    def _parts(self) -> Parts:
        return self._make()

    @cached_property
    def runs(self) -> Runs:
        """Of this process."""
        from mcp_servers.research_runs import Runs, Services

        return Runs(Services(lambda: self._journals, self._open, self._options, self._model))

    @cached_property
    def _journals(self) -> Journals:
        return self._stack.enter_context(self._parts.research.journals())

    @asynccontextmanager
    async def _open(self, journal: Journal) -> AsyncIterator[Research]:
        with ExitStack() as stack:
            opening = self._parts.open_library()
            library = await asyncio.to_thread(stack.enter_context, opening)
            async with (
                aclosing(self._parts.model),
                self._parts.research.opened(journal, library) as research,
            ):
                yield research

    def _options(self, where: str) -> Options:
        """Where to look, and the limits that every run has.

        Raises:
            UsageError: There is nothing there.
        """
        from agent.research.base import Options

        library, web = self._parts.library_holds_something, self._parts.research.can_search_web
        if where in ("library", "both") and not library:
            raise UsageError("The library is empty.", hint="Its user adds to it: agent add PATH")
        if where in ("web", "both") and not web:
            raise UsageError(
                "No search engine is named.",
                hint="The user names one: agent config set searxng_url URL",
            )
        if not library and not web:
            raise UsageError(
                "There is nothing to search: the library is empty, and no search engine is named.",
                hint="The user adds to it (agent add PATH) or names one:"
                " agent config set searxng_url URL",
            )
        return Options(
            web=web and where != "library",
            library=library and where != "web",
            named=self._parts.config.library,
            limits=self._parts.research.limits,
        )

    async def close(self) -> None:
        """End the runs, whose work is kept, and let go of the journal."""
        if "runs" in vars(self):
            await self.runs.close()
        self._stack.close()

"""What the MCP servers on `agent serve`'s port work with: one user's libraries, asks and rights.

The knowledge server is everybody's, over what they may read. The web and research are the owner's:
they reach out from the server, with the owner's keys, into files that are the program's own.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from agent.cli.mcp_research import HeldResearch
    from agent.events import Event
    from agent.server.admission import Admission
    from agent.server.hosting import Hosting
    from agent.server.users import User
    from knowledge.library import Filters, Library, Progress, SyncReport
    from mcp_servers import knowledge, web
    from mcp_servers.serving import Server


class Asking:
    """A user's rights and limits, over one library, as the servers' services."""

    def __init__(self, hosting: Hosting, admission: Admission, user: User, library: str) -> None:
        """For one user; opens nothing.

        Args:
            hosting: What is shared.
            admission: Each ask of a model, and each change of a library, is one of its asks.
            user: Who calls.
            library: By name.
        """
        self._hosting = hosting
        self._admission = admission
        self._user = user
        self._name = library

    def for_knowledge(self) -> knowledge.Services:
        """What the knowledge server works with."""
        from agent.wiring import MODES
        from mcp_servers import knowledge

        add = self.add if self._user.may_write(self._name) else None
        return knowledge.Services(
            library=self.library, ask=self.ask, modes=MODES, add=add,
            searching=lambda: self._admission.search(self._user), paths=self._user.is_owner,
        )  # fmt: skip

    def for_web(self) -> web.Services:
        """What the web server works with."""
        from agent.cli.mcp_services import web_tools
        from mcp_servers import web

        parts = self._hosting.parts
        return web.Services(
            web_tools(parts),
            # The embedded one quotes passages, and takes no orders.
            ask_model=None if parts.config.model == "embedded" else self.say,
            add=self.add if self._user.may_write(self._name) else None,
        )

    async def library(self) -> Library:
        """The library as the user sees it; whether it may still be read is asked each time.

        Raises:
            Refused: It may not, or cannot be opened; who is not the owner is not told why.
        """
        from agent.server.causes import told
        from agent.server.seen import Answering

        if self._user.is_owner:
            return await self._hosting.library(self._user, self._name)
        with told():
            return Answering(await self._hosting.library(self._user, self._name))

    async def ask(
        self, question: str, mode: str, filters: Filters | None
    ) -> AsyncGenerator[Event, None]:
        """Ask in a session of its own, which is not kept: the client keeps its history.

        Raises:
            Refused: It is not let through, or could not be begun; who is not the owner is not told
                why.
        """
        from agent.server.causes import told

        with nullcontext() if self._user.is_owner else told():
            async with aclosing(self._asked(question, mode, filters)) as events:
                async for event in events:
                    yield event

    async def _asked(
        self, question: str, mode: str, filters: Filters | None
    ) -> AsyncGenerator[Event, None]:
        """The same; errors are as they were raised."""
        from agent.events import Done, Failed, Status
        from agent.server.causes import as_told, ended_for, log_cause, step_for
        from agent.server.seen import seen_by

        user = self._user
        library = seen_by(user, await self._hosting.library(user, self._name))
        async with self._admission.admit(user) as ticket:
            # Making a session may read a persona's files.
            session = await asyncio.to_thread(
                lambda: self._hosting.session(ticket.user, library, mode=mode)
            )
            ticket.counted_by(lambda: session.budget)
            async with aclosing(session.ask(question, filters=filters)) as events:
                async for event in events:
                    ticket.started(session.stop)
                    ticket.heard(event)
                    told: Event | None = event
                    if isinstance(event, Failed) and not user.is_owner:
                        log_cause(f"{event.message} {event.hint}".strip())
                        told = as_told(event)
                    elif isinstance(event, Done):
                        told = ended_for(user, event)
                    elif isinstance(event, Status):
                        told = step_for(user, event)
                    if told is not None:
                        yield told

    async def add(self, source: str, progress: Callable[[Progress], None]) -> SyncReport:
        """Add to the library: a URL; for the owner a path of the server's, too."""
        from agent.server.api_sources import may_add_path
        from agent.server.causes import told
        from agent.server.seen import report_for
        from knowledge.filters import is_url

        user = self._user
        if not is_url(source):
            may_add_path(user, source)
        with nullcontext() if user.is_owner else told():
            library = await self._hosting.library(user, self._name)
            turn = self._admission.turn(user, str(library.root))
            async with turn, self._admission.admit(user, heavy=True):
                return report_for(user, await library.add([source], progress=progress))

    async def say(self, prompt: str) -> str:
        """The model's reply to a prompt, within what one ask of the user may use."""
        from agent.budget import Budget
        from agent.events import Usage
        from agent.messages import Message, ModelUsage, TextDelta
        from agent.models.metered import Metered
        from agent.server.hosting import stricter

        async with self._admission.admit(self._user) as ticket:
            limits = stricter(self._hosting.parts.limits, ticket.user.limits)
            budget = Budget(limits)
            ticket.started(budget.stop)
            ticket.counted_by(lambda: budget)
            model = Metered(self._hosting.model, budget)
            text = ""
            async with aclosing(model.stream([Message("user", prompt)])) as deltas:
                async for delta in deltas:
                    if isinstance(delta, TextDelta):
                        ticket.first_token()
                        text += delta.text
                    elif isinstance(delta, ModelUsage):
                        used = delta.input_tokens, delta.output_tokens, delta.cached_tokens
                        ticket.used(Usage(*used, cost=delta.cost))
            ticket.ended("ungrounded")
            return text


def build(name: str, asking: Asking, research: HeldResearch | None) -> Server:
    """A server.

    Args:
        name: `knowledge`, `web`, `research` or `all`.
        asking: What it works with.
        research: The runs; None for who has neither the web nor research.
    """
    from agent import __version__
    from mcp_servers import knowledge

    lent: dict[str, Server] = {}
    if research is not None and name in ("web", "all"):
        from mcp_servers import web

        lent["web"] = web.build(asking.for_web(), version=__version__)
    if research is not None and name in ("research", "all"):
        from mcp_servers import research as researching

        lent["research"] = researching.build(research.runs, version=__version__)
    if name in lent:
        return lent[name]
    return knowledge.build(asking.for_knowledge(), version=__version__, lent=lent)

"""The session that is open in the chat, and how another one takes its place. Shows nothing.

Opening blocks (databases, settings, scripts), so it is done in a thread. What an ask gives is
passed on as it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from agent.errors import AgentError, UsageError
from agent.tui.known import KnownSources
from knowledge.errors import KnowledgeError
from knowledge.filters import Filters

if TYPE_CHECKING:
    from agent.approvals import Decide
    from agent.events import Event
    from agent.session import Session
    from agent.transcripts import StoredTurn
    from agent.tui.host import Host
    from agent.tui.question import Question
    from knowledge.library import Library
    from knowledge.report import Progress


class Conversation:
    """One open session at a time, over a host that the demo may take the place of."""

    def __init__(self, host: Host, *, decide: Decide) -> None:
        """Open nothing yet.

        Args:
            host: The agent.
            decide: Asks the user where a tool needs that.
        """
        self.host = host
        self.mode = ""
        """The mode chosen in the chat; empty for the setting's."""
        self.sources = KnownSources(lambda: self._session.library if self._session else None)
        """What `@` offers of the library."""
        self._own = host
        self._decide = decide
        self._session: Session | None = None
        self._stack = ExitStack()
        self._demo = ExitStack()
        self._opening = False
        self._asks = 0
        """How many are running."""

    @property
    def session(self) -> Session:
        """The one that is open.

        Raises:
            UsageError: None is.
        """
        if self._session is None:
            raise UsageError(
                "The library is not open.", hint="Mend what was said at the start, then: /new"
            )
        return self._session

    @property
    def ready(self) -> bool:
        """Whether a question can be asked."""
        return self._session is not None and not self._opening

    @property
    def id(self) -> str | None:
        """The session's name in the store, where it has one yet."""
        return self._session.id if self._session is not None else None

    @property
    def library(self) -> Library:
        """The library that is asked.

        Raises:
            UsageError: None is open.
        """
        return self.session.library

    @property
    def in_demo(self) -> bool:
        """Whether the library is the throw-away one of the demo."""
        return self.host is not self._own

    async def open(self, resume: str | None = None, *, last: bool = False) -> None:
        """Open a session in place of the one that is open; if it cannot be, that one stays.

        Raises:
            AgentError: It cannot be opened, or an answer is being given.
            KnowledgeError: Its library cannot.
        """
        if self._opening:
            raise UsageError("The library is being opened.", hint="Try again in a moment.")
        if self._asks:
            raise UsageError("An answer is being given.", hint="Esc stops it.")
        stack = ExitStack()

        def enter() -> Session:
            return stack.enter_context(self.host.open_session(resume=resume, last=last))

        self._opening = True
        try:
            session = await asyncio.to_thread(enter)
            old = self._session
            if old is not None and old.id is not None and session.id == old.id:
                session.take_over(old)
            await self._let_go()
            self._session, self._stack = session, stack
            self.sources.forget()
        except BaseException:
            stack.close()
            raise
        finally:
            self._opening = False

    async def again(self) -> None:
        """Open the same session anew, for settings that have changed."""
        await self.open(self.id)

    async def turns(self) -> list[StoredTurn]:
        """What was asked and answered so far."""
        if (session := self.id) is None:
            return []
        return await asyncio.to_thread(lambda: self.host.transcripts.turns(session))

    async def count(self) -> int:
        """How many turns the session has in the store.

        Raises:
            AgentError: It has none there, or they cannot be read.
        """
        session = self.id or ""
        info = await asyncio.to_thread(lambda: self.host.transcripts.info(session))
        return info.turns

    async def enter_demo(self, progress: Callable[[Progress], None]) -> None:
        """Open the throw-away library with the handbook in it.

        Raises:
            AgentError: The handbook is not there.
            KnowledgeError: It cannot be indexed.
        """
        if self.in_demo:
            return
        stack = ExitStack()
        try:
            host, folder = stack.enter_context(self._own.demo())
            self.host = host
            await self.open()
            await self.library.add([str(folder)], progress=progress)
            self.sources.forget()
        except BaseException:
            self.host = self._own
            await self._let_go()
            stack.close()
            raise
        self._demo = stack

    async def leave_demo(self) -> None:
        """Back to the user's own library, to a new session."""
        if self.in_demo:
            await self._let_go()
            self.host = self._own
            self._demo.close()

    async def ask(
        self,
        question: Question,
        *,
        mode: str = "",
        remember: bool = True,
    ) -> AsyncGenerator[Event, None]:
        """Ask; see `Session.ask`. Iterate it to its end, or close it.

        Raises:
            UsageError: No session is open.
        """
        stream = self.session.ask(
            question.text,
            mode=mode or self.mode or None,
            context=question.context,
            filters=Filters(sources=question.sources) if question.sources else None,
            remember=remember,
            decide=self._decide,
        )
        self._asks += 1
        try:
            async for event in stream:
                yield event
        finally:
            self._asks -= 1
            await stream.aclose()

    def stop(self) -> None:
        """End the running ask with what it has."""
        if self._session is not None:
            self._session.stop()

    async def warm(self) -> None:
        """Load the model, so that the first answer need not wait for it."""
        if self._session is not None:
            with suppress(AgentError, KnowledgeError):
                await self._session.model.warm()

    async def close(self) -> None:
        """Let go of everything."""
        await self._let_go()
        self._demo.close()
        self._own.close()

    async def _let_go(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(AgentError, KnowledgeError, OSError):
                await session.aclose()
        await asyncio.to_thread(self._stack.close)

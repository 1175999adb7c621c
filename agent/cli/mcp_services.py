"""What our MCP servers work with, made from the parts of the program, and held while they run.

Which tools there are is said in `mcp_servers`; the command that serves them is `mcp_serve`.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack, aclosing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from agent.events import Event
    from agent.wiring import Parts
    from knowledge.library import Filters, Library, Progress, SyncReport
    from mcp_servers import knowledge, web
    from mcp_servers.web_tools.tools import WebTools


def web_tools(parts: Parts) -> WebTools:
    """What the web server fetches and searches with, as the settings say. Opens nothing."""
    from agent.config import by_comma
    from mcp_servers.web_tools.tools import WebSettings, WebTools

    config = parts.config
    settings = WebSettings(
        folder=parts.paths.data / "web",
        allow_hosts=by_comma(config.allow_hosts),
        searxng_url=config.searxng_url,
        brave_key=os.environ.get("BRAVE_API_KEY", "").strip(),
        tavily_key=os.environ.get("TAVILY_API_KEY", "").strip(),
    )
    return WebTools(settings)


class Held:
    """The one library that is held open, and the model; each from when it is first needed.

    Asks are not recorded: the program that asks keeps its own history.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stack = ExitStack()
        self._lock = asyncio.Lock()
        self._library: Library | None = None
        self._kept = False
        """Whether the library is a real one: an empty one that is not kept is looked at anew."""
        self._asked = False

    def for_knowledge(self, *, writes: bool) -> knowledge.Services:
        """What the knowledge server works with; `writes`: it may add to the library."""
        from agent.wiring import MODES
        from mcp_servers import knowledge

        add = self.add if writes else None
        return knowledge.Services(library=self.library, ask=self.ask, modes=MODES, add=add)

    def for_web(self, *, writes: bool) -> web.Services:
        """What the web server works with; `writes`: it may add to the library."""
        from mcp_servers import web

        return web.Services(
            web_tools(self._parts),
            # The embedded one quotes passages, and takes no orders.
            ask_model=None if self._parts.config.model == "embedded" else self.say,
            add=self.add if writes else None,
        )

    async def library(self, *, create: bool = False) -> Library:
        """The library in use. Whoever adds to an empty one elsewhere is noticed."""
        async with self._lock:
            holds = create or self._parts.library_holds_something
            if self._library is None or (holds and not self._kept):
                opened = self._parts.open_library(create=create)
                self._library = await asyncio.to_thread(self._stack.enter_context, opened)
                self._kept = holds
            return self._library

    async def ask(
        self, question: str, mode: str, filters: Filters | None
    ) -> AsyncGenerator[Event, None]:
        """Ask in a session of its own."""
        self._asked = True
        session = self._parts.session(await self.library())
        async with aclosing(session.ask(question, mode=mode or None, filters=filters)) as events:
            async for event in events:
                yield event

    async def add(self, path: str, progress: Callable[[Progress], None]) -> SyncReport:
        """Add to the library, which is made where there is none."""
        library = await self.library(create=True)
        return await library.add([path], progress=progress)

    async def say(self, prompt: str) -> str:
        """The model's reply to a prompt, within what one ask may use."""
        from agent.budget import Budget
        from agent.messages import Message, TextDelta
        from agent.models.metered import Metered

        self._asked = True
        model = Metered(self._parts.model, Budget(self._parts.limits))
        async with aclosing(model.stream([Message("user", prompt)])) as deltas:
            return "".join([delta.text async for delta in deltas if isinstance(delta, TextDelta)])

    async def close(self) -> None:
        """Let go of all of it."""
        if self._asked:
            await self._parts.model.aclose()
        self._stack.close()

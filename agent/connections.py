"""What one conversation is connected to: MCP servers, the user's answers, what the model has read.

Opened when a mode first asks for tools, held until the conversation ends. Servers, approvals and
tools have rooms of their own; here they are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.approvals import Approvals, Exposure, Trust, deny
from agent.budget import current
from agent.errors import AgentError
from agent.events import Status
from agent.mcp_advice import advice
from knowledge.pack import visible

if TYPE_CHECKING:
    from agent.approvals import Decide, Decision, Request
    from agent.budget import Budget
    from agent.evidence import Ledger
    from agent.mcp_client import McpClient, Question, Reply, ServerState
    from agent.mcp_client.results import Results
    from agent.mcp_entry import Entry
    from agent.mcp_shown import Kept
    from agent.mcp_tools import McpTools
    from agent.toolbox import Tool
    from knowledge.types import Document

_PATIENCE = 5.0
"""Seconds that servers are waited for at the beginning of an ask; what is late joins the next."""


class Connections:
    """The servers of one conversation. Belongs to one event loop at a time."""

    def __init__(self, entries: Sequence[Entry], *, state: Path, settings: Path) -> None:
        """Take the servers; nothing is started.

        Args:
            entries: By name, each once.
            state: Where logs, large results and what was allowed of projects are kept.
            settings: Where lasting answers are kept.
        """
        self.exposure = Exposure()
        """What the model has read in this conversation."""
        self._decide: Decide = deny
        self._entries = tuple(entry for entry in entries if entry.enabled)
        self._state = state
        self._approvals = Approvals(settings / "mcp-approvals.json", self._asked)
        self._trust = Trust(state / "mcp-projects.json", self._asked)
        self._client: McpClient | None = None
        self._results: Results | None = None
        self._kept: Kept | None = None
        self._tools: McpTools | None = None
        """Of the latest ask."""
        self._budget: Budget | None = None
        """Of the latest ask; its clock is held while a person is asked."""
        self._told: set[str] = set()

    def ask_through(self, decide: Decide) -> None:
        """Who is asked from now on where the user's word is needed."""
        self._decide = decide

    async def tools(
        self,
        ledger: Ledger,
        held: dict[str, Document],
        window: int | None,
        count: Callable[[str], int],
    ) -> tuple[Tool, ...]:
        """The tools for one ask; starts the servers that are not running.

        Args:
            ledger: The passages of the ask; results of tools are added as such.
            held: Gets the documents of those passages.
            window: The model's context in tokens, where that is known.
            count: A text's tokens.
        """
        if not self._entries:
            return ()
        from agent.mcp_client import McpClient
        from agent.mcp_client.results import Results
        from agent.mcp_shown import Kept
        from agent.mcp_tools import McpTools

        self._budget = current()
        if self._client is None:
            self._client = McpClient(
                self._entries,
                self._state / "mcp",
                may_run=self._trust.may_run,
                ask=self._questioned,
            )
        if self._results is None or self._kept is None:
            self._results = Results(self._state / "mcp-results")
            self._kept = Kept(self._results)
        # Before the clock of their start runs: a person takes longer than a server.
        for entry in self._entries:
            with suppress(AgentError):  # which its start meets again, and tells
                await self._trust.may_run(entry)
        await self._client.open(patience=_PATIENCE)
        self._tools = McpTools(
            self._client, self._approvals, self.exposure, self._kept, ledger=ledger, held=held
        )
        return self._tools.tools(window, count)

    @property
    def states(self) -> tuple[ServerState, ...]:
        """How each server stands; none is known before one was asked for."""
        return () if self._client is None else self._client.states()

    def troubles(self) -> list[str]:
        """What is wrong with servers, a line each; each is told once."""
        by_name = {entry.name: entry for entry in self._entries}
        found = [
            f"{s.name}: {s.error} {s.hint or advice(by_name[s.name], s.error, s.log)}"
            for s in self.states
            if s.state in ("failed", "refused")
        ]
        found += [
            f"{name}: It has not answered within {_PATIENCE:g} seconds of its start. This answer "
            "goes without its tools; a later one of this conversation has them, if it does."
            for name in (self._client.late if self._client is not None else ())
        ]
        new = [text for text in found if text not in self._told]
        self._told.update(new)
        return new

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The servers that are on, as they were configured."""
        return self._entries

    @property
    def names(self) -> tuple[str, ...]:
        """The servers that are on."""
        return tuple(entry.name for entry in self._entries)

    async def aclose(self) -> None:
        """End the servers. They are started again where they are asked for again."""
        client, self._client = self._client, None
        results, self._results, self._kept = self._results, None, None
        if client is not None:
            await client.aclose()
        if results is not None:
            results.close()

    async def _asked(self, request: Request) -> Decision:
        if self._decide is deny or self._budget is None:
            return await self._decide(request)
        with self._budget.waiting():
            return await self._decide(request)

    async def _questioned(self, question: Question) -> Reply:
        """A server asks something in the middle of a call."""
        from agent.mcp_questions import put

        reply, came = await put(question, self._asked)
        if self._decide is deny:
            came = "nobody can be asked here, so it was declined"
        where = f" ({question.url})" if question.url else ""
        asked = " ".join(visible(f"{question.message}{where}").split())[:500]
        if self._tools is not None:
            self._tools.say(Status(f"{question.server} asked: {asked}; {came}.", stage="note"))
        return reply

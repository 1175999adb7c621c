"""Tools in one list, and what it means to call one: checked, counted, timed, limited, told.

Three kinds of failure are kept apart. The model may try again (`BadCall`, and what is refused
here: an unknown tool, arguments that do not fit, a call made before): it reads why. The tool
failed (`ToolFailed`): the model reads that, too, and goes on without. The user must act (any
`AgentError` or `KnowledgeError`): the ask ends. Which tools there are is not known here.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from agent.errors import AgentError, BudgetSpent
from agent.events import Status, ToolCall, ToolResult
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from agent.budget import Budget
    from agent.events import Event
    from agent.evidence import Ledger
    from agent.messages import ToolRequest, ToolSpec

_LONGEST = 12_000
"""Characters of a tool's own text that are passed on; passages are limited by who finds them."""
_TIMES = 3
"""How often the same call may be made before no more are taken."""


class BadCall(Exception):
    """A call that the model may make again, in another way; `str(error)` tells it how."""


class ToolFailed(Exception):
    """A tool could not do its work; another call to it is no better."""


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What a tool call came to."""

    text: str
    """Said to the model before any passages."""
    ok: bool = True
    found: tuple[int, ...] = ()
    """The numbers, in the ledger, of the passages found, best first."""
    full: frozenset[int] = frozenset()
    """Those of them whose text is given; the model can read the others already."""
    note: str = ""
    """A sentence on what was found, for the user; may be empty."""


class Tool(Protocol):
    """Something that a model may have done."""

    @property
    def spec(self) -> ToolSpec:
        """As the model sees it."""

    @property
    def repeats(self) -> bool:
        """Whether the same call may come to something else the next time."""

    def doing(self, arguments: dict[str, Any]) -> Status:
        """The step that a call is, for the user. The arguments fit the schema."""

    async def call(self, arguments: dict[str, Any]) -> ToolOutput:
        """Do it. The arguments fit the schema. Cancelling ends it.

        Raises:
            BadCall: The model may try again.
            ToolFailed: It cannot be done.
            AgentError, KnowledgeError: The user must act.
        """


@runtime_checkable
class Telling(Protocol):
    """A tool whose calls tell how far they are."""

    async def call_telling(
        self, arguments: dict[str, Any], told: Callable[[Status], None]
    ) -> ToolOutput:
        """As `Tool.call`; `told` gets the steps of the call while it runs."""


class Toolbox:
    """The tools of one ask, under its budget. Calls are made one after the other."""

    def __init__(
        self, tools: Sequence[Tool], budget: Budget, ledger: Ledger, *, keep: int = 1
    ) -> None:
        """Take the tools.

        Args:
            tools: By name, each once.
            budget: What the calls count against.
            ledger: Where the tools put what they find.
            keep: The steps of the budget that are left for the answer.
        """
        self.ledger = ledger
        self.specs = tuple(tool.spec for tool in tools)
        self.outputs: dict[str, ToolOutput] = {}
        """What came of each call that has ended, by its id."""
        self.closed = ""
        """Why no more calls are taken, a sentence; empty while they are."""
        self._tools = {tool.spec.name: tool for tool in tools}
        self._budget = budget
        self._keep = keep
        self._calls: Counter[str] = Counter()
        self._first: dict[str, ToolOutput] = {}
        """What came of each call when it was first made, by `_key`."""
        self._one = asyncio.Lock()

    @property
    def steps_left(self) -> int | None:
        """The steps that the budget has left; None where it does not count them."""
        limit = self._budget.limits.steps
        return None if limit is None else max(0, limit - self._budget.steps)

    @property
    def ended(self) -> str:
        """Why the next call to the model must be its last, a sentence; empty if it need not."""
        if not self.closed and self.steps_left is not None and self.steps_left <= self._keep:
            limit = self._budget.limits.steps
            self.closed = f"The limit of {limit} step{'' if limit == 1 else 's'} is reached."
        return self.closed

    def text(self, output: ToolOutput, full: frozenset[int] | None = None) -> str:
        """An output as a model reads it.

        Args:
            output: Of a call to this toolbox.
            full: The passages whose text is given, where not those of the output.
        """
        shown = output.full if full is None else full
        return "\n".join(filter(None, [output.text, self.ledger.render(output.found, shown)]))

    @staticmethod
    async def warm() -> None:
        """Import what the first call would wait for."""
        await asyncio.to_thread(_checker)

    async def call(
        self, request: ToolRequest, *, unreadable: str | None = None, counted: bool = True
    ) -> AsyncGenerator[Event, None]:
        """Call a tool; its `ToolCall` gets one `ToolResult`, whatever happens.

        Args:
            request: Its id has not been used before.
            unreadable: What the model wrote as arguments, where that was no JSON object.
            counted: Whether it is a step of the budget; what a mode does of itself is none.

        Raises:
            BudgetSpent: The budget ended.
            AgentError, KnowledgeError: The user must act.
        """
        async with self._one:
            if counted:
                await self.warm()
            raised: AgentError | KnowledgeError | None = None
            tool = self._tools.get(request.name)
            refusal = self._refusal(request, tool, unreadable) if counted else None
            if tool is not None and refusal is None:
                yield tool.doing(request.arguments)
            yield ToolCall(request.id, request.name, request.arguments)
            if tool is None or refusal is not None:
                output = refusal or ToolOutput("", ok=False)
            else:
                told: asyncio.Queue[Status | None] = asyncio.Queue()
                task = asyncio.create_task(
                    self._run(tool, request.arguments, counted, told.put_nowait)
                )
                task.add_done_callback(lambda _: told.put_nowait(None))
                try:
                    while (step := await told.get()) is not None:
                        yield step
                    output = await task
                except BudgetSpent as end:
                    raised, output = end, ToolOutput(f"Not finished: {end}", ok=False)
                except (AgentError, KnowledgeError) as error:
                    raised, output = error, ToolOutput(f"Not done: {error}", ok=False)
                finally:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                self._first[_key(request, unreadable)] = output
            text = self.text(output)
            self.ledger.visible |= output.full
            self.outputs[request.id] = output
            yield ToolResult(request.id, text, output.ok)
            if output.note:
                yield Status(output.note, stage="grade")
            if raised is not None:
                raise raised

    def _refusal(
        self, request: ToolRequest, tool: Tool | None, unreadable: str | None
    ) -> ToolOutput | None:
        """Why a call is not made; None where it is."""
        key = _key(request, unreadable)
        self._calls[key] += 1
        if self._calls[key] >= _TIMES:
            self.closed = self.closed or f"The model asked for the same thing {_TIMES} times."
        if self.ended:
            return ToolOutput(f"{self.ended} No more tools: answer with what you have.", ok=False)
        if unreadable is not None:
            written = unreadable[:200]
            return ToolOutput(
                f"The arguments are not a JSON object: {written!r}. Write the call again.", ok=False
            )
        if tool is None:
            known = ", ".join(self._tools)
            return ToolOutput(f"There is no tool {request.name!r}. Take one of: {known}.", ok=False)
        if wrong := _checker()(tool.spec.parameters, request.arguments):
            return ToolOutput(f"The arguments do not fit: {wrong}. Mend the call.", ok=False)
        if (first := self._first.get(key)) and not tool.repeats:
            hidden = frozenset(first.found) - self.ledger.visible
            again = "This call was made before, and nothing has changed; its result is above."
            return ToolOutput(
                f"{again} Make another one, or answer.", found=tuple(sorted(hidden)), full=hidden
            )
        return None

    async def _run(
        self,
        tool: Tool,
        arguments: dict[str, Any],
        counted: bool,
        told: Callable[[Status], None],
    ) -> ToolOutput:
        def work() -> Awaitable[ToolOutput]:
            if isinstance(tool, Telling):
                return tool.call_telling(arguments, told)
            return tool.call(arguments)

        if counted:
            self._budget.step()
        try:
            output = await self._budget.within(work)
        except BadCall as error:
            return ToolOutput(f"This cannot be done as asked: {error}", ok=False)
        except ToolFailed as error:
            return ToolOutput(
                f"{tool.spec.name} failed: {error} Go on without it.", ok=False, note=str(error)
            )
        if (more := len(output.text) - _LONGEST) > 0:
            cut = f"{head(output.text, _LONGEST)}\n(cut here: {more} more characters)"
            output = replace(output, text=cut)
        return output


def head(text: str, longest: int) -> str:
    """The beginning of what a tool says; a fence that is open at the cut is closed there."""
    kept = text[:longest]
    fence = ""
    for line in kept.split("\n") if kept != text else ():
        if fence and line == fence:
            fence = ""
        elif not fence and len(line) > 2 and not line.strip("~"):
            fence = line
    return f"{kept}\n{fence}" if fence else kept


def _key(request: ToolRequest, unreadable: str | None) -> str:
    """The same for calls that ask for the same."""
    arguments = json.dumps(request.arguments, sort_keys=True) if unreadable is None else unreadable
    return f"{request.name} {arguments}"


def _checker() -> Callable[[dict[str, Any], dict[str, Any]], str]:
    """What looks whether arguments fit. Its import takes a moment, and only calls need it."""
    from agent.arguments import misfit

    return misfit

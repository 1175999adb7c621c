"""A plan carried out over a turn's library: one tool call a search, each told as events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from agent.events import Status
from agent.evidence import Ledger
from agent.messages import ToolRequest, ToolSpec
from agent.modes.policy.plan import Plan
from agent.toolbox import Toolbox, ToolOutput

if TYPE_CHECKING:
    from agent.events import Event
    from agent.modes.base import Turn
    from agent.modes.policy.plan import Probe
    from knowledge.search import Found
    from knowledge.types import Passage


class Gathering:
    """The search for one turn."""

    def __init__(self, turn: Turn) -> None:
        """Plan it; nothing is searched yet."""
        self._plan = Plan(turn.question, turn.history, passages=turn.passages)
        self._ledger = Ledger(self._plan.question)
        self._search = _Search(turn, self._ledger)
        # Each part is answered by a call of its own, but one search is always made.
        keep, limit = len(self._plan.parts), turn.budget.limits.steps
        if limit is not None:
            keep = min(keep, limit - 1)
        self._tools = Toolbox([self._search], turn.budget, self._ledger, keep=keep)

    @property
    def question(self) -> str:
        """The question as it stands by itself."""
        return self._plan.question

    @property
    def parts(self) -> tuple[str, ...]:
        """The questions in it; itself alone where it is one."""
        return self._plan.parts

    @property
    def ended(self) -> str:
        """Which limit kept it from its end, a sentence; empty if none did."""
        return self._tools.closed

    @property
    def passages(self) -> tuple[Passage, ...]:
        """What to answer from, of what was found so far; at most as many as the turn asks for."""
        return self._plan.chosen()

    def ranked(self, part: str) -> tuple[Passage, ...]:
        """The same passages, in the same order, with their scores for one part; 0 for none."""
        return self._plan.ranked(part)

    async def events(self) -> AsyncGenerator[Event, None]:
        """Search until nothing more is to be had; a limit of steps only ends it early.

        Raises:
            BudgetSpent: The budget ended; what was found until then is in `passages`.
            AgentError, KnowledgeError: The user must act.
        """
        if len(self.parts) > 1:
            listed = "; ".join(_short(part) for part in self.parts)
            yield Status(f"Split into {len(self.parts)} questions: {listed}", stage="plan")
        noted = False
        while (probe := self._plan.next()) is not None:
            self._search.probe = probe
            request = ToolRequest(f"search-{self._plan.made}", "search_library", _asked(probe))
            async with aclosing(self._tools.call(request)) as events:
                async for event in events:
                    yield event
            found = self._search.found.pop(probe.query, None)
            if found is None:
                # Refused: nothing of the budget is left for searching.
                return
            self._plan.take(probe, found.passages)
            if not noted and found.how == "lexical":
                noted = True
                yield Status(found.note or "Searched by words only.", stage="note")


class _Search:
    """`search_library` for a plan: keeps what each call found, with the scores of that call."""

    repeats = False
    spec = ToolSpec(
        "search_library",
        "Search the user's documents.",
        {
            "type": "object",
            "properties": {"query": {"type": "string", "minLength": 1}},
            "required": ["query"],
            "additionalProperties": False,
        },
    )

    def __init__(self, turn: Turn, ledger: Ledger) -> None:
        self.probe: Probe | None = None
        """What the next call is for."""
        self.found: dict[str, Found] = {}
        """By query."""
        self._turn = turn
        self._ledger = ledger

    def doing(self, arguments: dict[str, Any]) -> Status:
        why = self.probe.why if self.probe else "question"
        about = _short(self.probe.about if self.probe and self.probe.about else arguments["query"])
        match why:
            case "question":
                return Status("Searching the library", stage="search")
            case "part":
                return Status(f"Searching for “{about}”", stage="search")
            case "rewrite":
                return Status(
                    f"Little was found; searching for “{_short(arguments['query'])}”",
                    stage="search",
                )
            case "lead":
                return Status(f"Following “{about}”", stage="search")

    async def call(self, arguments: dict[str, Any]) -> ToolOutput:
        query = arguments["query"]
        turn = self._turn
        found = await turn.library.search(query, limit=turn.passages, filters=turn.filters)
        self.found[query] = found
        if not found.passages:
            return ToolOutput("Nothing found.")
        numbered = self._ledger.add(found.passages)
        new = sum(is_new for _, _, is_new in numbered)
        numbers = tuple(n for n, _, _ in numbered)
        note = f"Found {len(numbers)} passage{'' if len(numbers) == 1 else 's'}, {new} of them new."
        # No model reads the results: they are named only.
        return ToolOutput(note, found=numbers, note=note)


def _asked(probe: Probe) -> dict[str, Any]:
    return {"query": probe.query}


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:79]}…"

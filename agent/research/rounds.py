"""The rounds of a run: search, read, note, reflect, until nothing is open or the budget ends.

What a round finds is `finding`'s affair; here is when there is another, and what for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.errors import BadModelOutput, BudgetSpent, ContextTooLong
from agent.research.finding import ROUND
from agent.research.types import Conflict, Gap, Step, as_json, from_json

if TYPE_CHECKING:
    from agent.budget import Budget
    from agent.models.base import ChatModel
    from agent.research.base import Hands, Stages
    from agent.research.finding import Finding
    from agent.research.journal import Journal
    from agent.research.spending import Spending
    from agent.research.types import Part, Plan


class Rounds:
    """All rounds of a run, gone through once."""

    def __init__(
        self,
        journal: Journal,
        stages: Stages,
        spending: Spending,
        found: Finding,
        model: Callable[[Budget], ChatModel],
        plan: Plan,
    ) -> None:
        """Begin before the first.

        Args:
            journal: Of the run.
            stages: Who reflects.
            spending: What may be used.
            found: What each round adds to.
            model: Who is asked, under a budget.
            plan: The approved one.
        """
        self.gaps: list[Gap] = []
        """What the rounds left open."""
        self.conflicts: list[Conflict] = []
        self.made = 0
        """How many there were."""
        self.ended = ""
        """Why they ended early, as a sentence; empty where they did not."""
        self._journal = journal
        self._stages = stages
        self._spending = spending
        self._found = found
        self._model = model
        self._plan = plan
        self._looked = -1
        """How many notes there were at the last reflection."""

    async def steps(self) -> AsyncGenerator[Step, None]:
        """Go through them; their share is of all that there may be.

        Raises:
            ModelError: The user must act.
        """
        parts = {part.n: part for part in self._plan.parts}
        wanted: list[tuple[Part, Sequence[str]]] = [(p, p.queries) for p in self._plan.parts]
        depth, done = self._journal.options.depth, 0
        total = depth * ROUND
        try:
            for n in range(1, depth + 1):
                self.made = n
                async with aclosing(self._found.round(n, wanted)) as steps:
                    async for step in steps:
                        done = (n - 1) * ROUND + step.done
                        yield replace(step, done=done, total=total)
                if not self._found.tried and (n > 1 or self._found.trouble is not None):
                    break  # nothing more can be found: another look would say the same
                yield Step("reflect", "Looking for what is missing", None, done, total)
                await self._reflect(n)
                wanted = [
                    (parts[gap.part], gap.queries)
                    for gap in self.gaps
                    if gap.queries and gap.part in parts
                ]
                if not wanted:
                    break
        except BudgetSpent:
            self.ended = self._spending.why
            yield Step("warning", self.ended, None, done, total)
            with suppress(BudgetSpent):
                await self._for_nothing()

    async def _reflect(self, n: int) -> None:
        """Look for gaps and conflicts, or find that it was done."""
        key = f"reflect:{n}"
        if (kept := self._journal.done(key)) is None:
            hands, budget = self._stages.hands, self._spending.searching
            try:
                given = await self._reflected(hands, budget)
            except (BadModelOutput, ContextTooLong):
                given = await self._reflected(self._stages.spare, budget)
            kept = as_json(given)
            self._journal.record(key, kept, self._spending.used)
        gaps, conflicts = kept
        self.gaps = [from_json(Gap, gap) for gap in gaps]
        self.conflicts = [from_json(Conflict, conflict) for conflict in conflicts]
        self._looked = len(self._found.notes)

    async def _for_nothing(self) -> None:
        """What is still to be had of what was read, where the budget has ended.

        Raises:
            BudgetSpent: The time for writing is up, too.
        """
        await self._found.note_the_rest()
        if self._looked == len(self._found.notes):
            return
        self.gaps, found = await self._reflected(self._stages.spare, self._spending.writing)
        known = {conflict.notes for conflict in self.conflicts}
        self.conflicts += [conflict for conflict in found if conflict.notes not in known]

    async def _reflected(self, hands: Hands, budget: Budget) -> tuple[list[Gap], list[Conflict]]:
        plan, notes, sources = self._plan, self._found.notes, self._found.sources
        model = self._model(budget)
        return await budget.within(lambda: hands.reflect.reflect(plan, notes, sources, model))

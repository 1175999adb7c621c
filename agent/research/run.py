"""A run of research from its question to its report, in steps; killed anywhere, it goes on.

    journal = journals.create(question, options, model.name)      # or journals.open(name)
    async for step in Research(model, journal, gather, stages).run(decide):
        ...                                                       # `Step`s, and one `Report` last

Rounds of searching, reading, noting and reflecting, until nothing is open or the budget's share
for them ends; what is kept of the budget pays for the writing. Composes; does no stage's work.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from agent.errors import AgentError, BadModelOutput, BudgetSpent, ContextTooLong
from agent.models.metered import Metered
from agent.research.base import Material, PartlyFound, Verified
from agent.research.finding import Finding
from agent.research.plan import by_model, by_rule, estimated
from agent.research.recorded import Recorded, stand_ins
from agent.research.rounds import Rounds
from agent.research.spending import Spending
from agent.research.types import (
    Kind,
    Method,
    Plan,
    Report,
    Section,
    Step,
    as_json,
    from_json,
)

if TYPE_CHECKING:
    from agent.budget import Budget
    from agent.models.base import ChatModel
    from agent.research.base import Gather, Options, Stages
    from agent.research.journal import Journal, Used

Approve = Callable[[Plan], Awaitable[Plan | None]]
"""Shows the plan to its user, who may change it; None where they do not want it."""

_FULL = 1000
"""The whole, in units of progress."""
_PLANNED, _FOUND, _WRITTEN = 20, 850, 970
"""Where each stretch of it ends."""


class NothingFound(AgentError):
    """There is nothing to write a report from, and the user must act."""


class Research:
    """One run. Lives on one event loop, and is run once."""

    def __init__(
        self,
        model: ChatModel,
        journal: Journal,
        gather: Gather,
        stages: Stages,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Compose; nothing is done yet.

        Args:
            model: Who is asked.
            journal: Of this run, new or to be gone on with.
            gather: Where to find and read; whoever made it closes it.
            stages: Who does what.
            clock: Seconds, for tests.
        """
        self.journal = journal
        self._model = model
        self._gather = gather
        self._stages = stages
        self._spending = Spending(journal.options.limits, journal.used, clock=clock)
        self._plan: Plan | None = None
        self._finding: Finding | None = None
        self._lacks: list[str] = []
        """Why the report is not all it could be, a sentence each."""
        self._rounds: Rounds | None = None
        self._at = 0
        """Units of progress; never fewer than before."""

    @property
    def used(self) -> Used:
        """Tokens, cost, steps and seconds so far, over all the times that it was resumed."""
        return self._spending.used

    @property
    def cost(self) -> float | None:
        """US dollars so far; None where the price of what was asked is not known."""
        used, plan = self.used, self._plan
        unknown = self._model.price is None or (plan is not None and plan.estimate.cost is None)
        return None if unknown and used.tokens and not used.cost else used.cost

    @property
    def pages(self) -> int:
        """Sources read so far."""
        return len(self._finding.sources) if self._finding is not None else 0

    def stop(self, reason: str = "You stopped it.") -> None:
        """End the search and write the report of what there is; to be called on the run's loop."""
        self._spending.stop(reason)

    async def run(self, decide: Approve | None = None) -> AsyncGenerator[Step | Report, None]:
        """Do what is not done yet.

        Leaving the generator, or cancelling its task, stops the work; what is finished is kept.

        Args:
            decide: Shown a new plan; None approves it. Where it gives None, the run ends here
                without a report.

        Raises:
            NothingFound: Nothing can be searched, so there is nothing to write from.
            RunBusy: Another process is at work on this run.
            ModelError: The model cannot be used; what is done is kept.
            JournalError: The journal cannot be written.
        """
        with self.journal.claimed():
            if (report := self.journal.report) is None:
                try:
                    async with aclosing(self._run(decide)) as steps:
                        async for step in steps:
                            if isinstance(step, Report):
                                report = step
                            else:
                                yield step
                finally:
                    if report is None:
                        self.journal.use(self.used)
            if report is not None:
                yield Step("done", f"Report {report.id}", None, _FULL, _FULL)
                yield report

    async def _run(self, decide: Approve | None) -> AsyncGenerator[Step | Report, None]:
        plan = self.journal.plan
        if self._stages.hands is not self._stages.spare:
            with suppress(BudgetSpent):  # which the first call meets again
                await self._recorded(self._spending.searching).warm()
        if plan is None:
            yield self._step("plan", "Planning", 0)
            plan, warning = await self._planned()
            if warning:
                yield self._step("warning", warning, 0)
            if decide is not None:
                with self._spending.waiting():
                    approved = await decide(plan)
                if approved is None:
                    return
                if approved.parts != plan.parts:
                    approved = estimated(approved, self.journal.options, self._model)
                plan = approved
            self.journal.record("plan", as_json(plan), self.used)
        self._plan = plan
        for part in plan.parts:
            yield self._step("plan", part.question, _PLANNED, part.n)
        found = self._finding = Finding(
            self.journal,
            self._gather,
            self._stages,
            self._spending,
            self._recorded(self._spending.searching),
            plan,
        )
        rounds = self._rounds = Rounds(
            self.journal, self._stages, self._spending, found, self._recorded, plan
        )
        async with aclosing(rounds.steps()) as steps:
            async for step in steps:
                at = _PLANNED + int((_FOUND - _PLANNED) * step.share)
                yield self._step(step.kind, step.text, at, step.part)
        self._lacks.append(rounds.ended)
        if not found.sources and found.trouble is not None and not found.failed:
            partly = isinstance(found.trouble, PartlyFound)
            told = "Nothing was found." if partly else "Nothing could be searched:"
            raise NothingFound(
                f"{told} {found.trouble}",
                hint=found.trouble.hint or f"agent research --resume {self.journal.id}",
            ) from found.trouble
        if found.trouble is not None:
            self._lacks.append(f"Not every search could be made. {found.trouble}")
        if not any(self._lacks):
            self._lacks.append(_too_narrow(self.journal.options, found))
        material = Material(
            plan,
            tuple(found.notes),
            tuple(found.sources),
            tuple(rounds.conflicts),
            tuple(rounds.gaps),
        )
        yield self._step("write", "Writing the report", _FOUND)
        sections, warning = await self._written(material)
        if warning:
            yield self._step("warning", warning, _FOUND)
        yield self._step("verify", "Checking every sentence against its sources", _WRITTEN)
        verified = await self._verified(sections, material)
        report = Report(
            id=self.journal.id,
            question=self.journal.question,
            plan=material.plan,
            sections=verified.sections,
            conflicts=material.conflicts,
            gaps=material.gaps,
            sources=material.sources,
            notes=material.notes,
            dropped=verified.dropped,
            marked=verified.marked,
            method=self._method(found),
        )
        self.journal.finish(report, self.used)
        yield report

    async def _planned(self) -> tuple[Plan, str]:
        """The plan, and a warning where the model made none that can be used."""
        question, options = self.journal.question, self.journal.options
        plan = estimated(by_rule(question, options), options, self._model)
        if self._stages.hands is self._stages.spare:
            return plan, ""
        model = self._recorded(self._spending.searching)
        try:
            return await by_model(question, options, model), ""
        except BudgetSpent:
            return plan, "The budget leaves nothing to plan with: planned by rule."
        except (BadModelOutput, ContextTooLong) as error:
            return plan, f"Planned by rule, because the model made no usable plan: {error}"

    async def _written(self, material: Material) -> tuple[list[Section], str]:
        """The sections, and a warning where they are not by the model that was to write them."""
        # A run that was resumed with a larger budget may have more notes than it once wrote from.
        key = f"write:{len(material.notes)}"
        if (kept := self.journal.done(key)) is not None:
            self._lacks.append(kept["warning"])
            return [from_json(Section, data) for data in kept["sections"]], ""
        budget, warning = self._spending.writing, ""
        model, hands = self._recorded(budget), self._stages.hands
        try:
            sections = await budget.within(lambda: hands.write.write(material, model))
        except (BudgetSpent, BadModelOutput, ContextTooLong) as error:
            warning = f"The report was not written by {self._model.name}: {error}"
            self._lacks.append(warning)
            sections = await self._stages.spare.write.write(material, model)
        kept = {"sections": as_json(sections), "warning": warning}
        self.journal.record(key, kept, self.used)
        return sections, warning

    async def _verified(self, sections: Sequence[Section], material: Material) -> Verified:
        cited = {n for section in sections for s in section.sentences for n in s.notes}
        sources = {note.source for note in material.notes if note.n in cited}
        texts = {source: self.journal.text(source) for source in sorted(sources)}
        titles = {source.id: source.title for source in material.sources}
        return await self._stages.verify.verify(sections, material.notes, texts, titles)

    def _method(self, found: Finding) -> Method:
        used = self.used
        return Method(
            model=self._model.name,
            offline=self.journal.options.offline,
            rounds=self._rounds.made if self._rounds is not None else 0,
            searches=found.searches,
            pages_read=len(found.sources),
            pages_failed=tuple(found.failed.items()),
            tokens=used.tokens,
            cost=self.cost,
            seconds=round(used.seconds, 3),
            partial_reason=" ".join(filter(None, self._lacks)),
            stand_ins=stand_ins(self.journal),
        )

    def _recorded(self, budget: Budget) -> Recorded:
        return Recorded(Metered(self._model, budget), self.journal, lambda: self.used)

    def _step(self, kind: Kind, text: str, at: int, part: int | None = None) -> Step:
        self._at = max(self._at, min(at, _FULL))
        return Step(kind, text, part, self._at, _FULL)


def _too_narrow(options: Options, found: Finding) -> str:
    """That no page is of the hosts, or since the day, that were asked for; empty where one is."""
    of_web = any(source.origin == "web" for source in found.sources)
    asked = f" of {' or '.join(options.domains)}" if options.domains else ""
    asked += f" since {options.since}" if options.since else ""
    if not asked or not options.web or of_web or found.failed:
        return ""
    return f"No page{asked} was found on the web. Other hosts and days were left out, as asked."

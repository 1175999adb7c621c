"""The drafts of one answer: each checked against the passages, sent back where it does not stand.

Which draft is the best is decided by the check alone: `citations.resolve` says what each is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.claims import claims
from agent.events import Status
from agent.modes.answering import check
from agent.prompts import prompt
from knowledge.pack import fenced

if TYPE_CHECKING:
    from agent.citations import Resolved
    from agent.claims import Claim
    from agent.events import Event
    from agent.modes.base import Turn
    from agent.toolbox import Toolbox

_REVISIONS = 2
"""How often a draft is sent back; the second time only if the first has brought something."""
_WORTH = {"grounded": 3, "partial": 2, "unanswerable": 1, "ungrounded": 0}


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole answer that has not been said."""

    text: str
    resolved: Resolved
    claims: int
    """How many it makes."""

    @property
    def baseless(self) -> bool:
        """It claims something, and nothing of it is borne out."""
        return 0 < self.claims == len(self.resolved.unsupported)

    @property
    def worth(self) -> tuple[int, float]:
        """Greater for the better of two."""
        borne = 1 - len(self.resolved.unsupported) / (self.claims or 1)
        return _WORTH[self.resolved.outcome], borne


class Drafts:
    """Reviews the drafts of a turn, and keeps the best; of two alike, the later."""

    def __init__(self, turn: Turn, tools: Toolbox) -> None:
        self.best: Draft | None = None
        self._turn = turn
        self._tools = tools
        self._sent_back = 0
        self._wrong_before: int | None = None

    async def take(self, text: str) -> Draft:
        """Check a draft, and note it."""
        passages = self._tools.ledger.passages
        resolved = await check(self._turn, text, passages)
        made = sum(not claim.abstains for claim in claims(text, len(passages)))
        draft = Draft(text, resolved, made)
        if text.strip() and (self.best is None or draft.worth >= self.best.worth):
            self.best = draft
        return draft

    async def review(self, text: str, emit: Callable[[Event], None]) -> str:
        """What the model is told against a draft; empty where it is accepted.

        A draft is accepted where there is no budget for another. See `loop.Review`.
        """
        if text.strip():
            emit(Status("Checking the draft against the passages", stage="verify"))
        draft = await self.take(text)
        # Another call to the model must be left: see `Toolbox.ended`.
        if self._sent_back >= _REVISIONS or self._tools.closed or self._tools.steps_left == 0:
            return ""
        wrong = self._wrong(draft)
        against = ""
        if not text.strip():
            against = prompt("agentic_empty")
        elif wrong and (self._wrong_before is None or len(wrong) < self._wrong_before):
            self._wrong_before = len(wrong)
            many = f"{len(wrong)} statement{' is' if len(wrong) == 1 else 's are'}"
            emit(Status(f"{many} not borne out: trying again", stage="revise"))
            listed = "\n".join(f"- {' '.join(claim.text.split())}" for claim in wrong)
            against = prompt("agentic_revise", claims=fenced(listed))
        elif draft.resolved.outcome == "unanswerable" and self._only_asked:
            emit(Status("Not found as asked: looking further", stage="revise"))
            against = prompt("agentic_search_more")
        self._sent_back += bool(against)
        return against

    @property
    def _only_asked(self) -> bool:
        """Nothing but the question itself has been searched for."""
        return len(self._tools.outputs) <= 1 and not self._sent_back

    def _wrong(self, draft: Draft) -> list[Claim]:
        """The claims to send back: what has no number may rest on the text handed in."""
        handed_in = bool(self._turn.context.strip())
        return [c for c in draft.resolved.unsupported if c.markers or not handed_in]

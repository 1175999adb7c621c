"""The persona pass: a grounded answer in, the same answer in another voice out, or as it was.

It runs once the answer is checked, and gives at most one `Revision`. It never fails: a sentence
whose restyling is refused twice stays plain, and so does all that a voice is too slow for, cannot
do, or has no budget for. What the answer rests on (its citations, its outcome) is not touched.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.errors import BudgetSpent
from agent.events import Done, Event, Revision, Status, Usage
from agent.persona.check import Gate
from agent.persona.mask import Masked, mask
from agent.persona.pieces import Piece, groups, pieces, replaced
from agent.persona.voices import Asked
from agent.plain_text import one_line

if TYPE_CHECKING:
    from agent.budget import Budget
    from agent.card import Card
    from agent.messages import ModelUsage
    from agent.persona.voices import Voice

SECONDS = 30.0
"""For the whole pass, where nobody says otherwise."""
FAILED = "the voice failed"
"""Stands in a note before a colon and why it did, in words that may be anybody's, to the end."""
_REASONS = 2
"""Reasons that a note names."""
_REASON = 200
"""Characters of a reason; it may repeat a voice's words."""
_UNCHANGED = "nothing in it to change"


class Persona:
    """A card and who speaks for it."""

    def __init__(self, card: Card, voice: Voice, *, seconds: float = SECONDS) -> None:
        """Put them together.

        Args:
            card: How it speaks, and what must stay.
            voice: Restyles; is not trusted.
            seconds: For one answer.
        """
        self.name = card.name
        self._voice = voice
        self._gate = Gate(card)
        self._seconds = seconds

    async def restyle(self, done: Done, budget: Budget) -> AsyncGenerator[Event, None]:
        """Restyle a finished answer: what was used, perhaps one `Revision`, and `Done` last.

        Only a grounded or partial answer is restyled.

        Args:
            done: How the ask would end without a persona.
            budget: Of the ask; what is left of it.
        """
        if done.outcome not in ("grounded", "partial"):
            note = ""
            if done.outcome == "ungrounded":
                note = f"{self.name}: left plain, since no source bears it out."
            yield replace(done, note=_notes(done.note, note))
            return
        work = _Work(done.text, single=self._voice.single)
        if work.pieces:
            yield Status(f"Restyling as {self.name}", stage="persona")
        deadline = time.monotonic() + self._seconds
        for group in work.groups:
            left = group
            for _ in range(2):
                used: list[ModelUsage] = []
                over = await self._round(work, left, budget, used, deadline)
                for usage in used:
                    yield Usage(
                        usage.input_tokens,
                        usage.output_tokens,
                        usage.cached_tokens,
                        usage.cost,
                        usage.saved,
                    )
                left = [piece for piece in left if piece in work.faults]
                if over or not left:
                    break
            if over:
                work.give_up(over)
                break
        note = f"{self.name}: {work.summary()}"
        if not work.voiced:
            yield replace(done, note=_notes(done.note, note))
            return
        text = work.text
        yield Revision(before=done.text, text=text)
        yield replace(done, text=text, persona=self.name, note=_notes(done.note, note))

    async def aclose(self) -> None:
        """Let go of what the voice holds."""
        await self._voice.aclose()

    async def _round(
        self,
        work: _Work,
        asked: Sequence[Piece],
        budget: Budget,
        used: list[ModelUsage],
        deadline: float,
    ) -> str:
        """Have some sentences restyled and take what passes; why to stop, if there is a reason."""
        wanted = [
            Asked(work.number[piece], work.masked[piece].text, work.faults.get(piece, ""))
            for piece in asked
        ]
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                said = await self._voice.say(wanted, budget, used)
        except TimeoutError:
            return f"the voice took longer than {self._seconds:g} s"
        except BudgetSpent as error:
            return str(error)
        except Exception as error:
            # Whatever it is: a broken voice costs the voice, never the answer.
            return f"{FAILED}: {str(error) or type(error).__name__}"
        for piece in asked:
            words = said.get(work.number[piece], "")
            work.take(piece, words, self._fault(piece, work.masked[piece], words))
        return ""

    def _fault(self, piece: Piece, masked: Masked, words: str) -> str:
        if not words:
            return "was not said"
        return masked.fault(words) or self._gate.fault(piece.text, masked.restore(words))


class _Work:
    """One answer's sentences, and what has become of them."""

    def __init__(self, text: str, *, single: bool) -> None:
        self.pieces = list(pieces(text))
        self.groups = list(groups(self.pieces, text, single=single))
        self.masked = {piece: mask(piece.text) for piece in self.pieces}
        self.number = {piece: n for n, piece in enumerate(self.pieces)}
        self.voiced: dict[Piece, str] = {}
        self.faults: dict[Piece, str] = {}
        """Why a sentence is plain that was asked for."""
        self._plain = text

    def take(self, piece: Piece, words: str, fault: str) -> None:
        """A voice's words for a sentence; they count where nothing is wrong with them."""
        self.faults.pop(piece, None)
        if fault:
            self.faults[piece] = fault
        elif (restored := self.masked[piece].restore(words).strip()) != piece.text:
            self.voiced[piece] = restored

    def give_up(self, reason: str) -> None:
        """Leave plain what is not restyled yet."""
        for piece in self.pieces:
            if piece not in self.voiced:
                self.faults[piece] = reason.rstrip(".")

    @property
    def text(self) -> str:
        """The answer as it now stands."""
        return replaced(self._plain, sorted(self.voiced.items(), key=lambda item: item[0].start))

    def summary(self) -> str:
        """How much was restyled, and why the rest was not."""
        if not self.pieces:
            return "nothing here can be restyled."
        whole = len(self.pieces)
        done = f"{len(self.voiced)} of {whole} sentence{'s' if whole != 1 else ''} restyled"
        left = [piece for piece in self.pieces if piece not in self.voiced]
        if not left:
            return f"{done}."
        why = Counter(self.faults.get(piece, _UNCHANGED) for piece in left)
        shown = [one_line(reason)[:_REASON] for reason, _ in why.most_common(_REASONS)]
        more = ", and others" if len(why) > _REASONS else ""
        return f"{done}; the rest stays plain ({'; '.join(shown)}{more})."


def _notes(*notes: str) -> str:
    return " ".join(filter(None, notes))

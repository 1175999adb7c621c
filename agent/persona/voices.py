"""Who speaks in a persona's place: a chat model with the card as its prompt, or the card's tables.

A voice is not trusted: whatever it says is checked in `restyle.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from agent.card import TEXT
from agent.messages import Message, ModelUsage, TextDelta
from agent.models.metered import Metered
from agent.prompts import prompt

if TYPE_CHECKING:
    from agent.budget import Budget
    from agent.card import Card
    from agent.models.base import ChatModel

_EXAMPLES = 6
"""Examples of a card that a model is shown."""
_LISTED = 40
"""Asides and swaps of a card that a model is told."""
_NUMBERED = re.compile(r"\s*(\d{1,3})\s*[|.):]\s*(\S.*)")
_START = re.compile(r"(?:\{\d+\}|[^\w\s{}])*")
"""What may stand before the first word of a sentence: marks, and holes that hold such."""
_END = re.compile(r"(?:[.!?…]+(?:\s*\{\d+\})*)?\s*\Z")
"""Where a sentence ends: its stop, with the markers behind it."""
_KEEP = {
    "words": "Every word that states something, in the same order. Only spelling, contractions and "
    "the words and asides listed below may differ.",
    "facts": "Every name, number and comparison, in the same order, and most of the words.",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A sentence to be restyled."""

    n: int
    """Its number among those of the answer, from 0."""
    text: str
    """With holes; see `mask.py`."""
    fault: str = ""
    """What was wrong with the first attempt, as words behind "it"; empty at the first."""


class Voice(Protocol):
    """Restyles sentences."""

    single: bool
    """Wants each sentence by itself."""

    async def say(
        self, asked: Sequence[Asked], budget: Budget, used: list[ModelUsage]
    ) -> dict[int, str]:
        """The restyled sentences by `Asked.n`; one that is missing was not restyled.

        Args:
            asked: Neighbours.
            budget: Of the ask.
            used: Grows by what each call used, also where this fails.

        Raises:
            ModelError: The model did not answer.
            BudgetSpent: The ask may not go on.
        """

    async def aclose(self) -> None:
        """Let go of connections and memory."""


class Prompted:
    """A chat model that is told the card, or was trained in its voice."""

    def __init__(self, card: Card, model: ChatModel, *, trained: bool = False) -> None:
        """Take the model.

        Args:
            card: How to speak.
            model: Any that writes.
            trained: It speaks so of itself: it is shown one sentence at a time, in the words that
                its training pairs had, and not told the card.
        """
        self.single = self._trained = trained
        self._model = model
        self._instruction = card.instruction
        system = card.system if trained else _instructions(card)
        self._told = (Message("system", system),) if system else ()

    async def say(
        self, asked: Sequence[Asked], budget: Budget, used: list[ModelUsage]
    ) -> dict[int, str]:
        """See `Voice.say`: one call for all of them."""
        shown = asked[0].text if len(asked) == 1 else _numbered(asked)
        if self._trained:
            shown = (
                self._instruction.replace(TEXT, shown)
                if self._instruction
                else prompt("persona_trained", text=shown)
            )
        if faults := [one for one in asked if one.fault]:
            told = "\n".join(
                f"- {'It' if len(asked) == 1 else f'{n}'} was thrown away: it {one.fault}."
                for n, one in enumerate(asked, 1)
                if one in faults
            )
            shown = f"{shown}\n\nYour last attempt:\n{told}"
        size = sum(len(one.text) for one in asked)
        said: list[str] = []
        stream = Metered(self._model, budget).stream(
            (*self._told, Message("user", shown)), max_tokens=64 + size
        )
        async with aclosing(stream) as deltas:
            async for delta in deltas:
                if isinstance(delta, TextDelta):
                    said.append(delta.text)
                elif isinstance(delta, ModelUsage):
                    used.append(delta)
        return _parsed("".join(said), asked)

    async def aclose(self) -> None:
        """Let go of the model's connections and memory."""
        await self._model.aclose()


class Tables:
    """The card's swaps and asides, applied by rule: no model, and no understanding."""

    single = False

    def __init__(self, card: Card) -> None:
        self._swaps = [
            (
                re.compile(rf"(?<![\w'’])(?:{re.escape(plain)})(?![\w'’])", re.IGNORECASE),
                partial(_cased, plain=plain, voiced=voiced),
            )
            for plain, voiced in sorted(card.words.items(), key=lambda pair: -len(pair[0]))
        ]
        self._openers = [aside for aside in card.asides if aside[:1].isupper()]
        self._closers = [aside for aside in card.asides if not aside[:1].isupper()]

    async def say(
        self, asked: Sequence[Asked], budget: Budget, used: list[ModelUsage]
    ) -> dict[int, str]:
        """See `Voice.say`. An aside opens every other sentence, or closes it; none at a retry."""
        budget.check()
        said = {}
        for one in asked:
            text = one.text
            for found, voiced in self._swaps:
                text = found.sub(voiced, text)
            if not one.fault:
                text = self._with_aside(text, one.n)
            said[one.n] = text
        return said

    async def aclose(self) -> None:
        """Nothing is held."""

    def _with_aside(self, text: str, n: int) -> str:
        turn, second = divmod(n, 2)
        if second and self._closers:
            end = _END.search(text)
            assert end is not None  # it matches at the end of any text
            return f"{text[: end.start()]}, {self._closers[turn % len(self._closers)]}{end[0]}"
        if not second and self._openers:
            # Names are holes: what opens the sentence with a capital is a common word.
            plain = text if re.match(r"I(?!\w)", text) else text[:1].lower() + text[1:]
            return f"{self._openers[turn % len(self._openers)]}, {plain}"
        return text


def _cased(found: re.Match[str], *, plain: str, voiced: str) -> str:
    # A capital of the card's own ("I'm") does not open a sentence wherever it stands.
    first = _START.fullmatch(found.string, 0, found.start()) is not None
    opens = first or not plain[:1].isupper()
    return voiced[:1].upper() + voiced[1:] if opens and found[0][:1].isupper() else voiced


def _instructions(card: Card) -> str:
    asides = words = examples = ""
    if card.asides:
        listed = "; ".join(card.asides[:_LISTED])
        where = "set off by commas, best at the beginning or the end"
        asides = f"\nAsides that you may put in, {where}, and no others: {listed}.\n"
    if card.words:
        pairs = (f"“{plain}” → “{voiced}”" for plain, voiced in card.words.items())
        words = f"\nWords that you may swap: {', '.join([*pairs][:_LISTED])}.\n"
    if card.examples:
        pairs = (f"plain: {e.plain}\nvoiced: {e.voiced}" for e in card.examples[:_EXAMPLES])
        examples = "\nExamples:\n" + "\n".join(pairs) + "\n"
    return prompt(
        "persona",
        voice=card.description or card.name,
        rules="\n".join(f"- {rule}" for rule in card.rules),
        keep=_KEEP[card.keep],
        asides=asides,
        words=words,
        examples=examples,
    )


def _numbered(asked: Sequence[Asked]) -> str:
    return "\n".join(f"{n}| {one.text}" for n, one in enumerate(asked, 1))


def _parsed(reply: str, asked: Sequence[Asked]) -> dict[int, str]:
    lines = [line for line in reply.splitlines() if line.strip()]
    if len(asked) == 1:
        text = " ".join(" ".join(lines).split())
        numbered = re.match(r"1\s*\|\s*", text)
        return {asked[0].n: text[numbered.end() :] if numbered else text}
    said: dict[int, str] = {}
    for line in lines:
        if (found := _NUMBERED.fullmatch(line)) and 1 <= int(found[1]) <= len(asked):
            # Of two lines with one number neither is known to be meant.
            n = asked[int(found[1]) - 1].n
            said[n] = "" if n in said else " ".join(found[2].split())
    return said

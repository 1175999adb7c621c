"""What a question would cost in each mode, and where reading a whole library breaks even.

Arithmetic on counts and prices that are handed in; it reads no library and asks no model. Prices
are the model's (`Price.source` says where they are from). What is assumed stands in this file's
constants, and `agent ask --explain-cost` prints what comes of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent.messages import Price
from knowledge.split import LIMIT

ANSWER = 300
"""Tokens of an answer, where the user has not limited them to fewer: some five paragraphs."""
REQUEST = 40
"""Tokens in which a model asks for a tool: a name and one line of JSON."""
PROMPT = 300
"""Tokens of a mode's instructions (the naive prompt has about 270)."""
TOOLS = 900
"""Tokens of the instructions and of the tools' schemas that a loop sends with each call: half of
them each."""
HEADING = 20
"""Tokens of the lines around a passage, which name and fence it."""
PASSAGE = LIMIT + HEADING
"""Tokens of a retrieved passage at most."""
PACKING = 1.05
"""The library as a prompt, against its bare text: titles, places and numbers are added."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the cost of one question depends on. Counts are of the model's tokens."""

    question: int
    """The question, the earlier turns and what was handed in: what every prompt holds."""
    library: int
    """All that may be searched, as one prompt's prefix."""
    passages: int
    """How many one search retrieves."""
    price: Price
    passage: int = PASSAGE
    """Tokens of one, with its heading."""
    answer: int = ANSWER
    """Expected of the answer."""
    held: bool = False
    """Whether the prefix has been read before, and is still kept by whoever reads it."""
    asks: int = 1
    """Over how many questions reading it for the first time is spread."""
    searches: int = 1
    """How many the question needs where its parts are searched for by themselves."""
    tokens: bool = True
    """Whether the model reads by tokens at all; else every count is 0."""
    tools: bool = True
    """Whether the model can call tools: it is then asked before each search."""

    @property
    def search(self) -> int:
        """Tokens that one search gives of a library that has more."""
        return self.passages * self.passage

    @property
    def retrieved(self) -> int:
        """Tokens that one search puts into a prompt."""
        return min(self.search, self.library)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one mode would use for one question."""

    mode: str
    calls: int
    """To the model."""
    steps: int
    """Calls to the model and to tools."""
    prompt: int
    """Tokens of all prompts together."""
    cached: int
    """Those of them that are read from a cache."""
    written: int
    """Those of them that are written to one."""
    answer: int
    """Tokens of all answers together."""
    longest: int
    """Tokens of the longest single prompt that cannot be shortened."""
    cost: float
    """Of this question, at the case's price."""
    spread: float
    """The same, with a first reading of the library spread over `Case.asks` questions."""


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where reading the whole library costs as much as retrieving from it."""

    library: float
    """Tokens of a library that has been read before, below which reading it again is cheaper;
    infinite where that is free."""
    asks: int | None
    """Questions after which reading this library for the first time has paid; None for never."""


def naive(case: Case) -> Estimate:
    """One search, one call."""
    prompt = PROMPT + case.question + case.retrieved
    return _estimate("naive", case, calls=1, steps=1, prompt=prompt, answer=case.answer)


def agentic(case: Case) -> Estimate:
    """A call before each search, which sees what was found before, and one for the answer.

    For a model without tools a policy searches; the model then sees the best of what was found,
    no more than one search gives. Drafts that are sent back are not counted.
    """
    searches = case.searches
    if not case.tools:
        prompt = PROMPT + case.question + case.retrieved
        return _estimate(
            "agentic", case, calls=1, steps=1 + searches, prompt=prompt, answer=case.answer
        )
    prompt = sum(
        TOOLS + case.question + done * REQUEST + min(done * case.retrieved, case.library)
        for done in range(searches + 1)
    )
    return _estimate(
        "agentic",
        case,
        calls=searches + 1,
        steps=2 * searches + 1,
        prompt=prompt,
        answer=case.answer + searches * REQUEST,
    )


def cag(case: Case) -> Estimate:
    """One call, whose prompt begins with the whole library."""
    rest, read = PROMPT + case.question, case.library
    return _estimate(
        "cag",
        case,
        calls=1,
        steps=1,
        prompt=rest + read,
        answer=case.answer,
        cached=read if case.held else 0,
        written=0 if case.held else read,
        longest=rest + read,
    )


ESTIMATES = {"naive": naive, "agentic": agentic, "cag": cag}
"""The modes whose cost can be told beforehand."""


def break_even(case: Case) -> BreakEven:
    """Where cached reading and one search cost the same; the rest of a prompt costs both alike.

    A library of L tokens that is held costs `L x cached`, and R retrieved tokens cost
    `R x input`: at a cached price of 0.1 of the input's, reading is cheaper below L = 10 R. One
    that is not held costs `L x written` once, and the cached price from the second question on.
    """
    price, read = case.price, case.library
    most = case.search * price.input
    library = most / price.cached if price.cached else math.inf
    gain = case.retrieved * price.input - read * price.cached
    first = read * (price.written - price.cached)
    if first <= 0:
        return BreakEven(library, 1 if gain >= 0 else None)
    return BreakEven(library, math.ceil(first / gain) if gain > 0 else None)


def dollars(cost: float) -> str:
    """A cost to two digits that count, in full: `$0.0008`, `$0.011`, `$1.20`."""
    if cost <= 0:
        return "$0"
    digits = max(2, 1 - math.floor(math.log10(cost)))
    return f"${cost:.{digits}f}" if digits <= 6 else "less than $0.000001"


def _estimate(
    mode: str,
    case: Case,
    *,
    calls: int,
    steps: int,
    prompt: int,
    answer: int,
    cached: int = 0,
    written: int = 0,
    longest: int = 0,
) -> Estimate:
    if not case.tokens:
        return Estimate(mode, calls, steps, 0, 0, 0, 0, 0, 0.0, 0.0)
    price = case.price
    plain = (prompt - cached - written) * price.input + answer * price.output
    cost = plain + cached * price.cached + written * price.written
    again = written * (price.written + (case.asks - 1) * price.cached) / case.asks
    return Estimate(
        mode=mode,
        calls=calls,
        steps=steps,
        prompt=prompt,
        cached=cached,
        written=written,
        answer=answer,
        longest=longest,
        cost=cost,
        spread=plain + cached * price.cached + again,
    )

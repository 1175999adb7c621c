"""Which mode suits a question best, given what each would cost. Pure: facts in, a plan out.

Three things decide, in this order: what cannot run or costs more than was allowed is out; then
what suits the kind of question; then what is cheapest. Cost is the model's price; where that is
nothing or unknown, the tokens that have to be read; a model without tokens costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.messages import Price
from agent.modes.costs import ESTIMATES, BreakEven, Case, Estimate, break_even, dollars
from agent.modes.question_kind import WORDS, Kind, Reading

if TYPE_CHECKING:
    from agent.budget import Limits
    from knowledge.corpus import Extent

UNASKED = 0.05
"""US dollars that reading a whole library may cost where the user has set no limit of cost."""
UNASKED_TOKENS = 50_000
"""Tokens that are read for it where no price tells what they are worth."""
UNASKED_CHARACTERS = 4 * UNASKED_TOKENS
"""Characters that a model without tokens reads through for it, unless it has read them before."""
_LEAST = 16
"""Tokens of an answer that a budget must leave room for."""
_EFFORT = Price(input=1.0, output=1.0, cached=0.0, written=1.0)
"""For a model that is free: what is kept of a prompt has not to be read again."""
_AMOUNT = Price(input=1.0, output=1.0, cached=1.0, written=1.0)
"""For one whose price nobody knows: nor does anybody know what its cache saves."""

_ANY = frozenset(ESTIMATES)
_SUITED: dict[Kind, tuple[frozenset[str], ...]] = {
    "single": (_ANY,),
    "compound": (frozenset({"agentic", "cag"}), _ANY),
    "comparison": (frozenset({"agentic", "cag"}), _ANY),
    "list": (frozenset({"cag"}), frozenset({"agentic"}), _ANY),
    "summary": (frozenset({"cag"}), frozenset({"agentic"}), _ANY),
}
"""The modes by kind of question, best first. One search finds the passages of one thing; several
things want several searches; and only who reads everything can say that nothing is left out."""
SIMPLEST = ("naive", "agentic", "cag")
"""The order among equals."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a choice depends on beside the question."""

    extent: Extent
    """Of all that may be searched."""
    case: Case
    """Its `price` is the model's; free where nobody knows it."""
    known: bool
    """Whether somebody knows the price."""
    window: int | None
    """The model's, in tokens; None where nobody knows."""
    reserve: int
    """Tokens of the window that are kept for the answer."""
    limits: Limits

    @property
    def priced(self) -> bool:
        """Whether the model is known to cost money."""
        return self.known and bool(self.case.price.input or self.case.price.output)


@dataclass(frozen=True, slots=True)
class Option:
    """One mode, and why it cannot be taken."""

    estimate: Estimate
    """In US dollars."""
    weight: float
    """What the router compares: dollars, or tokens; the writing of a prefix is spread."""
    fits: bool
    """Whether its longest prompt and an answer fit the model's window, as far as that is known."""
    obstacle: str
    """A clause in words for the user; empty where it can be taken."""

    @property
    def mode(self) -> str:
        """As `--mode` names it."""
        return self.estimate.mode


@dataclass(frozen=True, slots=True)
class Plan:
    """What a router would do, and the arithmetic behind it."""

    reading: Reading
    facts: Facts
    options: tuple[Option, ...]
    """Best first; never empty."""
    even: BreakEven
    why: str
    """For the first option, in one line."""

    @property
    def mode(self) -> str:
        """The chosen one."""
        return self.options[0].mode


def decide(reading: Reading, facts: Facts, modes: Collection[str]) -> Plan:
    """Rank the modes.

    Args:
        reading: Of the question.
        facts: Everything else.
        modes: Those that exist; at least one that `costs.ESTIMATES` knows.
    """
    case = facts.case
    yardstick = _yardstick(facts)
    options = []
    for name in modes:
        if name in ESTIMATES:
            estimate = ESTIMATES[name](case)
            weight = ESTIMATES[name](yardstick).spread
            options.append(
                Option(estimate, weight, _fits(estimate, facts), _obstacle(estimate, facts))
            )
    best = _SUITED[reading.kind]

    def rank(option: Option) -> tuple[bool, int, float, int]:
        suited = next(i for i, group in enumerate(best) if option.mode in group)
        order = SIMPLEST.index(option.mode)
        if not facts.extent.documents:
            suited = 0  # there is nothing to read; the simplest says so
        return bool(option.obstacle), suited, option.weight, order

    options.sort(key=rank)
    return Plan(
        reading, facts, tuple(options), break_even(yardstick), _why(reading.kind, facts, options)
    )


def _yardstick(facts: Facts) -> Case:
    """The case at the price by which the modes are compared."""
    case = facts.case
    if facts.priced:
        return case
    price = _EFFORT if facts.known else _AMOUNT
    return replace(case, price=price)


def _fits(estimate: Estimate, facts: Facts) -> bool:
    """Whether a mode's prompt and an answer fit; what may leave passages out always does."""
    if facts.window is None or not estimate.longest:
        return True
    return estimate.longest + facts.reserve <= facts.window


def _obstacle(estimate: Estimate, facts: Facts) -> str:
    """Why a mode cannot be taken; empty where it can. Budgets are judged by the worst case."""
    limits, price = facts.limits, facts.case.price
    if limits.steps is not None and estimate.steps > limits.steps:
        return f"it takes about {estimate.steps} steps, and {limits.steps} are allowed"
    if not _fits(estimate, facts):
        needed = estimate.longest + facts.reserve
        return (
            f"the library and an answer take {needed:,} tokens, and the model reads "
            f"{facts.window or 0:,}"
        )
    if limits.tokens is not None and estimate.prompt + _LEAST > limits.tokens and facts.case.tokens:
        return f"its prompts have {estimate.prompt:,} tokens, and {limits.tokens:,} are allowed"
    if facts.priced and limits.cost is not None:
        worst = estimate.prompt * max(price.input, price.written) + _LEAST * price.output
        if worst > limits.cost:
            return f"it might cost {dollars(worst)}, and {dollars(limits.cost)} is allowed"
    return _unasked(estimate, facts) if estimate.mode == "cag" else ""


def _unasked(estimate: Estimate, facts: Facts) -> str:
    """Why reading a whole library is more than one does of oneself; empty where it is not."""
    if facts.priced:
        if facts.limits.cost is None and estimate.cost > UNASKED:
            return (
                f"it costs {dollars(estimate.cost)}, and more than {dollars(UNASKED)} "
                "is not spent unasked: --max-cost allows it"
            )
    elif facts.case.tokens:
        read = facts.case.library
        if facts.known and facts.case.held:
            return ""
        if facts.limits.tokens is None and read > UNASKED_TOKENS:
            return (
                f"more than {UNASKED_TOKENS:,} tokens are not read unasked: --max-tokens allows it"
            )
    elif facts.extent.characters > UNASKED_CHARACTERS and not facts.case.held:
        return f"more than {UNASKED_CHARACTERS:,} characters are not read unasked: --mode cag"
    return ""


def _why(kind: Kind, facts: Facts, options: list[Option]) -> str:
    if not facts.extent.documents:
        return "the library is empty"
    chosen = options[0]
    reasons = [] if kind == "single" and facts.case.tokens else [WORDS[kind]]
    reasons.append(_compared(facts, {option.mode: option for option in options}, chosen))
    preferred = _SUITED[kind][0]
    reasons += [
        f"not {option.mode}: {option.obstacle}"
        for option in options[1:]
        if option.obstacle and (option.mode in preferred) and kind != "single"
    ]
    return "; ".join(filter(None, reasons))


def _compared(facts: Facts, by_mode: dict[str, Option], chosen: Option) -> str:
    """What the library is, and what reading and retrieving come to."""
    case, money = facts.case, facts.priced
    if not facts.case.tokens:
        about = f"the library has {facts.extent.characters:,} characters"
        return about + (", read before," if case.held else "") + " and reading is free"
    text = f"the library is {case.library:,} tokens" + (" and cached" if case.held else "")
    verb, sides = "costs" if money else "takes", list[str]()
    for mode, side in (("cag", "reading it"), ("naive", "retrieval"), ("agentic", "a loop")):
        if mode in by_mode and (mode != "agentic" or chosen.mode == mode):
            weight = by_mode[mode].weight
            amount = dollars(weight) if money else f"{weight:,.0f} tokens"
            spread = mode == "cag" and case.asks > 1 and not case.held
            over = f" (over {case.asks} questions)" if spread else ""
            sides.append(f"{side} {verb if not sides else ''} {amount}{over}".replace("  ", " "))
    return "; ".join(filter(None, (text, ", ".join(sides))))

"""`agent ask --explain-cost`: the arithmetic behind a choice of mode, with nothing asked."""

from __future__ import annotations

import asyncio
import math
import sys
from typing import TYPE_CHECKING, Any

from agent.cli.json_text import dump
from agent.cli.terminal import Console, line, paint
from agent.cli.text import plural
from agent.modes.question_kind import WORDS

if TYPE_CHECKING:
    from agent.modes.choice import Option, Plan
    from agent.session import Session
    from agent.wiring import Parts
    from knowledge.library import Filters

_MILLION = 1_000_000


def explain(
    console: Console,
    parts: Parts,
    session: Session,
    question: str,
    context: str,
    filters: Filters | None,
    *,
    as_json: bool,
) -> int:
    """Show what each mode would use for a question, and which one auto would take.

    No model is asked and the network is not used.

    Returns:
        The exit code.
    """
    from agent.budget import Budget, Limits
    from agent.modes.base import Turn
    from agent.modes.read_before import ReadBefore
    from agent.modes.router import Auto

    config = parts.config
    limits = Limits(config.max_cost, config.max_tokens, config.max_steps, config.max_seconds)
    turn = Turn(
        question=question,
        library=session.library,
        model=session.model,
        history=session.history,
        context=context,
        filters=filters,
        passages=config.passages,
        max_tokens=config.answer_tokens,
        budget=Budget(limits),
    )
    modes = {name: mode for name, mode in parts.modes().items() if name != Auto.name}
    plan = asyncio.run(Auto(modes, ReadBefore(parts.paths.cache)).plan(turn))
    name = session.model.name
    text = dump(_object(plan, name)) if as_json else "\n".join(_lines(plan, name))
    sys.stdout.write(text + "\n")
    if not as_json and not plan.facts.case.tokens:
        console.note("See what another model would cost: --model NAME")
    return 0


def _lines(plan: Plan, model: str) -> list[str]:
    facts, case = plan.facts, plan.facts.case
    library = (
        f"{plural(facts.extent.documents, 'document')}, {facts.extent.characters:,} characters"
    )
    if facts.case.tokens:
        library += f", about {case.library:,} tokens"
    library += ", read before and kept" if case.held else ", not read before"
    asked = f"{WORDS[plan.reading.kind]}; {plural(case.searches, 'search', 'searches')} expected"
    if facts.case.tokens:
        asked += f"; an answer of {case.answer:,} tokens assumed"
    return [
        f"model     {line(model)}: {_price(plan)}",
        f"library   {library}",
        f"question  {asked}",
        "",
        *_table(plan),
        *(f"{option.mode}: {option.obstacle}" for option in plan.options if option.obstacle),
        "",
        *([_even(plan)] if facts.case.tokens else []),
        f"auto would take {paint(plan.mode, 'bold', sys.stdout)}: {plan.why}",
    ]


def _price(plan: Plan) -> str:
    facts, price = plan.facts, plan.facts.case.price
    if not facts.case.tokens:
        return "reads without tokens: every mode is free"
    if not facts.known:
        return "its price is not known, so the modes are compared by tokens"
    if not facts.priced:
        return f"free ({price.source}), so the modes are compared by tokens that have to be read"
    sides = (
        ("read", price.input),
        ("from the cache", price.cached),
        ("to the cache", price.written),
        ("answered", price.output),
    )
    each = ", ".join(f"${value * _MILLION:,.4g} {side}" for side, value in sides)
    return f"{each}, a million tokens ({price.source})"


def _table(plan: Plan) -> list[str]:
    head = ("mode", "calls", "prompt", "cached", "answer", "cost", "fits")
    rows = [head, *(_row(plan, option) for option in plan.options)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return [paint(lines[0], "dim", sys.stdout), *lines[1:]]


def _row(plan: Plan, option: Option) -> tuple[str, ...]:
    from agent.modes.costs import dollars

    estimate = option.estimate
    counts = (estimate.calls, estimate.prompt, estimate.cached, estimate.answer)
    cost = dollars(estimate.cost) if plan.facts.known else "unknown"
    return (
        option.mode,
        *(f"{count:,}" for count in counts),
        cost,
        "yes" if option.fits else "no",
    )


def _even(plan: Plan) -> str:
    """Where reading the library breaks even, and by which rule."""
    even, case = plan.even, plan.facts.case
    rule = f"One search puts up to {case.search:,} tokens into the prompt. "
    if math.isinf(even.library):
        rule += "What is kept of the library has not to be read again"
    else:
        rule += (
            f"A library that is cached is cheaper to read than to search below {even.library:,.0f} "
            "tokens (those of a search x price read / price from the cache)"
        )
    if case.held:
        return f"{rule}."
    if even.asks is None:
        return f"{rule}; this one never pays."
    return f"{rule}; reading this one pays from question {even.asks} on."


def _object(plan: Plan, model: str) -> dict[str, Any]:
    facts, case, even = plan.facts, plan.facts.case, plan.even
    price = case.price
    return {
        "model": model,
        "price": {
            "input": price.input,
            "output": price.output,
            "cached": price.cached,
            "written": price.written,
            "source": price.source,
        }
        if facts.known
        else None,
        "window": facts.window,
        "library": {
            "documents": facts.extent.documents,
            "characters": facts.extent.characters,
            "tokens": case.library,
            "cached": case.held,
        },
        "question": {
            "kind": plan.reading.kind,
            "searches": case.searches,
            "tokens": case.question,
            "retrieved_tokens": case.retrieved,
        },
        "modes": [
            {
                "mode": option.mode,
                "calls": option.estimate.calls,
                "prompt_tokens": option.estimate.prompt,
                "cached_tokens": option.estimate.cached,
                "written_tokens": option.estimate.written,
                "answer_tokens": option.estimate.answer,
                "cost": round(option.estimate.cost, 8) if facts.known else None,
                "fits": option.fits,
                "obstacle": option.obstacle or None,
            }
            for option in plan.options
        ],
        "break_even": {
            "library_tokens": None if math.isinf(even.library) else round(even.library),
            "questions": even.asks,
        },
        "route": {"asked": "auto", "mode": plan.mode, "why": plan.why},
    }

"""A plan as text that a person can change, and what they made of it. Pure.

    # Lines that begin with # are left out.
    1. How long is the Kiel Canal? (a number)
       - Kiel Canal length
    2. …

A line with a number or without an indent is a sub-question; indented lines that begin with a dash
are its queries.
"""

from __future__ import annotations

import re

from agent.errors import UsageError
from agent.plain_text import line
from agent.research.plan import QUERIES, queries
from agent.research.types import Part, Plan

_PART = re.compile(r"(?:\d+[.)]\s*)?(?P<question>\S.*?)(?:\s+\((?P<wanted>[^()]*)\))?")
_QUERY = re.compile(r"\s+[-*•]\s+(?P<query>\S.*)")
_MOST = 20
"""Sub-questions that a person may give."""


def as_text(plan: Plan) -> str:
    """The parts, one a paragraph, ending in a line feed. Safe to show on a terminal."""
    lines: list[str] = []
    for part in plan.parts:
        lines.append(f"{part.n}. {line(part.question)} ({_plain(part.answered_by)})")
        lines += [f"   - {line(query)}" for query in part.queries]
    return "\n".join(lines) + "\n"


def from_text(text: str, plan: Plan) -> Plan:
    """The plan that a person made of `as_text`; a part without queries gets those of its words.

    Args:
        text: What they left.
        plan: What they were shown; its question and estimate stay.

    Raises:
        UsageError: No sub-question is left, a query stands before the first, or there are more
            than are searched for.
    """
    parts: list[Part] = []
    for written in text.splitlines():
        if not written.strip() or written.lstrip().startswith("#"):
            continue
        if query := _QUERY.fullmatch(written):
            if not parts:
                raise UsageError(
                    f"A query stands before the first sub-question: {written.strip()}",
                    hint="Write the sub-question above it, without an indent.",
                )
            last = parts[-1]
            asked = (*last.queries, query["query"].strip())
            parts[-1] = Part(last.n, last.question, last.answered_by, asked)
        elif found := _PART.fullmatch(written.strip()):
            wanted = found["wanted"] or "what sources say about it"
            parts.append(Part(len(parts) + 1, found["question"], wanted, ()))
    if not parts:
        raise UsageError("No sub-question is left.", hint="Leave at least one line of the plan.")
    if len(parts) > _MOST:
        raise UsageError(f"There are {len(parts)} sub-questions, and {_MOST} are the most.")
    for part in parts:
        if (many := len(part.queries)) > QUERIES:
            raise UsageError(
                f"A sub-question has {many} queries, and {QUERIES} are the most: {part.question}"
            )
    kept = tuple(
        part
        if part.queries
        else Part(part.n, part.question, part.answered_by, queries(part.question))
        for part in parts
    )
    return Plan(plan.question, kept, plan.estimate)


def _plain(wanted: str) -> str:
    """Without parentheses, which mark where it begins."""
    return line(wanted.replace("(", "[").replace(")", "]"))

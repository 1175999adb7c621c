"""A question -> its sub-questions, what would answer each, how to search, and what it may cost.

By rule for a model that only quotes, otherwise by the model, whose plan is checked. Searches
nothing. `plan_text.py` shows a plan and reads one that was edited.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.messages import Message
from agent.models.reader.question import Kind, analyse
from agent.modes.policy.decompose import parts as decompose
from agent.prompts import prompt
from agent.research.asking import ask_json, line
from agent.research.reading_list import SPARE
from agent.research.subject import with_subject
from agent.research.types import Estimate, Part, Plan
from knowledge.pack import fenced

if TYPE_CHECKING:
    from agent.models.base import ChatModel
    from agent.research.base import Options

QUERIES = 3
"""For one sub-question at most."""
_LONGEST = 400
"""Characters of a sub-question or a query."""
_ANSWER = 1500
"""Tokens of a plan at most."""
_PAGE_TOKENS = 3000
"""Of a page of the usual length with the instructions, as a prompt. An assumption."""
_NOTE_TOKENS = 400
"""Of the notes that a model takes of a page. An assumption."""
_SECTION_TOKENS = (2500, 500)
"""Of the prompt and the answer for a section of the report. An assumption."""
_PAGE_SECONDS = 1.5
"""For a page, several being read at once. An assumption."""
_CALL_SECONDS = 6.0
"""For a call to a model that is not embedded. An assumption."""

_ANSWERED_BY: dict[Kind, str] = {
    "person": "a name",
    "date": "a date",
    "place": "a place",
    "number": "a number",
    "reason": "a reason",
    "way": "a way to do it",
    "definition": "what it is",
    "whether": "yes or no, and why",
}
_PAUSE = re.compile(r"\s*[()?]\s*")
_ABOUT = 3
"""Words of the whole question that a part takes along."""


def by_rule(question: str, options: Options) -> Plan:
    """A plan from the form of the question alone: the questions in it, and their own words.

    Args:
        question: Not empty.
        options: `breadth` limits the parts.
    """
    clauses = decompose(question)[: options.breadth]
    first = " ".join(clauses[0].split())
    found = [_asked(with_subject(text, first, question)) for text in clauses]
    parts = tuple(
        Part(n, text, _answered_by(text), queries(text, "" if len(found) == 1 else question))
        for n, text in enumerate(found, start=1)
    )
    return Plan(question, parts, Estimate(_pages(len(parts), options), 0, 0.0, 0))


async def by_model(question: str, options: Options, model: ChatModel) -> Plan:
    """A plan that a model makes.

    Raises:
        BadModelOutput: It made none that can be used.
        BudgetSpent: The budget ended.
        ModelError: The model failed.
    """
    today = datetime.now(UTC).date().isoformat()
    messages = [
        Message("system", prompt("research_plan", breadth=str(options.breadth), today=today)),
        Message("user", fenced(question)),
    ]

    def check(data: Any) -> tuple[Part, ...]:
        return checked(data, options.breadth)

    parts = await ask_json(model, messages, check, max_tokens=_ANSWER)
    return estimated(Plan(question, parts, Estimate(0, 0, None, 0)), options, model)


def checked(data: Any, breadth: int) -> tuple[Part, ...]:
    """The parts in a plan's JSON, numbered anew; those that come twice, once.

    Raises:
        ValueError: There is none, or one lacks something.
    """
    listed = data.get("parts") if isinstance(data, dict) else data
    if not isinstance(listed, list) or not listed:
        raise ValueError('there is no list "parts" in it')
    parts: list[Part] = []
    known: set[str] = set()
    for n, item in enumerate(listed, start=1):
        if not isinstance(item, dict):
            raise ValueError(f"part {n} is no object")
        question = line(item.get("question"), _LONGEST)
        if not question:
            raise ValueError(f"part {n} has no question")
        given = item.get("queries")
        asked = [line(query, _LONGEST) for query in given] if isinstance(given, list) else []
        asked = list(dict.fromkeys(query for query in asked if query))[:QUERIES]
        if question.casefold() not in known:
            known.add(question.casefold())
            wanted = line(item.get("answered_by"), _LONGEST) or _answered_by(question)
            parts.append(Part(len(parts) + 1, question, wanted, tuple(asked or queries(question))))
    return tuple(parts[:breadth])


def estimated(plan: Plan, options: Options, model: ChatModel) -> Plan:
    """The plan with what it may come to with this model, if every round is needed.

    Figures are rough: the lengths of pages and answers are assumed, and prices are the model's.
    """
    pages, parts = _pages(len(plan.parts), options), len(plan.parts)
    if not model.count("word"):
        return Plan(plan.question, plan.parts, Estimate(pages, 0, 0.0, _seconds(pages // SPARE, 0)))
    noted = pages // SPARE
    calls = noted + options.depth + parts + 1
    prompts = noted * _PAGE_TOKENS + (options.depth + parts + 1) * _SECTION_TOKENS[0]
    answers = noted * _NOTE_TOKENS + (options.depth + parts + 1) * _SECTION_TOKENS[1]
    price = model.price
    cost = None if price is None else prompts * price.input + answers * price.output
    estimate = Estimate(pages, prompts + answers, cost, _seconds(noted, calls))
    return Plan(plan.question, plan.parts, estimate)


def _pages(parts: int, options: Options) -> int:
    """At most tried, those that say nothing and are replaced included."""
    return parts * options.pages * options.depth * SPARE


def _seconds(pages: int, calls: int) -> int:
    return round(pages * _PAGE_SECONDS + calls * _CALL_SECONDS)


def queries(question: str, whole: str = "") -> tuple[str, ...]:
    """Ways to search for a question by its own words, the best first.

    Args:
        question: What is searched for.
        whole: The question that it is a part of: lends what it is about; empty for none.
    """
    plain = _PAUSE.sub(" ", question).rstrip(" ?.!")[:_LONGEST]
    words = _words(plain)
    about = [word for word in _subject(whole) if word.casefold() not in plain.casefold()]
    found = [plain, " ".join([*words, *about])]
    if whole:
        found.append(" ".join(whole.split()).rstrip(" ?.!")[:_LONGEST])
    return tuple(dict.fromkeys(query for query in found if query))[:QUERIES] or (question,)


def _words(text: str) -> list[str]:
    """Its words of content, each once."""
    return [term.text for term in analyse(text).terms] if text else []


def _subject(text: str) -> list[str]:
    """What a question is about: its rarest words, in their order."""
    asked = analyse(text)
    order = sorted(range(len(asked.terms)), key=lambda i: (-asked.weights[i], i))
    return [asked.terms[i].text for i in sorted(order[:_ABOUT])]


def _asked(text: str) -> str:
    """A part as a question that reads as one."""
    text = " ".join(text.split())
    if not text.endswith("?") and analyse(text).kind != "keywords":
        text = f"{text}?"
    return text[:1].upper() + text[1:]


def _answered_by(question: str) -> str:
    return _ANSWERED_BY.get(analyse(question).kind, "what sources say about it")

"""Stored text, the notes of it and a report over them, for tests of what is written and shown."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from agent.research.types import (
    Conflict,
    Estimate,
    Gap,
    Method,
    Note,
    Part,
    Plan,
    Report,
    Section,
    Sentence,
    Source,
)

TEXTS = {
    "s1": (
        "Fastnet Rock has the tallest lighthouse of Ireland. It was first lit in 1904, after"
        " seven years of work. It is a myth that a queen paid for the tower."
    ),
    "s2": "A guide to the coast. Fastnet lighthouse was first lit in 1897. Boats leave at noon.",
    "s3": "Keepers lived on the rock until 1989, when the lamp of Fastnet was made automatic.",
}
"""By source: what was read, with one contradiction."""


def source(key: str, **changed: object) -> Source:
    """The source of one of the texts."""
    text = TEXTS.get(key, "")
    given: dict[str, object] = {
        "id": key,
        "origin": "web",
        "url": f"https://{key}.example/page",
        "final_url": f"https://{key}.example/page",
        "title": f"Page {key}",
        "author": "Ada Brown",
        "date": "2026-10-02",
        "retrieved_at": "2026-11-20T10:00:00+00:00",
        "snapshot": f"snap{key}",
        "sha256": sha256(text.encode()).hexdigest(),
        "flags": (),
        "length": len(text),
    }
    return Source(**(given | changed))  # type: ignore[arg-type]


def note(
    n: int,
    key: str,
    quote: str,
    *,
    part: int = 1,
    claim: str = "",
    score: float = 0.9,
    texts: Mapping[str, str] = TEXTS,
) -> Note:
    """A note whose quote stands in its source's text."""
    start = texts[key].index(quote)
    return Note(n, part, key, start, start + len(quote), quote, claim or quote, score)


NOTES = (
    note(1, "s1", "It was first lit in 1904, after seven years of work."),
    note(2, "s2", "Fastnet lighthouse was first lit in 1897.", score=0.8),
    note(3, "s3", TEXTS["s3"], part=2),
)
PLAN = Plan(
    "When was Fastnet lighthouse lit, and who kept it?",
    (
        Part(1, "When was Fastnet lighthouse first lit?", "a date", ("Fastnet first lit",)),
        Part(2, "Who kept Fastnet lighthouse?", "a name", ("Fastnet keepers",)),
        Part(3, "What did it cost?", "a number", ("Fastnet cost",)),
    ),
    Estimate(12, 0, 0.0, 30),
)
CONFLICT = Conflict(1, "first lit", (1, 2), "One says 1904, the other 1897.")
GAP = Gap(3, "Nothing that was read answers it.", ())


def report(**changed: object) -> Report:
    """A whole report."""
    given: dict[str, object] = {
        "id": "abc234",
        "question": PLAN.question,
        "plan": PLAN,
        "sections": (
            Section(
                PLAN.parts[0].question,
                1,
                (
                    Sentence(NOTES[0].quote, (1,), "quoted"),
                    Sentence("A guide says that it was lit in 1897.", (2,), "supported"),
                ),
            ),
            Section(
                PLAN.parts[1].question,
                2,
                (
                    Sentence("Keepers left the rock in 1989.", (3,), "unsupported"),
                    Sentence("Not much was found here.", (), "supported"),
                ),
            ),
        ),
        "conflicts": (CONFLICT,),
        "gaps": (GAP,),
        "sources": (source("s1"), source("s2"), source("s3")),
        "notes": NOTES,
        "dropped": 2,
        "marked": 1,
        "method": Method(
            "embedded", False, 2, 5, 3, (("https://gone.example/", "HTTP 404"),), 0, 0.0, 12.5, ""
        ),
    }
    return Report(**(given | changed))  # type: ignore[arg-type]

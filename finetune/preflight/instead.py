"""Where retrieval or a cached corpus would serve better than training, by plain rules on figures.

Training teaches a manner; facts that are new to the base it learns slowly, and then makes up others
(Gekhman et al. 2024, 2405.05904). The rules count words, and see nothing of what is meant: so they
advise, and never refuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from finetune.data import facts
from finetune.preflight.findings import Finding, Place

FEW = 100
"""Rows below which unsloth's data guide advises against training; LIMA trained a manner on 1,000
(Zhou et al. 2023, 2305.11206)."""
CHANGING, CITING, UNASKED = 0.2, 0.1, 0.5
"""Shares of answers from which on a rule speaks."""
FITS = 60_000
"""Tokens that a cached corpus may have: the windows of common local models less the answer."""

_CHANGES = re.compile(
    r"\b(?:today|currently|latest|as of|this (?:week|month|year)|now costs?|version \d|v\d+\.\d+"
    r"|20[12]\d)\b|[$€£]\s?\d",
    re.IGNORECASE,
)
_CITES = re.compile(
    r"\[\d+\]|https?://|\(source:|\baccording to\b|\bsee (?:section|page|chapter) \d", re.IGNORECASE
)
_NAME = re.compile(r"(?<=[\w,;] )[A-Z][a-z]{2,}\b")
_CHARACTERS = 4
"""Of a token, in English text and the usual vocabularies."""
_MOST = 5000


def hints(rows: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Hints of a chat set's training rows; every n-th where there are very many."""
    talks = [_talk(row) for row in rows[:: max(1, len(rows) // _MOST)]]
    talks = [(asked, said) for asked, said in talks if said]
    if not talks:
        return
    count = len(talks)
    where = (Place("train.jsonl"),)
    if len(rows) < FEW:
        yield Finding(
            "hint",
            "few-examples",
            f"There are {len(rows):,} training rows, fewer than {FEW}: as examples in a prompt "
            "they often serve as well, at once, and can be changed at any time.",
            where,
            fix="agent persona new, and put the best of them into the card as examples",
        )
    changing = sum(bool(_CHANGES.search(said)) for _, said in talks)
    citing = sum(bool(_CITES.search(said)) for _, said in talks)
    unasked = sum(_states_more(asked, said) for asked, said in talks)
    size = sum(len(said) for _, said in talks) // _CHARACTERS * max(1, len(rows) // count)
    tool = (
        f"agent add SOURCE, and: agent ask --mode cag (about {size:,} tokens: all of it can be "
        "read with every question)"
        if size <= FITS
        else f"agent add SOURCE, and: agent ask (about {size:,} tokens: retrieval finds the parts)"
    )
    for code, number, share, said in (
        (
            "facts-change",
            changing,
            CHANGING,
            "hold years, prices, versions or words such as `currently`: what has changed would "
            "have to be trained again, and the old answer stays in the weights",
        ),
        (
            "answers-cite",
            citing,
            CITING,
            "cite or link a source: a trained model writes citations that look right and point "
            "nowhere",
        ),
        (
            "facts-unasked",
            unasked,
            UNASKED,
            "state numbers or names that the question does not hold: training teaches manner "
            "better than facts, and answers of new facts teach a model to make up others",
        ),
    ):
        if number > share * count:
            yield Finding(
                "hint",
                code,
                f"{number:,} of {count:,} answers ({number / count:.0%}) {said}.",
                where,
                count=number,
                fix=tool,
            )


def _talk(row: Mapping[str, Any]) -> tuple[str, str]:
    """What is asked of a row, and what is answered."""
    asked: list[str] = []
    said: list[str] = []
    for turn in row["messages"]:
        (said if turn["role"] == "assistant" else asked).append(turn["content"])
    return "\n".join(asked), "\n".join(said)


def _states_more(asked: str, said: str) -> bool:
    if facts.numbers(said) - facts.numbers(asked):
        return True
    held = asked.casefold()
    return any(name.casefold() not in held for name in _NAME.findall(said))

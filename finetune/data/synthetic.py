"""Asks a model for what rules cannot write: plain versions of styled texts, and wrong ones.

The model is whatever is given as `ask`; this room knows none. Every answer goes to a journal as it
comes, so that a run may be stopped, killed or run out of its budget, and goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from finetune.data.facts import moved
from finetune.data.journal import Journal, Want, key_of
from finetune.data.prompts import prompt
from finetune.errors import FinetuneError, OutOfBudget

Ask = Callable[[list[dict[str, str]]], Awaitable[str]]
"""Messages in, the model's answer out. Raises `OutOfBudget` where no more may be spent."""

_TRIES = 2
"""Asks for one text: a first, and one more where the answer cannot be used."""


@dataclass(slots=True)
class Asked:
    """What came of asking."""

    written: int = 0
    """Answers that can be used, of this run."""
    known: int = 0
    """Texts whose answer, usable or not, had come before."""
    refused: int = 0
    """Texts whose answers could not be used."""
    waiting: int = 0
    """Texts not asked about, for the budget ended; the next run begins with them."""
    asks: int = 0
    """Calls to the model."""

    def plus(self, other: Asked) -> Asked:
        """The two together."""
        one, two = self.to_json(), other.to_json()
        return Asked(**{name: one[name] + two[name] for name in one})

    def to_json(self) -> dict[str, int]:
        """By name."""
        return asdict(self)


async def write_versions(
    texts: Iterable[str],
    want: Want,
    ask: Ask,
    journal: Journal,
    *,
    limit: int | None = None,
    at_once: int = 4,
    progress: Callable[[int], None] | None = None,
) -> Asked:
    """Have a version of each text written, and kept.

    Args:
        texts: In the voice; read as they are needed, so a source may be long.
        want: Which version.
        ask: The model.
        journal: Open for writing.
        limit: The most calls to make; None for no limit.
        at_once: Calls on their way at a time.
        progress: Told of the texts done.

    Raises:
        FinetuneError: A limit below 1. What else `ask` raises comes through when the calls on
            their way have ended; the journal has what had come.
    """
    if limit is not None and limit < 1:
        raise FinetuneError("The model may be asked at least once.", hint="--max-asks 100")
    asked, seen = Asked(), set[str]()
    work = _waiting(texts, want, journal, asked, seen)
    ended = broken = False

    async def worker() -> None:
        nonlocal ended, broken
        for text in work:
            if broken:
                return
            if ended or (limit is not None and asked.asks >= limit):
                ended = True
                asked.waiting += 1
                continue
            try:
                await one(text)
            except OutOfBudget:
                ended = True
                asked.waiting += 1
            except BaseException:
                broken = True
                raise
            if progress is not None:
                progress(asked.written + asked.refused + asked.known)

    async def one(text: str) -> None:
        why = ""
        for _ in range(_TRIES):
            if limit is not None and asked.asks >= limit:
                raise OutOfBudget("The model has been asked as often as it may be.")
            asked.asks += 1
            answer = _bare(await ask(_messages(want, text)))
            why = _fault(want, text, answer)
            if not why:
                journal.keep(want, text, answer)
                asked.written += 1
                return
        journal.refuse(want, text, why)
        asked.refused += 1

    tasks = [asyncio.create_task(worker()) for _ in range(max(1, at_once))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(BaseException):
                await task
    return asked


def _waiting(
    texts: Iterable[str], want: Want, journal: Journal, asked: Asked, seen: set[str]
) -> Iterator[str]:
    for text in texts:
        if (key := key_of(want, text)) in seen:
            continue
        seen.add(key)
        if journal.get(want, text) is not None or journal.was_refused(want, text):
            asked.known += 1
        else:
            yield text


def _messages(want: Want, text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": prompt(want)}, {"role": "user", "content": text}]


def _bare(answer: str) -> str:
    """The answer without a fence around all of it."""
    text = answer.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        text = text.split("\n", 1)[1].removesuffix("```").strip()
    return text


def _fault(want: Want, text: str, answer: str) -> str:
    """Why an answer cannot be used; empty where it can be."""
    if not answer:
        return "the answer is empty"
    if " ".join(answer.split()).casefold() == " ".join(text.split()).casefold():
        return "the answer repeats the text"
    if len(answer) > 3 * len(text) + 200:
        return "the answer is far longer than the text"
    return moved(text, answer) if want == "plain" else ""

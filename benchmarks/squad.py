"""Questions in SQuAD 2.0 format, and libraries made of their paragraphs. Measures nothing.

Each paragraph becomes a text file of the article's folder and goes through the product's own
`Library`. For every article there is also a library without it, in which its questions are off
topic. Vectors are kept while the program runs, since the same texts come back in each library.
"""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.library import Library

if TYPE_CHECKING:
    from knowledge.embed import Embedder

EVERY_TEXT = 1_000_000
"""Of how many texts a benchmark keeps vectors: of all that it has."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the set."""

    question: str
    article: str
    source: str
    """The file name of the paragraph that it was asked about."""
    golds: tuple[str, ...]
    """What annotators marked; empty for a question without an answer."""
    impossible: bool


def read(file: Path) -> tuple[dict[str, list[str]], list[Asked]]:
    """The paragraphs by article, in order, and the questions.

    Raises:
        SystemExit: The file is not in SQuAD 2.0 format.
    """
    try:
        articles = json.loads(file.read_text(encoding="utf-8"))["data"]
        paragraphs = {a["title"]: [p["context"] for p in a["paragraphs"]] for a in articles}
        asked = [
            Asked(
                question["question"].strip(),
                article["title"],
                name(article["title"], i),
                tuple(dict.fromkeys(answer["text"] for answer in question["answers"])),
                question["is_impossible"],
            )
            for article in articles
            for i, paragraph in enumerate(article["paragraphs"])
            for question in paragraph["qas"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{file} cannot be read as SQuAD 2.0: {error!r}") from error
    return paragraphs, asked


def name(article: str, i: int) -> str:
    """The file of an article's paragraph."""
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '_', article)}/{i:03d}.txt"


@asynccontextmanager
async def library(
    root: Path, paragraphs: dict[str, list[str]], embedder: Embedder | None, *, without: str = ""
) -> AsyncIterator[Library]:
    """A library of all paragraphs but those of one article."""
    texts = root / "texts"
    for article, contexts in paragraphs.items():
        for i, context in enumerate(contexts):
            if article != without:
                file = texts / name(article, i)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(context, encoding="utf-8")
    opened = Library.open(root / "library", embedder=embedder)
    try:
        report = await opened.add([str(texts)])
        if report.failed:
            raise SystemExit(f"Not indexed: {report.failed[0]}")
        yield opened
    finally:
        opened.close()


def holds(text: str, golds: Sequence[str]) -> bool:
    """Whether a text holds one of the answers as whole words, white space aside."""
    flat = " ".join(text.split())
    return any(
        re.search(rf"(?<!\w){re.escape(' '.join(gold.split()))}(?!\w)", flat) for gold in golds
    )


def exact(said: str, golds: Sequence[str]) -> float:
    """SQuAD's exact match: 1 or 0."""
    return float(any(_words(said) == _words(gold) for gold in golds))


def f1(said: str, golds: Sequence[str]) -> float:
    """SQuAD's F1 of words against the best of the answers."""
    best = 0.0
    for gold in golds:
        a, b = _words(said), _words(gold)
        shared = sum((Counter(a) & Counter(b)).values())
        if shared:
            best = max(best, 2 * shared / (len(a) + len(b)))
    return best


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The chance that a positive scores above a negative; ties count half."""
    wins = sum((p > n) + (p == n) / 2 for p in positive for n in negative)
    return wins / max(1, len(positive) * len(negative))


def _words(text: str) -> list[str]:
    """SQuAD's normalisation: lower case, no punctuation, no articles."""
    plain = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(?:a|an|the)\b", " ", plain).split()

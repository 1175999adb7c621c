"""How well the embedded model answers: SQuAD 2.0 questions over a library of their paragraphs.

    python -m benchmarks.answers FILE [--fitted 4] [--all] [--lexical] [--cache FOLDER]

Everything goes through the product: the paragraphs are files of a `Library`, every question is
asked in the naive mode, and its events are judged. The reader was calibrated on the first articles
(`--fitted`); the figures of the last line are those of the others, and `--all` shows both.

- `sentence_hit`: of the answerable questions, those with a quoted sentence (of at most two) that
  holds a gold answer; an abstention is a miss. `sentence_hit_first`: the first quote alone.
- `em`, `f1`: the marked words against the gold answers, in SQuAD's normalisation; of all
  answerable questions.
- `off_topic_abstained`: of the answerable questions, asked where their article is left out of the
  library, those refused.
- `answerable_auc`: how far the confidence tells answerable from the set's trick questions;
  `trick_abstained`, how many of those are refused.
- `citations_verified`: of all citations, those that stand in the stored text letter for letter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.events import Citation, Done
from agent.models.embedded import Embedded
from agent.models.reader import Reader, Recalling
from agent.modes.base import Turn
from agent.modes.naive import Naive
from benchmarks.squad import EVERY_TEXT, Asked, auc, exact, f1, holds, library, read
from knowledge.minilm import MiniLM

if TYPE_CHECKING:
    from knowledge.embed import Embedder
    from knowledge.library import Library

COLUMNS = (
    "questions",
    "sentence_hit",
    "sentence_hit_first",
    "em",
    "f1",
    "off_topic_abstained",
    "answerable_auc",
    "trick_abstained",
    "citations_verified",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one ask."""

    abstained: bool
    quotes: tuple[str, ...]
    marked: str
    verified: tuple[bool, ...]


@dataclass(slots=True)
class Tally:
    """What is counted of one article."""

    right: list[tuple[Asked, Answer]] = field(default_factory=list)
    """Answerable questions, where their article is there."""
    tricks: list[Answer] = field(default_factory=list)
    elsewhere: list[Answer] = field(default_factory=list)
    """Answerable questions, where their article is not."""
    sure: list[float] = field(default_factory=list)
    """Confidence in the answerable questions."""
    sure_of_tricks: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--fitted", type=int, default=4, help="articles the reader was fitted on")
    parser.add_argument("--all", action="store_true", help="measure those, too")
    parser.add_argument("--lexical", action="store_true", help="without an embedder")
    parser.add_argument("--cache", type=Path, help="the embedder's cache; temporary by default")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        embedder: Embedder | None = None
        if not options.lexical:
            embedder = Recalling(MiniLM(options.cache or Path(folder)), recent=EVERY_TEXT)
        skipped = 0 if options.all else options.fitted
        tallies = asyncio.run(measure(options.file, skipped, embedder, Path(folder)))
    show(tallies, 0 if not options.all else options.fitted)


async def measure(
    file: Path, skipped: int, embedder: Embedder | None, folder: Path
) -> dict[str, Tally]:
    """Ask every question of the articles behind the first `skipped`."""
    paragraphs, asked = read(file)
    model = Embedded(embedder)
    reader = Reader(embedder)
    tallies: dict[str, Tally] = {}
    async with library(folder / "all", paragraphs, embedder) as whole:
        for i, article in enumerate(list(paragraphs)[skipped:]):
            tally = tallies[article] = Tally()
            async with library(folder / f"{i}", paragraphs, embedder, without=article) as rest:
                for question in (q for q in asked if q.article == article):
                    found = await whole.search(question.question)
                    reading = reader.read(question.question, found.passages)
                    answer = await ask(question.question, whole, model)
                    if question.impossible:
                        tally.tricks.append(answer)
                        tally.sure_of_tricks.append(reading.confidence)
                    else:
                        tally.right.append((question, answer))
                        tally.sure.append(reading.confidence)
                        tally.elsewhere.append(await ask(question.question, rest, model))
    return tallies


async def ask(question: str, library: Library, model: Embedded) -> Answer:
    """One ask in the naive mode."""
    citations: list[Citation] = []
    abstained = False
    async for event in Naive().answer(Turn(question, library, model)):
        if isinstance(event, Citation):
            citations.append(event)
        elif isinstance(event, Done):
            abstained = event.outcome in ("unanswerable", "ungrounded")
    marked = next((words for c in citations for words in c.marked), "")
    return Answer(
        abstained, tuple(c.quote for c in citations), marked, tuple(c.verified for c in citations)
    )


def figures(tallies: Iterable[Tally]) -> dict[str, float]:
    """The figures over some articles."""
    tallies = list(tallies)
    right = [pair for t in tallies for pair in t.right]
    asked = max(1, len(right))
    tricks = [answer for t in tallies for answer in t.tricks]
    elsewhere = [answer for t in tallies for answer in t.elsewhere]
    verified = [v for a in (*tricks, *elsewhere, *(a for _, a in right)) for v in a.verified]
    sure = [s for t in tallies for s in t.sure]
    tricked = [s for t in tallies for s in t.sure_of_tricks]
    return {
        "questions": len(right),
        "sentence_hit": sum(holds("\n".join(a.quotes), q.golds) for q, a in right) / asked,
        "sentence_hit_first": sum(holds("".join(a.quotes[:1]), q.golds) for q, a in right) / asked,
        "em": sum(exact(a.marked, q.golds) for q, a in right) / asked,
        "f1": sum(f1(a.marked, q.golds) for q, a in right) / asked,
        "off_topic_abstained": sum(a.abstained for a in elsewhere) / max(1, len(elsewhere)),
        "answerable_auc": auc(sure, tricked),
        "trick_abstained": sum(a.abstained for a in tricks) / max(1, len(tricks)),
        "citations_verified": sum(verified) / max(1, len(verified)),
    }


def show(tallies: dict[str, Tally], fitted: int) -> None:
    """Print a row for each article, one for each half, and the JSON line of the judged half."""
    names = list(tallies)
    rows = {name: figures([tallies[name]]) for name in names}
    if fitted:
        rows["fitted on these"] = figures(tallies[name] for name in names[:fitted])
    judged = rows["judged on these"] = figures(tallies[name] for name in names[fitted:])
    heads = [column.replace("sentence_", "").replace("_abstained", "") for column in COLUMNS]
    print(f"{'':30}" + "".join(f"{head[:10]:>11}" for head in heads))
    for name, row in rows.items():
        cells = (f"{row[c]:>11.3f}" if c != "questions" else f"{row[c]:>11}" for c in COLUMNS)
        print(f"{name[:29]:30}" + "".join(cells))
    print(json.dumps({key: round(value, 4) for key, value in judged.items()}))


if __name__ == "__main__":
    main()

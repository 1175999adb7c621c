"""How often both documents are found that a question needs: naive against agentic retrieval.

    python -m benchmarks.multihop [--data DIR] [--half judge|develop] [--answers]
                                  [--joins known|other|fresh] [--cache FOLDER]

No model but the embedded one: the agentic mode's searches are chosen by its plain policy
(`agent.modes.policy`), and both modes keep the same number of passages, 4 and 8. How the questions
are made is said in `multihop_questions.py`. The policy was written by looking at the half
`develop`; `judge` holds other articles, and says how good it is. `single` questions are the
control: the policy must not lose there what the naive ranking has.

- `both@k`: every document that the question needs has a passage among the k (for `single`: the
  one).
- `evidence@k`: the share of those documents with a passage among the k that holds the answer.
- `searches`: searches made, on average.
- `answered` (`--answers`): the questions whose citations, from 8 passages, hold an answer from
  each document; asked of the embedded model through the modes.

Which words join two questions into one that is `compound` is what the policy could be written for:
`--joins known` were known to its writer, `other` were in view when it was generalised, `fresh` were
written afterwards by someone who knew neither the policy nor the other two.

Prints a table, and one JSON object by kind on the last line; `two` is all but `single`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from agent.events import Citation
from agent.models.embedded import Embedded
from agent.modes.agentic import Agentic
from agent.modes.base import Turn
from agent.modes.naive import Naive
from agent.modes.policy import Plan
from benchmarks.multihop_joins import FRESH_JOINS, JOINS, OTHER_JOINS
from benchmarks.multihop_questions import Material, Question, make, read
from benchmarks.squad import holds
from knowledge.library import Library
from knowledge.minilm import MiniLM

if TYPE_CHECKING:
    from agent.events import Event
    from benchmarks.multihop_questions import Gold
    from knowledge.embed import Embedder
    from knowledge.types import Passage

Figures = dict[str, float]

DATA = Path(__file__).parents[2] / "shared" / "data"
SIZES = (4, 8)
_JOINS = {"known": JOINS, "other": OTHER_JOINS, "fresh": FRESH_JOINS}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the public sets")
    parser.add_argument("--half", choices=["judge", "develop"], default="judge")
    parser.add_argument("--answers", action="store_true", help="ask the embedded model, too")
    parser.add_argument("--joins", choices=sorted(_JOINS), default="known")
    parser.add_argument("--cache", type=Path, help="the embedder's cache; temporary by default")
    options = parser.parse_args(arguments)
    material = read(options.data, options.half)
    with tempfile.TemporaryDirectory() as folder:
        embedder = MiniLM(options.cache or Path(folder) / "cache")
        rows = asyncio.run(
            measure(
                material,
                Path(folder),
                embedder,
                answers=options.answers,
                joins=_JOINS[options.joins],
            )
        )
    columns = list(dict.fromkeys(column for figures in rows.values() for column in figures))
    print(f"{'':12}" + "".join(f"{column:>20}" for column in columns))
    for kind, figures in rows.items():
        print(f"{kind:12}" + "".join(f"{figures[column]:>20.3f}" for column in columns))
    print(json.dumps({k: {c: round(v, 4) for c, v in f.items()} for k, f in rows.items()}))


async def measure(
    material: Material,
    folder: Path,
    embedder: Embedder | None,
    *,
    answers: bool = False,
    joins: Sequence[str] = JOINS,
) -> dict[str, Figures]:
    """The mean figures over the questions of each kind, and over all that need two documents."""
    library = Library.open(folder / "library", embedder=embedder)
    texts = folder / "texts"
    for source, text in material.documents.items():
        (texts / source).parent.mkdir(parents=True, exist_ok=True)
        (texts / source).write_bytes(text.encode("utf-8"))
    try:
        report = await library.add([str(texts)])
        if report.failed:
            raise SystemExit(f"Not indexed: {report.failed[0]}")
        model = Embedded(embedder) if answers else None
        asked = make(material, joins)
        judged = [(q.kind, await judge(q, library, model)) for q in asked]
    finally:
        library.close()
    groups = {kind: [f for k, f in judged if k == kind] for kind, _ in judged}
    groups["two"] = [f for k, f in judged if k != "single"]
    return {
        kind: {"questions": len(each)} | {name: fmean(f[name] for f in each) for name in each[0]}
        for kind, each in groups.items()
        if each
    }


async def judge(question: Question, library: Library, model: Embedded | None) -> Figures:
    """One question's figures."""
    figures: Figures = {}
    for k in SIZES:
        naive = (await library.search(question.text, limit=k)).passages
        plan = Plan(question.text, passages=k)
        while (probe := plan.next()) is not None:
            plan.take(probe, (await library.search(probe.query, limit=k)).passages)
        for name, passages in (("naive", naive), ("agentic", plan.chosen())):
            both = all(_found(gold, passages) for gold in question.golds)
            figures[f"{name} both@{k}"] = float(both)
            shares = [float(_found(gold, passages, held=True)) for gold in question.golds]
            figures[f"{name} evidence@{k}"] = fmean(shares)
        figures["searches"] = plan.made
    if model is not None:
        turn = Turn(question.text, library, model)
        for name, events in (
            ("naive", Naive().answer(turn)),
            ("agentic", Agentic().answer(turn)),
        ):
            quotes = await _quotes(events)
            right = all(
                holds("\n".join(q for source, q in quotes if _is(source, gold)), gold.answers)
                for gold in question.golds
            )
            figures[f"{name} answered"] = float(right)
    return figures


async def _quotes(answer: AsyncGenerator[Event, None]) -> list[tuple[str, str]]:
    """The sources and quotes of an answer's citations."""
    async with aclosing(answer) as events:
        return [(e.source, e.quote) async for e in events if isinstance(e, Citation)]


def _found(gold: Gold, passages: Sequence[Passage], *, held: bool = False) -> bool:
    """Whether a passage is of the document, and, where asked for, holds the answer."""
    return any(
        _is(passage.source, gold) and (not held or holds(passage.text, gold.answers))
        for passage in passages
    )


def _is(source: str, gold: Gold) -> bool:
    return Path(source).as_posix().endswith(f"/{gold.source}")


if __name__ == "__main__":
    main()

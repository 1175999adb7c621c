"""Fit the constants of the embedded reader (`agent/models/reader/weights.json`).

    python -m benchmarks.fit_reader FILE [--articles 4] [--cache FOLDER] [--write]

Uses the first articles of a SQuAD 2.0 file only, so that the others can judge. All paragraphs of
the file are the library, as when it is judged; of the other articles, no question and no answer is
looked at. The models are linear and convex to fit: softmax regression ranks the sentences of a
question and the candidates for its marked words, logistic regression tells answerable questions
from others; L2 of 1, L-BFGS. What can only speak for a sentence is held at or above 0, what can
only speak against it at or below, lest features that go together take opposite signs and cancel out
in this corpus only. Same file, same embedder, same weights.

The negatives of the confidence: every question asked where its article is left out (weight 1), and
the set's trick questions (weight `TRICK`: they are the harder kind, but the rarer in use). The
threshold is where `REFUSED` of the off-topic questions are refused; `alone`, where leaving out the
second sentence costs at most `LOST` of the questions that two sentences answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.models.reader import weights as stored
from agent.models.reader.confidence import CONFIDENCE_FEATURES, confidence_features
from agent.models.reader.features import RANK_FEATURES
from agent.models.reader.marks import MARK_FEATURES, Sentence
from agent.models.reader.reader import Ranked, Reader, share
from agent.models.reader.recall import Recalling
from benchmarks.squad import EVERY_TEXT, Asked, f1, holds, library, read
from knowledge.minilm import MiniLM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embed import Embedder
    from knowledge.types import Passage

    Array = NDArray[np.float64]
    Bounds = tuple[float | None, float | None]

TRICK = 0.3
REFUSED = 0.9
LOST = 0.005
L2 = 1.0
AGAINST = {"negated"}
"""Features that may only speak against; all others only for."""
TARGET = Path(stored.__file__).with_name("weights.json")


@dataclass(frozen=True, slots=True)
class Found:
    """A question and what was found for it, where its article is there and where it is not."""

    asked: Asked
    there: tuple[Passage, ...]
    elsewhere: tuple[Passage, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, print, and write if told to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--articles", type=int, default=4, help="fit on the first N")
    parser.add_argument("--cache", type=Path, help="the embedder's cache; temporary by default")
    parser.add_argument("--write", action="store_true", help="replace weights.json")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        embedder = Recalling(MiniLM(options.cache or Path(folder)), recent=EVERY_TEXT)
        result = fit(options.file, options.articles, embedder, Path(folder))
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    if options.write:
        TARGET.write_text(text, encoding="utf-8")
    print(text)


def fit(file: Path, articles: int, embedder: Embedder, folder: Path) -> dict[str, Any]:
    """The content of weights.json."""
    result: dict[str, Any] = {
        "origin": f"python -m benchmarks.fit_reader on the first {articles} articles of "
        f"{file.name}, understudy {version('understudy')}, {embedder.name}"
    }
    for way, meaning in (("lexical", None), ("dense", embedder)):
        questions = asyncio.run(search(file, articles, meaning, folder / way))
        result[way] = fit_way(questions, meaning, result)
        if way == "dense":
            result["mark"] = fit_marks(questions, meaning, result)
    return result


async def search(file: Path, articles: int, embedder: Embedder | None, folder: Path) -> list[Found]:
    """Ask every question in the library and in the one without its article."""
    paragraphs, asked = read(file)
    found: list[Found] = []
    async with library(folder / "all", paragraphs, embedder) as whole:
        for i, article in enumerate(list(paragraphs)[:articles]):
            root = folder / str(i)
            async with library(root, paragraphs, embedder, without=article) as rest:
                for question in (q for q in asked if q.article == article):
                    there = await whole.search(question.question)
                    elsewhere = await rest.search(question.question)
                    found.append(Found(question, there.passages, elsewhere.passages))
    return found


def fit_way(
    questions: Sequence[Found], embedder: Embedder | None, result: dict[str, Any]
) -> dict[str, Any]:
    """Rank, confidence and thresholds for reading with an embedder or without."""
    import numpy as np

    way = "lexical" if embedder is None else "dense"
    blank = {"rank": _named(RANK_FEATURES, np.ones(len(RANK_FEATURES))), "confidence": {}}
    result = {"mark": {"weights": {}, "least": 2.0}, **result}
    result[way] = {**blank, "threshold": 0.5, "alone": 2.0}
    reader = _reader(embedder, result)
    groups = []
    for found in questions:
        ranked = None if found.asked.impossible else reader.rank(found.asked.question, found.there)
        if ranked:
            right = [_right(found, unit.n, unit.text) for unit in ranked.units]
            groups.append((np.array(ranked.rows), np.array(right)))
    rank = _softmax(groups, _bounds(RANK_FEATURES))
    result[way]["rank"] = _named(RANK_FEATURES, rank)
    reader = _reader(embedder, result)

    rows, labels, counts, off, hits = [], [], [], [], []
    for found in questions:
        there = reader.rank(found.asked.question, found.there)
        elsewhere = reader.rank(found.asked.question, found.elsewhere)
        trick = found.asked.impossible
        if there:
            rows.append(_row(there))
            labels.append(0.0 if trick else 1.0)
            counts.append(TRICK if trick else 1.0)
            if not trick:
                two = [holds(u.text, found.asked.golds) for u in there.units[:2]]
                hits.append((share(there.scores[:2]), two[0], any(two)))
        if elsewhere and not trick:
            off.append(_row(elsewhere))
    rows, labels, counts = rows + off, labels + [0.0] * len(off), counts + [1.0] * len(off)
    bounds = _bounds(CONFIDENCE_FEATURES)
    weights = _logistic(np.array(rows), np.array(labels), np.array(counts), bounds)
    odds = np.array(off) @ weights[:-1] + weights[-1]
    return {
        "rank": result[way]["rank"],
        "confidence": {**_named(CONFIDENCE_FEATURES, weights[:-1]), "bias": _short(weights[-1])},
        "threshold": _short(stored.probability(float(np.quantile(odds, REFUSED)))),
        "alone": _alone(hits),
    }


def fit_marks(
    questions: Sequence[Found], embedder: Embedder | None, result: dict[str, Any]
) -> dict[str, Any]:
    """The weights of the marked words, from the best right sentence of each question."""
    import numpy as np

    result = {**result, "mark": {"weights": {}, "least": 2.0}}
    reader = _reader(embedder, result)
    groups = []
    for found in questions:
        ranked = None if found.asked.impossible else reader.rank(found.asked.question, found.there)
        right = [u for u in ranked.units if _right(found, u.n, u.text)] if ranked else []
        if not ranked or not right:
            continue
        marks = Sentence(ranked.question, right[0].text, right[0].tokens).candidates()
        fits = [f1(right[0].text[m.start : m.end], found.asked.golds) for m in marks]
        if fits and max(fits) >= 0.5:
            best = np.array(fits) >= max(fits) - 1e-6
            groups.append((np.array([m.features for m in marks]), best))
    return {"weights": _named(MARK_FEATURES, _softmax(groups)), "least": 0.1}


def _reader(embedder: Embedder | None, result: dict[str, Any]) -> Reader:
    lexical = stored.from_json(result, dense=False)
    dense = stored.from_json(result, dense=True) if "dense" in result else lexical
    return Reader(embedder, (dense, lexical))


def _right(found: Found, n: int, text: str) -> bool:
    """Whether a sentence holds the answer, and stands in the paragraph that was asked about."""
    source = Path(found.there[n - 1].source).as_posix()
    return source.endswith(found.asked.source) and holds(text, found.asked.golds)


def _row(ranked: Ranked) -> list[float]:
    return confidence_features(ranked.overlap, ranked.order, ranked.rows, ranked.scores)


def _alone(hits: Sequence[tuple[float, bool, bool]]) -> float:
    """The least share of belief in the first sentence at which it may stand alone."""
    limit = LOST * len(hits)
    lost = 0
    for belief, first, either in sorted(hits, reverse=True):
        lost += either and not first
        if lost > limit:
            return _short(belief + 1e-4)
    return 0.0


def _bounds(names: Sequence[str]) -> list[Bounds]:
    return [(None, 0.0) if name in AGAINST else (0.0, None) for name in names]


def _softmax(groups: Sequence[tuple[Array, Any]], bounds: Sequence[Bounds] | None = None) -> Array:
    """Weights that maximise the belief in the right rows of each group; shape (features,)."""
    import numpy as np
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    groups = [(rows, right) for rows, right in groups if right.any()]

    def loss(w: Array) -> tuple[float, Array]:
        total, slope = L2 * float(w @ w) / 2, L2 * w
        for rows, right in groups:
            scores = rows @ w
            belief = np.exp(scores - scores.max())
            belief /= belief.sum()
            mass = float(belief[right].sum())
            total -= np.log(mass + 1e-12)
            slope = slope - rows.T @ (belief * right / (mass + 1e-12) - belief)
        return total, slope

    start = np.zeros(groups[0][0].shape[1])
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def _logistic(rows: Array, labels: Array, counts: Array, bounds: Sequence[Bounds]) -> Array:
    """Logistic regression; the last weight is the bias, which is not held down."""
    import numpy as np
    from scipy.optimize import minimize

    rows = np.hstack([rows, np.ones((len(rows), 1))])
    held = np.r_[np.full(rows.shape[1] - 1, L2), 0.0]

    def loss(w: Array) -> tuple[float, Array]:
        odds = rows @ w
        total = (counts * (np.logaddexp(0, odds) - labels * odds)).sum() + (held * w * w).sum() / 2
        return float(total), rows.T @ (counts * (1 / (1 + np.exp(-odds)) - labels)) + held * w

    start = np.zeros(rows.shape[1])
    bounds = [*bounds, (None, None)]
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def _named(names: Sequence[str], weights: Any) -> dict[str, float]:
    return {name: _short(w) for name, w in zip(names, weights, strict=True)}


def _short(value: float) -> float:
    return round(float(value), 4)


if __name__ == "__main__":
    main()

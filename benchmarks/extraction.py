"""How much of a web page's article is read, and how little else: our reader beside trafilatura.

    python -m benchmarks.extraction [--data DIR]

The set is article-extraction-benchmark (Scrapinghub, MIT): `ground-truth.json`, `html/*.html.gz`.
The measure is that benchmark's own: words in runs of four, counted; per page the shares that were
found, wrong and missing; precision and recall averaged over pages, and F1 of those two averages.
Every system is scored by the text that it gives: our reader's with its headings and the numbers of
its lists, trafilatura's plain text, both without comments. Half of the pages, drawn by a hash of
their names, was looked at while the reader was written (`develop`); the other half was not
(`judge`). `wins` says on how many pages of the half a system scored above the best preset, and
below it. Prints a table and one JSON object on the last line.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import logging
import re
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.errors import ReadError
from knowledge.guard import Fetched
from knowledge.read.page import read_page

DATA = Path(__file__).parents[2] / "shared" / "data" / "article-extraction-benchmark"
RUN = 4
"""Words of a shingle, as the benchmark has it."""
PRESETS: Mapping[str, Mapping[str, bool]] = {
    "trafilatura": {},
    "trafilatura fast": {"fast": True},
    "trafilatura favor_precision": {"favor_precision": True},
    "trafilatura favor_recall": {"favor_recall": True},
    "trafilatura fast favor_precision": {"fast": True, "favor_precision": True},
}
OURS = "our reader"
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Page:
    """A page and what its article says."""

    name: str
    url: str
    data: bytes
    """HTML, unpacked."""
    article: str


class Counts(NamedTuple):
    """Shingles found, wrong and missing, as shares of all of them; all 0 for no text at all."""

    found: float
    wrong: float
    missing: float

    @property
    def precision(self) -> float:
        """Of what was said, the share that is right; 1 where nothing is wrong or missing."""
        return self._of(self.wrong)

    @property
    def recall(self) -> float:
        """Of what there is, the share that was said; 1 where nothing is wrong or missing."""
        return self._of(self.missing)

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        return f1(self.precision, self.recall)

    def _of(self, other: float) -> float:
        if not self.wrong and not self.missing:
            return 1.0
        return self.found / (self.found + other) if self.found else 0.0


class Scores(NamedTuple):
    """Over pages."""

    f1: float
    precision: float
    recall: float


def count(article: str, said: str) -> Counts:
    """Compare what was extracted from a page with its article."""
    true, given = _shingles(article), _shingles(said)
    parts = (true & given).total(), (given - true).total(), (true - given).total()
    return Counts(*(part / (sum(parts) or 1) for part in parts))


def score(counts: Sequence[Counts]) -> Scores:
    """Precision and recall averaged over the pages for which they are defined; F1 of the two."""
    precision = statistics.fmean(c.precision for c in counts if c.found + c.wrong)
    recall = statistics.fmean(c.recall for c in counts if c.found + c.missing)
    return Scores(f1(precision, recall), precision, recall)


def f1(precision: float, recall: float) -> float:
    """The harmonic mean; 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def half(name: str) -> str:
    """The half that a page belongs to, drawn by its name."""
    return "judge" if hashlib.sha256(name.encode()).digest()[0] % 2 else "develop"


def read(folder: Path) -> Iterator[Page]:
    """The pages of the set.

    Raises:
        SystemExit: The folder does not hold it, or a file of it is damaged.
    """
    try:
        truth = json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
        for name, row in truth.items():
            data = gzip.decompress((folder / "html" / f"{name}.html.gz").read_bytes())
            yield Page(name, row.get("url", ""), data, row.get("articleBody", ""))
    except (OSError, ValueError, AttributeError) as error:
        raise SystemExit(f"{folder} cannot be read: {error!r}") from error


def our_reader(page: Page) -> str:
    """The text of the document that a fetched page becomes."""
    fetched = Fetched(page.url, 200, "text/html", "", page.data, "", "", 0.0)
    try:
        return read_page(fetched).text
    except ReadError:
        return ""


def preset(options: Mapping[str, bool]) -> Callable[[Page], str]:
    """Trafilatura with these options."""

    def extract(page: Page) -> str:
        import trafilatura

        text = page.data.decode("utf-8", "replace")
        return trafilatura.extract(text, url=page.url, include_comments=False, **options) or ""

    return extract


def main() -> None:
    """Measure every system on every page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the set")
    folder = parser.parse_args().data
    if not folder.is_dir():
        print(json.dumps({"skipped": "the article-extraction-benchmark is not here"}))
        return
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    systems = {name: preset(options) for name, options in PRESETS.items()} | {OURS: our_reader}
    counts: dict[str, dict[str, Counts]] = {name: {} for name in systems}
    seconds = dict.fromkeys(systems, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for page in read(folder):
            for name, extract in systems.items():
                begin = time.process_time()
                said = extract(page)
                seconds[name] += time.process_time() - begin
                counts[name][page.name] = count(page.article, said)
    print(json.dumps(_report(counts, seconds)))


def _report(
    counts: Mapping[str, Mapping[str, Counts]], seconds: Mapping[str, float]
) -> dict[str, Any]:
    """Print the table, and give it as an object."""
    pages = list(counts[OURS])
    sets = {
        "all": pages,
        "develop": [page for page in pages if half(page) == "develop"],
        "judge": [page for page in pages if half(page) == "judge"],
    }
    best = max(PRESETS, key=lambda name: score([counts[name][page] for page in pages]).f1)
    print("| pages | system | F1 | precision | recall | wins | ms a page |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    rows: list[dict[str, Any]] = []
    for label, chosen in sets.items():
        for name, counted in counts.items():
            if not chosen:
                continue
            scores = score([counted[page] for page in chosen])
            above = sum(counted[page].f1 > counts[best][page].f1 + 1e-9 for page in chosen)
            below = sum(counted[page].f1 < counts[best][page].f1 - 1e-9 for page in chosen)
            cost = 1000 * seconds[name] / len(pages)
            print(
                f"| {label}, {len(chosen)} | {name} | {scores.f1:.4f} | {scores.precision:.4f}"
                f" | {scores.recall:.4f} | +{above} -{below} | {cost:.1f} |"
            )
            rows.append(
                {"pages": label, "count": len(chosen), "system": name}
                | {field: round(value, 4) for field, value in scores._asdict().items()}
                | {"above": above, "below": below, "ms": round(cost, 1)}
            )
    own = score([counts[OURS][page] for page in pages]).f1
    published = score([counts[best][page] for page in pages]).f1
    return {"best_preset": best, "passes": own >= published, "rows": rows}


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text)
    runs = (tuple(words[i : i + RUN]) for i in range(max(1, len(words) - RUN + 1)))
    return Counter(run for run in runs if run)


if __name__ == "__main__":
    main()

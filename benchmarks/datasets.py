"""Retrieval sets on disk: BEIR, Cranfield and chunking_evaluation layouts. Measures nothing."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Judged:
    """Documents, queries, and which documents answer which query."""

    documents: dict[str, tuple[str, str]]
    """By id: title and text; either may be empty."""
    queries: dict[str, str]
    grades: dict[str, dict[str, float]]
    """By query and document: how relevant, more is better. Every query here has a judgement."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the places that answer it."""

    text: str
    corpus: str
    """The corpus that it was asked about."""
    references: tuple[tuple[int, int], ...]
    """Ranges of characters of that corpus, without overlap."""


@dataclass(frozen=True, slots=True)
class Spans:
    """A few long texts, and questions with the exact spans that answer them."""

    corpora: dict[str, str]
    """By name."""
    questions: tuple[Question, ...]


def read(folder: Path) -> Judged | Spans:
    """Read a set, whichever layout it has.

    Raises:
        SystemExit: The folder has none of the layouts, or a file of it is damaged.
    """
    for mark, reader in _LAYOUTS.items():
        if (folder / mark).exists():
            try:
                return reader(folder)
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise SystemExit(f"{folder} cannot be read: {error!r}") from error
    raise SystemExit(f"{folder} holds none of {', '.join(_LAYOUTS)}: not a layout that is known")


def read_beir(folder: Path) -> Judged:
    """`corpus.jsonl`, `queries.jsonl`, and the test split's `qrels/test.tsv` (with a header)."""
    documents = {
        str(row["_id"]): (row.get("title") or "", row.get("text") or "")
        for row in _json_lines(folder / "corpus.jsonl")
    }
    queries = {str(row["_id"]): row["text"] for row in _json_lines(folder / "queries.jsonl")}
    grades: dict[str, dict[str, float]] = {}
    with (folder / "qrels" / "test.tsv").open(encoding="utf-8", newline="") as lines:
        for query, document, grade in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if grade.lstrip("-").isdigit():
                grades.setdefault(query, {})[document] = float(grade)
    return Judged(documents, {query: queries[query] for query in grades}, grades)


def read_cranfield(folder: Path) -> Judged:
    """`cran.all.1400`, `cran.qry`, `cranqrel`.

    Judgements name a query by its place in the file, 1 to 225, not by its `.I`. Their codes run
    from 1, a complete answer, to 4, of minimum interest, and -1, in no published scale, once for
    every query: it marks the paper that the question came from, by all appearance. Every judged
    document counts as relevant, and alike, so that no gain has to be made up for -1.
    """
    documents = {
        number: (" ".join(fields.get("T", "").split()), fields.get("W", "").strip())
        for number, fields in _records(folder / "cran.all.1400")
    }
    queries = {
        str(place): " ".join(fields["W"].split())
        for place, (_, fields) in enumerate(_records(folder / "cran.qry"), start=1)
    }
    grades: dict[str, dict[str, float]] = {}
    for line in (folder / "cranqrel").read_text(encoding="ascii").splitlines():
        query, document, _ = line.split()
        grades.setdefault(query, {})[document] = 1.0
    return Judged(documents, {query: queries[query] for query in grades}, grades)


def read_chunking_evaluation(folder: Path) -> Spans:
    """`corpora/*.md` and `questions_df.csv`, whose references quote the text and say where."""
    corpora = {
        file.stem: file.read_bytes().decode("utf-8")
        for file in sorted((folder / "corpora").glob("*.md"))
    }
    questions = []
    with (folder / "questions_df.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            places = [
                (reference["start_index"], reference["end_index"], reference["content"])
                for reference in json.loads(row["references"])
            ]
            for start, end, content in places:
                if corpora[row["corpus_id"]][start:end] != content:
                    raise ValueError(f"{row['corpus_id']}[{start}:{end}] is not {content[:40]!r}")
            ranges = tuple(sorted((start, end) for start, end, _ in places))
            questions.append(Question(row["question"], row["corpus_id"], ranges))
    return Spans(corpora, tuple(questions))


_LAYOUTS: dict[str, Callable[[Path], Judged | Spans]] = {
    "corpus.jsonl": read_beir,
    "cran.all.1400": read_cranfield,
    "questions_df.csv": read_chunking_evaluation,
}
"""The file by which a layout is told, and its reader."""


def _json_lines(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _records(file: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """SMART's format: `.I` number, then fields of a letter each (`.T`, `.W`) on lines below."""
    text = file.read_text(encoding="ascii", errors="replace")
    for record in re.split(r"^\.I ", text, flags=re.MULTILINE)[1:]:
        number, *parts = re.split(r"^\.([A-Z])\s*$", record, flags=re.MULTILINE)
        yield number.strip(), dict(zip(parts[::2], parts[1::2], strict=True))

"""How well the library finds what answers a query, on public sets in three layouts.

    python -m benchmarks.retrieval DATA [--compare] [--fp32] [--cache FOLDER]

Documents become files of a `Library`: a BEIR or Cranfield document one Markdown file, under its
title; a corpus of chunking_evaluation one file. `hybrid` is the product's own search, `lexical` and
`dense` its rank with one index alone. Nothing is set for one set and not for another.

- BEIR (`corpus.jsonl`, `queries.jsonl`, `qrels/test.tsv`) and Cranfield: nDCG@10, recall@5,
  recall@10 and MRR@10, mean over the queries; a document ranks where its best passage does.
- chunking_evaluation (`corpora/*.md`, `questions_df.csv`): recall and intersection over union of
  the reference spans' characters in the first five passages, beside llama-index's SentenceSplitter
  256/32 with BM25 as its BM25 retriever sets it up.

`--compare` adds other fusions, and passages that repeat one another; `--fp32` the embedder at full
precision. Prints a table, and one JSON object by method on the last line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from benchmarks.datasets import Judged, Spans, read
from benchmarks.measures import ndcg, recall, reciprocal_rank, span_scores
from benchmarks.rankings import Indexed
from knowledge.minilm import MiniLM

if TYPE_CHECKING:
    from benchmarks.rankings import Search

Figures = dict[str, float]

PASSAGES = 50
"""Passages asked for, so that ten documents are among them."""
TOP = 5
"""Passages judged in chunking_evaluation."""
SHARES = (0.3, 0.4, 0.6, 0.7)
REFERENCE = "SentenceSplitter 256/32 + BM25"
ELSEWHERE = -1
"""A place of another corpus than the question's: behind no character of it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--compare", action="store_true", help="other fusions, too")
    parser.add_argument("--fp32", action="store_true", help="the embedder at full precision, too")
    parser.add_argument("--cache", type=Path, help="the embedder's cache; temporary by default")
    options = parser.parse_args(arguments)
    data = read(options.data)
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(
            measure(data, Path(folder), options.cache, options.compare, options.fp32)
        )
    columns = list(rows["hybrid"])
    print(f"{'':32}" + "".join(f"{column:>11}" for column in columns))
    for name, figures in rows.items():
        print(f"{name:32}" + "".join(f"{figures[column]:>11.4f}" for column in columns))
    print(json.dumps({n: {c: round(v, 4) for c, v in f.items()} for n, f in rows.items()}))


async def measure(
    data: Judged | Spans, folder: Path, cache: Path | None, compare: bool, fp32: bool
) -> dict[str, Figures]:
    """The figures of each method."""
    texts = folder / "texts"
    texts.mkdir()
    files = write(data, texts)
    limit = PASSAGES if isinstance(data, Judged) else TOP
    embedder = MiniLM(cache or folder / "cache")
    indexed = await Indexed.build(folder / "library", texts, embedder)
    methods: dict[str, Search] = {
        "lexical": indexed.ranked(limit, vectors=False),
        "dense": indexed.ranked(limit, dense_share=1.0),
        "hybrid": indexed.found(limit),
    }
    if compare:
        methods |= {
            f"hybrid, dense share {s}": indexed.ranked(limit, dense_share=s) for s in SHARES
        }
        methods["reciprocal rank fusion"] = indexed.by_ranks(limit)
        methods["hybrid, repetition kept"] = indexed.ranked(limit, keep_all=True)
    rows = {name: await judge(data, files, search) for name, search in methods.items()}
    indexed.close()
    if fp32:
        full = MiniLM(cache or folder / "cache", precision="fp32")
        indexed = await Indexed.build(folder / "fp32", texts, full)
        rows["dense, fp32"] = await judge(data, files, indexed.ranked(limit, dense_share=1.0))
        rows["hybrid, fp32"] = await judge(data, files, indexed.found(limit))
        indexed.close()
    if isinstance(data, Spans):
        rows[REFERENCE] = reference(data)
    return rows


def write(data: Judged | Spans, folder: Path) -> dict[str, list[str]]:
    """Make the files; which documents or corpora each holds, by its name. Empty ones are left out.

    Documents of the same title and text share a file, as they would share a document.
    """
    files: dict[str, list[str]] = {}
    if isinstance(data, Spans):
        for name, text in data.corpora.items():
            (folder / f"{name}.md").write_bytes(text.encode("utf-8"))
            files[f"{name}.md"] = [name]
        return files
    same: dict[tuple[str, str], list[str]] = {}
    for document, content in data.documents.items():
        if any(part.strip() for part in content):
            same.setdefault(content, []).append(document)
    for number, ((title, text), documents) in enumerate(same.items()):
        heading = " ".join(title.split())
        name = f"{number:06d}.md" if heading else f"{number:06d}.txt"
        whole = f"# {heading}\n\n{text}" if heading else text
        (folder / name).write_bytes(whole.encode("utf-8", "replace"))
        files[name] = documents
    return files


async def judge(data: Judged | Spans, files: dict[str, list[str]], search: Search) -> Figures:
    """The mean of each measure over the queries."""
    each: list[Figures] = []
    if isinstance(data, Judged):
        for query, text in data.queries.items():
            names = dict.fromkeys(Path(passage.source).name for passage in await search(text))
            each.append(document_scores([d for n in names for d in files[n]], data.grades[query]))
    else:
        for question in data.questions:
            found = [
                (passage.start, passage.end)
                if question.corpus in files[Path(passage.source).name]
                else (ELSEWHERE + passage.start - passage.end, ELSEWHERE)
                for passage in (await search(question.text))[:TOP]
            ]
            each.append(place_scores(found, question.references))
    return {measure: fmean(figures[measure] for figures in each) for measure in each[0]}


def document_scores(ranked: Sequence[str], grades: dict[str, float]) -> Figures:
    """One query's measures of a ranking of documents."""
    return {
        "ndcg@10": ndcg(ranked, grades),
        "recall@5": recall(ranked, grades, 5),
        "recall@10": recall(ranked, grades, 10),
        "mrr@10": reciprocal_rank(ranked, grades),
    }


def place_scores(
    found: Sequence[tuple[int, int]], references: Sequence[tuple[int, int]]
) -> Figures:
    """One question's measures of the places found."""
    share, overlap = span_scores(found, references)
    return {"recall@5": share, "iou@5": overlap}


def reference(data: Spans) -> Figures:
    """llama-index's splitter, and BM25 with its retriever's defaults (stop words, stemming)."""
    import bm25s
    from llama_index.core import Document
    from llama_index.core.node_parser import SentenceSplitter
    from Stemmer import Stemmer

    splitter = SentenceSplitter(chunk_size=256, chunk_overlap=32)
    places, texts = [], []
    for name, corpus in data.corpora.items():
        for node in splitter.get_nodes_from_documents([Document(text=corpus)]):
            places.append((name, node.start_char_idx, node.end_char_idx))
            texts.append(corpus[node.start_char_idx : node.end_char_idx])

    def terms(texts: list[str]) -> list[list[str]]:
        tokens: list[list[str]] = bm25s.tokenize(
            texts, stopwords="en", stemmer=Stemmer("english"), return_ids=False, show_progress=False
        )
        return tokens

    index = bm25s.BM25()
    index.index(terms(texts), show_progress=False)
    best, _ = index.retrieve(
        terms([question.text for question in data.questions]),
        k=min(TOP, len(texts)),
        show_progress=False,
    )
    each = []
    for question, numbers in zip(data.questions, best, strict=True):
        found = []
        for name, start, end in (places[number] for number in numbers):
            here = name == question.corpus
            found.append((start, end) if here else (ELSEWHERE + start - end, ELSEWHERE))
        each.append(place_scores(found, question.references))
    return {measure: fmean(figures[measure] for figures in each) for measure in each[0]}


if __name__ == "__main__":
    main()

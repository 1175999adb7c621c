import json
from pathlib import Path

import pytest

from benchmarks.datasets import Judged, Question, Spans, read


def test_a_beir_set_is_read_with_the_queries_that_its_test_split_judges(tmp_path: Path) -> None:
    documents = [{"_id": "d1", "title": "Tea", "text": "Tea is hot."}, {"_id": "d2", "text": "Ice"}]
    queries = [{"_id": "q1", "text": "what is hot"}, {"_id": "q2", "text": "of the train split"}]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, documents)) + "\n")
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels/test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n", encoding="utf-8"
    )
    assert read(tmp_path) == Judged(
        {"d1": ("Tea", "Tea is hot."), "d2": ("", "Ice")},
        {"q1": "what is hot"},
        {"q1": {"d1": 2.0, "d2": 0.0}},
    )


def test_a_cranfield_judgement_names_its_query_by_place_and_not_by_number(tmp_path: Path) -> None:
    (tmp_path / "cran.all.1400").write_text(
        ".I 1\n.T\nwings\nin flow .\n.A\nprandtl,l.\n.B\n1921.\n.W\nwings in flow .\n  a study .\n"
        ".I 2\n.T\n.A\n.B\n.W\n"
    )
    (tmp_path / "cran.qry").write_text(".I 001\n.W\nwhat of\nwings .\n.I 004\n.W\nwhat of heat .\n")
    (tmp_path / "cranqrel").write_text("1 1 2\n2 2 -1\n")
    assert read(tmp_path) == Judged(
        {"1": ("wings in flow .", "wings in flow .\n  a study ."), "2": ("", "")},
        {"1": "what of wings .", "2": "what of heat ."},
        {"1": {"1": 1.0}, "2": {"2": 1.0}},
    )


def chunking_evaluation(folder: Path, start: int) -> Path:
    (folder / "corpora").mkdir()
    (folder / "corpora/tea.md").write_text("Tea is hot. Ice is cold.", encoding="utf-8")
    references = json.dumps([{"content": "Ice", "start_index": start, "end_index": start + 3}])
    quoted = references.replace('"', '""')
    (folder / "questions_df.csv").write_text(
        f'question,references,corpus_id\nWhat is cold?,"{quoted}",tea\n', encoding="utf-8"
    )
    return folder


def test_a_chunking_evaluation_set_is_read_with_its_spans(tmp_path: Path) -> None:
    assert read(chunking_evaluation(tmp_path, 12)) == Spans(
        {"tea": "Tea is hot. Ice is cold."}, (Question("What is cold?", "tea", ((12, 15),)),)
    )


def test_a_span_that_does_not_hold_its_quote_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="cannot be read"):
        read(chunking_evaluation(tmp_path, 11))


def test_a_folder_of_no_known_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="not a layout"):
        read(tmp_path)

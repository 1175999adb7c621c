from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from benchmarks import extraction
from benchmarks.extraction import Counts, Page, count, half, our_reader, read, score


def test_words_are_compared_in_runs_of_four_and_pages_weigh_alike() -> None:
    found = count("a b c d e", "a b c d x")
    assert found == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)
    assert count("a b", "A b!") == (0, 0.5, 0.5)
    assert count("a a a a a", "a a a a").missing == 0.5


def test_nothing_said_of_nothing_is_right_and_of_something_is_not() -> None:
    assert (count("", "").precision, count("", "").recall) == (1, 1)
    assert (count("a", "").recall, count("", "a").precision) == (0, 0)


def test_precision_and_recall_are_averaged_before_f1_is_taken() -> None:
    scores = score([Counts(1, 0, 0), Counts(0, 0, 1), Counts(0.5, 0.5, 0)])
    assert scores.precision == pytest.approx(0.75)
    assert scores.recall == pytest.approx(2 / 3)
    assert scores.f1 == pytest.approx(2 * 0.75 * (2 / 3) / (0.75 + 2 / 3))


def test_the_halves_are_drawn_by_name() -> None:
    halves = {half(str(i)) for i in range(20)}
    assert halves == {"judge", "develop"}
    assert half("a page") == half("a page")


def test_a_set_is_read_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    article = "The pump moves water from the basin to the tank. " * 9
    (tmp_path / "html").mkdir()
    markup = f"<html><body><article><p>{article}</p></article></body></html>".encode()
    (tmp_path / "html" / "x.html.gz").write_bytes(gzip.compress(markup))
    truth = {"x": {"articleBody": article, "url": "https://e.com/"}}
    (tmp_path / "ground-truth.json").write_text(json.dumps(truth))
    assert list(read(tmp_path)) == [Page("x", "https://e.com/", markup, article)]
    monkeypatch.setattr("sys.argv", ["extraction", "--data", str(tmp_path)])
    extraction.main()
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["passes"] is True
    assert {row["f1"] for row in last["rows"] if row["system"] == "our reader"} == {1.0}


def test_a_set_that_is_not_here_is_skipped_and_a_damaged_one_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="cannot be read"):
        list(read(tmp_path))
    monkeypatch.setattr("sys.argv", ["extraction", "--data", str(tmp_path / "none")])
    extraction.main()
    assert "skipped" in json.loads(capsys.readouterr().out)


def test_a_page_that_cannot_be_read_says_nothing() -> None:
    assert our_reader(Page("x", "https://e.com/", b"<html></html>", "")) == ""

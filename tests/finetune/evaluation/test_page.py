from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from finetune.errors import FinetuneError
from finetune.evaluation import page, write
from finetune.evaluation.results import Advice, Kept, Sample
from tests.finetune.evaluation.test_advice import close, evaluation, facts, labels

ATTACK = '<script>alert(1)</script><img src="https://example.com/x.png" onerror="x">'


def test_words_of_models_and_sets_are_text_and_the_page_loads_nothing() -> None:
    lost = facts(1, 0)
    faulty = Kept(close(0), 1, [("plain", ATTACK, ATTACK)])
    html = page.render(
        evaluation(
            facts=type(lost)(1, lost.before, faulty),
            labels=labels(close(0.9), 1),
            samples=[Sample(ATTACK, ATTACK, ATTACK, ATTACK)],
            notes=[ATTACK],
            advice=[Advice("code", ATTACK, (ATTACK,))],
        ),
        b"\x89PNG",
    )
    assert "<script" not in html
    assert html.count("<img") == 1
    assert not re.search(r'(?:src|href)="(?!data:)', html)
    assert "default-src 'none'" in html
    # The fault's two, the sample's four, the note's, the advice's two.
    assert html.count("&lt;script&gt;") == 9


def test_every_part_is_shown_with_its_interval() -> None:
    html = page.render(evaluation(labels=labels(close(0.9), 1)))
    for title in ("Perplexity on held-out", "Style", "Fact keeping", "Forgetting", "Labels"):
        assert f"<h2>{title}" in html
    assert "90.0% (89% to 91%)" in html
    assert "10 (9.99 to 10)" in html
    assert "No figure here is bad" in html


def test_both_files_are_written_and_a_lone_surrogate_spoils_neither(tmp_path: Path) -> None:
    write.prepare(tmp_path / "a" / "b")
    found = evaluation(samples=[Sample("q", "w", "b", "\ud800")])
    html, data = write.write(found, tmp_path / "a" / "b")
    assert html.read_text().startswith("<!doctype html>")
    told = json.loads(data.read_text())
    assert told["schema"] == 1
    assert told["samples"][0]["after"] == "?"
    assert told["perplexity"]["ratio"] == {"value": 0.5, "low": 0.49, "high": 0.51}


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FinetuneError, match="cannot be made"):
        write.prepare(tmp_path / "file" / "out")

"""The style benchmark, on two small texts in two manners."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import style
from tests.finetune.evaluation.conftest import written


@pytest.fixture
def texts(tmp_path: Path) -> list[Path]:
    files = [tmp_path / "one.txt", tmp_path / "two.txt"]
    for manner, file in enumerate(files):
        file.write_text("\n\n".join(written(manner, 120)))
    return files


def test_two_manners_are_told_apart_and_one_is_not_told_from_itself(texts: list[Path]) -> None:
    one, two = (style.passages(file) for file in texts)
    right = style.judge(one, two, 60, 3)
    assert right["classifier"] == right["delta"] == [True] * len(right["delta"])
    same = style.judge(one, [*one[60:], *one[:60]], 60, 3)
    assert sum(same["delta"]) < 0.8 * len(same["delta"])


def test_what_is_held_out_is_not_learnt_from() -> None:
    texts = [[str(number)] for number in range(10)]
    parts = style.folds(texts, 3)
    assert [text for _, held in parts for text in held] == texts
    assert all(sorted(learnt + held) == texts for learnt, held in parts)


def test_a_table_and_a_line_of_json_are_printed(
    texts: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["style", *map(str, texts), "--words", "60", "--folds", "3"]
    monkeypatch.setattr(sys, "argv", words)
    style.main()
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["classifier"][0] == 100
    monkeypatch.setattr(sys, "argv", [*words[:3], "--words", "3000"])
    with pytest.raises(SystemExit, match="too short"):
        style.main()

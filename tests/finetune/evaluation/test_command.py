"""`agent finetune evaluate`, typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.__main__ import main
from tests.finetune.evaluation.conftest import plain
from tests.finetune.training import sets

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Typed:
    monkeypatch.setenv("AGENT_HOME", str(tmp_path / "home"))

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["agent", "finetune", "evaluate", *map(str, arguments)])
        capsys.readouterr()
        code = main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_figures_are_printed_and_the_report_is_written(
    typed: Typed, adapter_run: Path, tmp_path: Path
) -> None:
    other = sets.write(tmp_path / "plain", "chat", plain(8))
    own = tmp_path / "own.txt"
    own.write_text("Rome has 3 gates [1].\n\nIt was not sold [2].\n")
    out = tmp_path / "out"
    words = (adapter_run, "--samples", 36, "--plain", other, "--answers", own, "--out", out)
    code, said, _ = typed(*words)
    assert code == 0
    for head in ("Perplexity  ", "Forgetting  ", "Style       ", "Facts kept  "):
        assert f"\n{head}" in f"\n{said}"
    assert "of 2 sentences" in said
    assert "Try next: It forgot" in said
    assert (out / "report.html").is_file()
    told = json.loads((out / "report.json").read_text())
    # The gate of the persona pass: what the tiny model says has lost its citation.
    assert told["facts"]["after"]["kept"]["value"] == 0
    assert {advice["code"] for advice in told["advice"]} >= {"forgot", "facts-lost"}


def test_json_is_the_report_itself(typed: Typed, full_run: Path) -> None:
    code, said, _ = typed(full_run, "--samples", 2, "--json")
    assert code == 0
    written = json.loads((full_run / "evaluation" / "report.json").read_text())
    assert json.loads(said) == written
    assert written["facts"]["sentences"] == 24


def test_what_is_no_run_is_an_error_and_gets_no_folder(typed: Typed, tmp_path: Path) -> None:
    code, said, complaint = typed(tmp_path / "nothing")
    assert (code, said) == (1, "")
    assert "is no run" in complaint
    assert "hint: Name a folder that `agent finetune train` made." in complaint
    assert not (tmp_path / "nothing").exists()

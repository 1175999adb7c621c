"""`agent finetune check`, typed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agent.__main__ import main
from finetune import recipe as recipes
from finetune.training.train import train
from tests.finetune import tiny_model
from tests.finetune.preflight.conftest import MAKE_RECIPE, MAKE_SET, chat


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> object:
    monkeypatch.setenv("AGENT_HOME", str(tmp_path / "home"))

    def run(*arguments: object) -> tuple[int, str, str]:
        words = ["agent", "finetune", "check", *map(str, arguments)]
        monkeypatch.setattr("sys.argv", words)
        capsys.readouterr()
        code = main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def recipe_file(recipe_of: MAKE_RECIPE, tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(recipes.dumps(recipe_of(max_length=64)))
    return path


def test_errors_are_printed_with_line_and_remedy_and_fail(
    typed, set_of: MAKE_SET, recipe_file: Path
) -> None:
    code, out, _ = typed(recipe_file, "--data", set_of(chat("Who?", "")))
    assert code == 1
    assert "error: train.jsonl:3: An assistant's turn is empty" in out
    assert "  fix: Remove the row" in out
    assert out.endswith("1 error.\n")
    assert "all rows tokenized" in out


def test_a_runs_recipe_is_checked_with_the_template_that_the_run_holds(
    typed, set_of: MAKE_SET, recipe_of: MAKE_RECIPE, tmp_path: Path
) -> None:
    template = tmp_path / "mine.jinja"
    template.write_text("{{ '<|im_start|>' }}" + tiny_model.CHAT_TEMPLATE)
    data, run = set_of(), tmp_path / "run"
    train(recipe_of(chat_template=str(template), max_steps=1), data, run)
    template.write_text("{{ messages | nothing }}")
    code, out, _ = typed(run / "recipe.toml", "--data", data)
    assert (code, "template-of-your-own" in out) == (0, True)
    (run / "chat_template.jinja").unlink()
    code, _, err = typed(run / "recipe.toml", "--data", data)
    assert code == 1
    assert f"back as {run / 'chat_template.jinja'}" in " ".join(err.split())


def test_a_base_in_the_home_folder_is_found(
    typed, set_of: MAKE_SET, base: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(base.parent))
    recipe_file.write_text(recipe_file.read_text().replace(str(base), "~/tiny"))
    code, out, _ = typed(recipe_file, "--data", set_of())
    assert (code, "No errors." in out) == (0, True)
    assert typed("small-cpu", "--base", "~/tiny", "--data", set_of(name="other"))[0] == 0


def test_fix_names_the_copies_and_succeeds(typed, set_of: MAKE_SET, recipe_file: Path) -> None:
    before = recipe_file.read_text()
    folder = set_of(chat("Who?", ""), chat("And where?", "fox " * 60))
    code, out, _ = typed(recipe_file, "--data", folder, "--fix")
    assert code == 0
    assert "fixed: train.jsonl:3" in out
    assert "set.mended" in out
    assert recipe_file.read_text() == before
    mended = recipes.load(recipe_file.with_name("mine.mended.toml"))
    assert mended.max_length == 128
    code, out, _ = typed("mine.mended.toml", "--data", folder)
    assert code == 2


def test_a_mended_recipe_replaces_no_file(typed, set_of: MAKE_SET, recipe_file: Path) -> None:
    first = recipe_file.with_name("mine.mended.toml")
    first.write_text("# mine")
    words = (recipe_file, "--data", set_of(chat("And where?", "fox " * 60)), "--fix")
    _, out, _ = typed(*words)
    assert first.read_text() == "# mine"
    assert "Mended recipe: " in out
    assert "mine.mended-2.toml" in out
    assert recipes.load(recipe_file.with_name("mine.mended-2.toml")).max_length == 128
    _, out, _ = typed(*words)
    assert "mine.mended-2.toml" in out
    assert not recipe_file.with_name("mine.mended-3.toml").exists()


def test_a_shown_row_marks_what_is_trained_without_colour(
    typed, set_of: MAKE_SET, recipe_file: Path
) -> None:
    _, out, _ = typed(recipe_file, "--data", set_of(), "--show", 1)
    assert "  | <|im_start|>assistant\n  | ⟦Verily, the fox" in out
    assert "sleepeth.<|im_end|>⟧" in out
    assert "\x1b" not in out


def test_a_shown_row_is_painted_on_a_terminal(
    typed, set_of: MAKE_SET, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.cli.terminal.is_terminal", lambda stream: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    _, out, _ = typed(recipe_file, "--data", set_of(chat("\x1b[2JWho?", "I am.\nI.")), "--show", 3)
    assert "\x1b[32mVerily" in out
    assert "\x1b[32mI am.\x1b[0m\n  | \x1b[32mI." in out
    assert "\x1b[2J" not in out
    assert "\u241b[2JWho?" in out
    monkeypatch.setenv("NO_COLOR", "1")
    _, out, _ = typed(recipe_file, "--data", set_of(name="other"), "--show", 1)
    assert "\x1b[32m" not in out
    assert "⟦Verily" in out


def test_a_preset_is_checked_by_its_name(
    typed, set_of: MAKE_SET, base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = typed(
        "small-cpu", "--data", set_of(), "--base", base, "--set", "max_length=128", "--json"
    )
    assert code == 0
    told = json.loads(out)
    assert told["recipe"]["max_length"] == 128
    assert told["errors"] == 0
    assert told["counts"] == {"train": 120, "valid": 4, "test": 0}


def test_json_names_code_place_and_remedy(typed, set_of: MAKE_SET, recipe_file: Path) -> None:
    code, out, _ = typed(recipe_file, "--data", set_of(chat("Who?", "")), "--json", "--show", 1)
    told = json.loads(out)
    assert code == 1
    (error,) = [one for one in told["findings"] if one["level"] == "error"]
    assert (error["code"], error["where"], error["fixed"]) == (
        "empty-answer",
        ["train.jsonl:3"],
        False,
    )
    assert told["shown"][0]["pieces"][1]["loss"] is True


def test_a_recipe_that_is_nowhere_is_refused(typed, set_of: MAKE_SET) -> None:
    code, _, err = typed("nowhere.toml", "--data", set_of())
    assert code == 2
    assert "small-cpu" in err


def test_the_handbook_names_every_finding() -> None:
    root = Path(__file__).resolve().parents[3]
    page = (root / "docs" / "handbook" / "fine-tuning-check.md").read_text()
    source = "".join(
        path.read_text() for path in sorted((root / "finetune" / "preflight").glob("*.py"))
    )
    levels = r'Finding\(\s*"(?:error|warning|hint)"[^,]*,\s*"([a-z-]+)"'
    codes = {*re.findall(levels, source), "few-examples", "facts-change", "answers-cite"}
    assert len(codes) > 35
    assert not [code for code in sorted(codes) if f"`{code}`" not in page]
    shown = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", page))
    assert not [code for code in sorted(shown) if f'"{code}"' not in source]

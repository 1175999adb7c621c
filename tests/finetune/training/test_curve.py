from __future__ import annotations

from pathlib import Path

from finetune.training import curve


def test_a_sparkline_falls_as_the_loss_does() -> None:
    assert curve.sparkline([4.0, 3.0, 2.0, 1.0], 10) == "█▆▃▁"
    assert curve.sparkline([4.0, 4.0, 1.0, 1.0], 2) == "█▁"
    assert curve.sparkline([2.0, 2.0], 10) == "▁▁"
    assert curve.sparkline([], 10) == ""
    assert curve.sparkline([1.0], 0) == ""


def test_the_curve_in_lines_shows_its_ends_and_keeps_its_size() -> None:
    lines = curve.text([5.0, 4.0, 1.5], width=10, height=4)
    assert len(lines) == 4
    assert lines[0].startswith("5.000 ┤")
    assert lines[-1].startswith("1.500 ┤")
    assert {len(line) for line in lines} == {len("5.000 ┤") + 10}
    assert curve.text([]) == []
    assert len(curve.text([1.0], width=10)) == 8


def test_more_values_than_columns_are_averaged() -> None:
    lines = curve.text([1.0, 3.0] * 500, width=5, height=2)
    assert lines[0].startswith("2.000 ┤")


def test_the_picture_has_a_panel_for_each_stage(tmp_path: Path) -> None:
    from PIL import Image

    one = [{"stage": "sft", "step": step, "loss": 3.0 - step} for step in range(3)]
    measured = [{"stage": "sft", "step": 2, "valid_loss": 2.0}]
    two = [{"stage": "dpo", "step": step, "loss": 0.6} for step in range(2)]
    curve.picture(one + measured, tmp_path / "one.png")
    curve.picture(one + measured + two, tmp_path / "two.png")
    with Image.open(tmp_path / "one.png") as narrow, Image.open(tmp_path / "two.png") as wide:
        assert wide.width == 2 * narrow.width
    assert {path.name for path in tmp_path.glob("*.png*")} == {"one.png", "two.png"}

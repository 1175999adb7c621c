from __future__ import annotations

from agent.cli.finetune_curve import Drawing
from agent.cli.terminal import Console
from finetune.training.progress import Progress


class Screen(Console):
    """A terminal, on paper."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.lines: list[str] = []

    @property
    def shows_transient(self) -> bool:
        return True

    def transient(self, text: str) -> None:
        self.lines.append(text)

    def note(self, text: str) -> None:
        self.lines.append(f"note: {text}")

    remark = note


def test_one_line_shows_the_step_the_loss_its_curve_and_the_time_left() -> None:
    screen = Screen()
    drawing = Drawing(screen, clock=lambda: screen.now)
    for step, loss in enumerate((4.0, 3.0, 2.0, 1.0), 1):
        screen.now = float(step)
        drawing(Progress("sft", step, 8, 0.5, loss))
    screen.now += 1
    drawing(Progress("sft", 4, 8, 0.5, valid_loss=1.5))
    assert screen.lines[0] == "note: Going on after step 1 of 8."
    assert screen.lines[-1] == "learning 4/8 · loss 1.000 █▆▃▁ · held out 1.500 · 5.3 s left"


def test_states_that_follow_at_once_are_not_all_drawn() -> None:
    screen = Screen()
    drawing = Drawing(screen, clock=lambda: screen.now)
    for step in range(100):
        screen.now += 0.01
        drawing(Progress("classify", step, 100, 0.0, 1.0))
    assert 5 < len(screen.lines) < 15


def test_the_whole_curve_of_each_stage_follows() -> None:
    screen = Screen()
    drawing = Drawing(screen, clock=lambda: screen.now)
    for stage in ("sft", "dpo"):
        for step in range(3):
            drawing(Progress(stage, step, 3, 0.0, 3.0 - step))
    screen.lines.clear()
    drawing.show_curve()
    assert [line for line in screen.lines if line.startswith("note: Loss")] == [
        "note: Loss over 3 steps (sft):",
        "note: Loss over 3 steps (dpo):",
    ]
    assert len(screen.lines) == 2 + 2 * 8

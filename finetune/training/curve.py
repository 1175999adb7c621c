"""Losses over steps: as text for a terminal, and as a picture (the only door of matplotlib)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

_BARS = "▁▂▃▄▅▆▇█"
_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille character's dots, by row and column (Unicode, block 2800)."""


def sparkline(values: Sequence[float], width: int) -> str:
    """One line of bars, each the mean of an equal share of the values; the highest is full."""
    if not values or width < 1:
        return ""
    means = _shares(values, min(width, len(values)))
    low, high = min(means), max(means)
    reach = (high - low) or 1.0
    return "".join(_BARS[round((mean - low) / reach * (len(_BARS) - 1))] for mean in means)


def text(values: Sequence[float], *, width: int = 60, height: int = 8) -> list[str]:
    """The curve as lines, with its highest and lowest value at the left; empty for no values.

    Args:
        values: One for each step.
        width: Columns of the curve, without the axis; a column has two dots.
        height: Lines; a line has four dots.
    """
    if not values:
        return []
    means = _columns(values, width * 2)
    low, high = min(means), max(means)
    reach = (high - low) or 1.0
    cells = [[0] * (-(-len(means) // 2)) for _ in range(height)]
    for column, mean in enumerate(means):
        dot = round((high - mean) / reach * (height * 4 - 1))
        cells[dot // 4][column // 2] |= _BRAILLE[dot % 4][column % 2]
    ends = {0: f"{high:.3f}", height - 1: f"{low:.3f}"}
    wide = max(len(end) for end in ends.values())
    return [
        f"{ends.get(number, ''):>{wide}} ┤{''.join(chr(0x2800 + cell) for cell in row)}"
        for number, row in enumerate(cells)
    ]


def picture(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the rows of `metrics.jsonl` to a PNG: one panel for each stage."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    stages = list(dict.fromkeys(row["stage"] for row in rows))
    with mpl.rc_context({"axes.grid": True, "grid.alpha": 0.3}):
        figure = Figure(figsize=(7.0 * len(stages), 4.0), layout="constrained")
        FigureCanvasAgg(figure)
        for number, stage in enumerate(stages, 1):
            axes = figure.add_subplot(1, len(stages), number)
            for key, label, marker in (("loss", "training", ""), ("valid_loss", "validation", "o")):
                points = [
                    (row["step"], row[key]) for row in rows if row["stage"] == stage and key in row
                ]
                if points:
                    axes.plot(*zip(*points, strict=True), label=label, marker=marker)
            axes.set_title(str(stage))
            axes.set_xlabel("step")
            axes.set_ylabel("loss")
            axes.legend()
        partial = path.with_name(path.name + ".partial")
        figure.savefig(partial, format="png", dpi=120)
    os.replace(partial, path)


def _columns(values: Sequence[float], count: int) -> list[float]:
    """One value for each column: means of more values, and between fewer ones, straight lines."""
    if len(values) >= count or len(values) == 1:
        return _shares(values, min(count, len(values)))
    found = []
    for column in range(count):
        place = column / (count - 1) * (len(values) - 1)
        left = min(int(place), len(values) - 2)
        found.append(values[left] + (values[left + 1] - values[left]) * (place - left))
    return found


def _shares(values: Sequence[float], count: int) -> list[float]:
    """The means of `count` runs of neighbours, of lengths as equal as can be."""
    edges = [round(number * len(values) / count) for number in range(count + 1)]
    return [sum(values[start:end]) / (end - start) for start, end in pairwise(edges)]

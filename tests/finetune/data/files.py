"""Small sources, written where a test wants them, and sets read back."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from finetune.data import Options, Prepared, prepare

ALL = Options(valid=0, test=0)
"""Nothing held out: every row that is used stands in train.jsonl."""


def lines(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def made(tmp_path: Path, rows: Iterable[Any], options: Options = ALL) -> tuple[Prepared, list[Any]]:
    """The set of some rows, and what is to be trained on."""
    done = prepare([lines(tmp_path / "rows.jsonl", rows)], tmp_path / "set", options)
    return done, read(done.folder / "train.jsonl")


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def told(folder: Path, what: str) -> list[tuple[int, str]]:
    """The line and the reason of all that a set's report says of one sort."""
    return [
        (problem["line"], problem["reason"])
        for problem in read(folder / "refused.jsonl")
        if problem["what"] == what
    ]


WORDS = [
    first + last
    for first in ("river", "stone", "candle", "market", "bridge", "winter", "forest", "copper")
    for last in ("wright", "holm", "beck", "field", "gate", "ley")
]


def distinct(count: int) -> list[dict[str, str]]:
    """Alpaca rows of which no two are near each other."""
    from random import Random

    random = Random(7)
    return [
        {
            "instruction": " ".join(random.sample(WORDS, 8)),
            "input": "",
            "output": " ".join(random.sample(WORDS, 12)),
        }
        for _ in range(count)
    ]

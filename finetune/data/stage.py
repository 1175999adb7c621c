"""Examples on disk while a set is made: written once, read by number.

The memory holds a few arrays of numbers, some bytes an example, however long the texts are.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from finetune.data.rows import SPLITS, Split


@dataclass(frozen=True, slots=True)
class Staged:
    """An example as it is staged."""

    row: dict[str, Any]
    asked: tuple[str, ...]
    answer: str
    source: int
    """The number of its source."""
    line: int


class Stage:
    """The examples of a set to be, in the order in which they came."""

    def __init__(self, folder: Path) -> None:
        """Make the file in a folder that must exist."""
        self._file: BinaryIO = (folder / "staged.jsonl").open("w+b")
        self._offsets = array("Q")
        self.sources = array("L")
        """The number of each example's source."""
        self.lines = array("Q")
        """The line of each."""
        self.groups = array("Q")
        """A hash of each one's group; 0 for those without."""
        self.wanted = array("b")
        """The split that each must go to, as its place in `SPLITS`; -1 for any."""
        self.units = array("Q")
        """A hash of the text by which each is dealt to a split."""
        self.used = array("b")
        """0 for those that are not written."""
        self.binds = array("b")
        """0 for those that have no say in where others go."""
        self.exchanges = array("Q")
        """A hash of every question with its answer, of all examples one after the other."""
        self.holders = array("Q")
        """The number of the example that holds each."""

    def __len__(self) -> int:
        return len(self._offsets)

    def add(
        self,
        one: Staged,
        *,
        group: int,
        unit: int,
        split: Split | None,
        exchanges: Sequence[int] = (),
        binds: bool = True,
        used: bool = True,
    ) -> None:
        """Write one down."""
        self.exchanges.extend(exchanges)
        self.holders.extend([len(self)] * len(exchanges))
        self._offsets.append(self._file.seek(0, 2))
        line = json.dumps([one.row, one.asked, one.answer], ensure_ascii=False)
        self._file.write(line.encode() + b"\n")
        self.sources.append(one.source)
        self.lines.append(one.line)
        self.groups.append(group)
        self.units.append(unit)
        self.binds.append(binds)
        self.used.append(used)
        self.wanted.append(-1 if split is None else SPLITS.index(split))

    def __getitem__(self, number: int) -> Staged:
        self._file.seek(self._offsets[number])
        row, asked, answer = json.loads(self._file.readline())
        return Staged(row, tuple(asked), answer, self.sources[number], self.lines[number])

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

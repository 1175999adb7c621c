"""What is told of single rows: all of it in a file as it comes, the first of each sort kept."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from finetune.data.rows import Problem

SHOWN = 200
"""Problems of each sort that stand in `report.json`; `refused.jsonl` has all."""
_REASONS = 100


class Report:
    """Takes problems. A context, in which its file is open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._first: dict[str, list[Problem]] = {}
        self.counts: Counter[str] = Counter()
        """By sort: broken, duplicate, leak, pii, repaired, left out."""
        self.reasons: dict[str, Counter[str]] = {}
        """Of each sort, by reason."""

    def __enter__(self) -> Self:
        """Make the file."""
        self._file = self._path.open("w", encoding="utf-8", errors="backslashreplace")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def tell(self, problem: Problem) -> None:
        """Take one."""
        assert self._file is not None
        self._file.write(json.dumps(problem.to_json(), ensure_ascii=False) + "\n")
        self.counts[problem.what] += 1
        reasons = self.reasons.setdefault(problem.what, Counter())
        known = problem.reason in reasons or len(reasons) < _REASONS
        reasons[problem.reason if known else "other reasons"] += 1
        first = self._first.setdefault(problem.what, [])
        if len(first) < SHOWN:
            first.append(problem)

    def to_json(self) -> dict[str, Any]:
        """As it stands in `report.json`."""
        return {
            what: {
                "count": self.counts[what],
                "reasons": dict(self.reasons[what].most_common()),
                "first": [problem.to_json() for problem in self._first[what]],
            }
            for what in sorted(self.counts)
        }

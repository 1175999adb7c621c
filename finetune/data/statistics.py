"""What a split holds, in numbers. Counts while rows go by; holds two integers a row."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import Any

from finetune.data.pii import texts_of

_LABELS = 1000
"""Labels that are told apart; the rest are counted together."""


class Statistics:
    """Of one split."""

    def __init__(self) -> None:
        self._rows = 0
        self._words = 0
        self._turns: Counter[int] = Counter()
        self._with_system = 0
        self._lengths = {"prompt": array("Q"), "answer": array("Q")}
        self._labels: Counter[str] = Counter()

    def add(self, row: dict[str, Any]) -> None:
        """Count a row as it is written."""
        self._rows += 1
        self._words += sum(len(text.split()) for text in texts_of(row))
        if "text" in row:
            self._lengths["prompt"].append(len(row["text"]))
            known = row["label"] in self._labels or len(self._labels) < _LABELS
            self._labels[row["label"] if known else "…"] += 1
            return
        messages = row.get("messages") or [*row["prompt"], *row["chosen"]]
        answers = [m for m in messages if m["role"] == "assistant"]
        self._turns[len(answers)] += 1
        self._with_system += messages[0]["role"] == "system"
        said = sum(len(m["content"]) for m in answers)
        self._lengths["answer"].append(said)
        self._lengths["prompt"].append(sum(len(m["content"]) for m in messages) - said)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the manifest; lengths are in characters."""
        found: dict[str, Any] = {"rows": self._rows, "words": self._words}
        for name, lengths in self._lengths.items():
            if lengths:
                found[f"{name}_characters"] = _spread(lengths)
        if self._labels:
            found["labels"] = dict(self._labels.most_common())
        else:
            found["turns"] = {str(turns): n for turns, n in sorted(self._turns.items())}
            found["with_system"] = self._with_system
        return found


def _spread(lengths: array[int]) -> dict[str, int]:
    ranked = sorted(lengths)

    def at(share: float) -> int:
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))]

    return {
        "mean": round(sum(ranked) / len(ranked)),
        "median": at(0.5),
        "p95": at(0.95),
        "largest": ranked[-1],
    }

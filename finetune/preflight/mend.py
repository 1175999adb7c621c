"""A mended copy of a set, of a recipe, or of a chat template. The originals stay as they are.

Rows are changed only where it needs no guess: known names of roles, turns of one role joined,
control tokens broken, repeats taken out. What is left is left out of the copy, and listed there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from finetune.data import DataSet
from finetune.data.conversation import conversation
from finetune.data.folder import MANIFEST, REFUSED, REPORT, described, fresh, put, write_rows
from finetune.data.leaks import exchanges
from finetune.data.rows import SPLITS, BadRow, Split
from finetune.preflight.findings import Place
from finetune.serving import harmless
from finetune.training import runs

_LEAVE_OUT = {
    "no-answer",
    "empty-text",
    "same-preference",
    "label-unknown",
    "leak",
    "preference-leak",
    "duplicate",
    "prompt-too-long",
    "answer-cut",
}
_REORDER = {"role-unknown", "empty-answer", "turns-out-of-order", "template-refuses"}


@dataclass(slots=True)
class Mending:
    """What was done to the rows of a set."""

    changed: int = 0
    left_out: list[dict[str, Any]] = field(default_factory=list)
    """`source`, `line`, `what`, `reason`, as in a set's `refused.jsonl`."""


def copy_of(folder: Path) -> Path:
    """Where the mended copy of a set goes: beside it."""
    return folder.resolve().with_name(f"{folder.resolve().name}.mended")


def write(
    data: DataSet,
    marks: Mapping[str, Iterable[Place]],
    control: Sequence[str],
) -> Path:
    """Write the copy.

    Args:
        data: The set.
        marks: Places by code: what was found of single rows.
        control: Control tokens as they stand in text.

    Returns:
        The copy's folder.

    Raises:
        SetError: Something else is where the copy goes.
    """
    codes: dict[Place, set[str]] = {}
    for code, places in marks.items():
        for place in places:
            codes.setdefault(place, set()).add(code)
    out, done = copy_of(data.folder), Mending()
    with fresh(out) as new:
        written: dict[Split, tuple[dict[str, Any], dict[str, Any]]] = {
            split: write_rows(new, split, _mended(data, split, codes, control, done))
            for split in SPLITS
        }
        _describe(new, data, written, done)
    return out


def write_new(path: Path, text: str) -> Path:
    """Write a file, under the next free number (`voice.mended-2.toml`) where there is another.

    One that holds this text already is taken as it is.
    """
    number, place = 1, path
    while place.exists() and not _holds(place, text):
        number += 1
        place = path.with_name(f"{path.stem}-{number}{path.suffix}")
    if not place.exists():
        runs.write_text(place, text)
    return place


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def template(text: str) -> str:
    """The template with what follows the generation markers drawn into them, where it is plain."""
    end = re.compile(r"(\{%-?\s*endgeneration\s*-?%\})(\s*)(\{\{.*?\}\}|<[^<>{}\s]+>)", re.DOTALL)
    return end.sub(lambda match: match[2] + match[3] + match[1], text)


def _mended(
    data: DataSet,
    split: str,
    codes: Mapping[Place, set[str]],
    control: Sequence[str],
    done: Mending,
) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(getattr(data, split), 1):
        place = Place(f"{split}.jsonl", number)
        wrong = codes.get(place, set())
        reason = next(iter(sorted(wrong & _LEAVE_OUT)), "")
        if not wrong or not reason:
            try:
                new = _row(row, wrong, control) if wrong else row
                done.changed += new != row
                yield new
                continue
            except BadRow as error:
                reason = str(error)
        done.left_out.append(
            {"source": place.file, "line": number, "what": "left out", "reason": reason}
        )


def _row(row: dict[str, Any], wrong: set[str], control: Sequence[str]) -> dict[str, Any]:
    """One row mended.

    Raises:
        BadRow: It cannot be.
    """
    if "row-shape" in wrong:
        talk = row.get("conversations", row.get("messages")) if isinstance(row, dict) else None
        return {"messages": conversation(talk, {})[0]}
    new = dict(row)
    if wrong & _REORDER and "messages" in row:
        new["messages"], _ = conversation(row["messages"], {})
    elif wrong & _REORDER and "prompt" in row:
        new["prompt"], _ = conversation(row["prompt"], {}, needs_answer=False)
        for key in ("chosen", "rejected"):
            talk, _ = conversation([{"role": "user", "content": "?"}, *row[key]], {})
            new[key] = talk[1:]
    if "messages" in new and wrong & {"paired-with-itself", *_REORDER}:
        new["messages"] = _without_repeats(new["messages"])
    if "control-token-in-text" in wrong:
        for key, value in new.items():
            if isinstance(value, list):
                new[key] = [
                    turn | {"content": harmless(turn["content"], control)} for turn in value
                ]
            elif key == "text":
                new[key] = harmless(value, control)
    return new


def _without_repeats(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    seen: set[tuple[str, str]] = set()
    gone: set[int] = set()
    for at, pair in enumerate(pairwise(messages)):
        for exchange in exchanges(list(pair)):
            if exchange in seen:
                gone |= {at, at + 1}
            seen.add(exchange)
    return [turn for at, turn in enumerate(messages) if at not in gone]


def _describe(
    folder: Path,
    data: DataSet,
    written: Mapping[Split, tuple[dict[str, Any], dict[str, Any]]],
    done: Mending,
) -> None:
    """Manifest, report and list of a copy; its digest is made as that of any set."""
    mended = {"mended_from": {"digest": data.digest, "changed": done.changed}}
    put(folder / MANIFEST, data.manifest | described(data.kind, written) | mended)
    counts: dict[str, int] = {}
    for one in done.left_out:
        counts[one["reason"]] = counts.get(one["reason"], 0) + 1
    report = {
        "left out": {
            "count": len(done.left_out),
            "reasons": counts,
            "first": done.left_out[:200],
        }
    }
    put(folder / REPORT, report)
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in done.left_out)
    (folder / REFUSED).write_text(lines, encoding="utf-8")
